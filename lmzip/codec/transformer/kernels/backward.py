"""The learning step as compiled loops: backward pass and Adam over one segment.

It runs beside the prediction of the next segment: it reads the activations that its own segment
left, changes only what is in `Learner`, and prediction takes over what was learned by `refresh`
when both stand still. Scratch arrays are flat and cut to shape, so nothing is allocated.
"""

from __future__ import annotations

import numpy as np

from lmzip.codec.entry import entry
from lmzip.codec.jit import kernel
from lmzip.codec.native.structs import matrix
from lmzip.codec.transformer.kernels.adam import adam_matrix, adam_row
from lmzip.codec.transformer.kernels.arithmetic import (
    F,
    dot,
    pack_rows,
    quantise,
    quantise_columns,
    turn,
)
from lmzip.codec.transformer.kernels.candidates import candidates_back
from lmzip.codec.transformer.kernels.products import product


@kernel
def linear_back(s, m, layer, x, x_scale, dy, dx, powers, rate):
    """Gradient by the input, dx [T, in], from dy [T, out]; then the matrix takes its Adam step.

    s: the learner; m: the matrices of which `layer` is meant; x [T, in], x_scale [T]:
    the input. Scales dy by the way.
    """
    rows, columns = dy.shape
    inner = dx.shape[1]
    codes = matrix(s.codes, rows, columns)
    line, steps = s.lines[:columns], s.lines[columns : columns + rows]
    scale = m.scale[layer]
    for r in range(rows):
        for o in range(columns):
            line[o] = dy[r, o] * scale[o]
        steps[r], _ = quantise(line, codes[r])
    y = matrix(s.sums, rows, inner)
    product(codes, m.back[layer], y)
    for r in range(rows):
        for i in range(inner):
            dx[r, i] = F(y[r, i]) * steps[r]
        for o in range(columns):
            dy[r, o] = dy[r, o] * x_scale[r]
    top, g_scale = s.lines[:columns], s.lines[columns : 2 * columns]
    quantise_columns(dy, top, g_scale, codes)
    turned = matrix(s.turned, columns, rows)
    turn(codes, turned)
    pack_rows(x, m.packed)
    dw = matrix(s.sums, columns, inner)
    product(turned, m.packed, dw)
    adam_matrix(m, layer, dw, g_scale, powers, rate)


@kernel
def norm_back(codes, scale, rate, dh, dx, s):
    """dx += gradient by the input of a norm from dh; codes [T, d], its scale and rate [T]."""
    rows, width = dh.shape
    g = s.codes[:width]
    for r in range(rows):
        g_scale, _ = quantise(dh[r], g)
        along = F(dot(g, codes[r])) * g_scale * scale[r] / F(width)
        back = scale[r] * rate[r]
        row = codes[r]
        for c in range(width):
            dx[r, c] = dx[r, c] + (dh[r, c] - F(np.sign(row[c])) * along) * back


@entry
def learn_segment(s, p, segment, text, powers, rates):
    """Backward pass over a segment, and one step of every tensor that learns.

    s: the learner; p: the state of prediction; segment: its number; text: its bytes, uint8 [T];
    powers: float32 [2], what corrects the bias of Adam's moments; rates: float32 [3], of the
    layers' matrices, the head, and the table.
    """
    rows, width = s.residual.shape
    layers, learning = p.qkv.x.shape[0], s.up.w.shape[0]
    first = segment % 2 * rows
    last = first + rows
    dx, dh = s.residual, s.inner
    d_logits = matrix(s.wide, rows, p.head.scale.shape[1])
    for r in range(rows):
        for symbol in range(256):
            d_logits[r, symbol] = F(p.freq[first + r, symbol]) * F(2.0**-24)
        d_logits[r, text[r]] -= F(1)
    grad = s.lines[: s.table.shape[0]]
    candidates_back(p.slots, first, s.table, p.gates[first:last], d_logits, grad)
    adam_row(s.table, grad, s.table_m, s.table_v, powers[0], powers[1], rates[2])
    x, x_scale = p.head.x[0, first:last], p.head.x_scale[0, first:last]
    linear_back(s, s.head, 0, x, x_scale, d_logits, dh, powers, rates[1])
    for r in range(rows):
        for c in range(width):
            dx[r, c] = 0
    norm_back(x, x_scale, p.rate[2 * layers, first:last], dh, dx, s)
    for number in range(learning - 1, -1, -1):
        layer = layers - learning + number
        d_hidden = matrix(s.wide, rows, 4 * width)
        x, x_scale = p.down.x[layer, first:last], p.down.x_scale[layer, first:last]
        for r in range(rows):
            for c in range(width):
                dh[r, c] = dx[r, c]
        linear_back(s, s.down, number, x, x_scale, dh, d_hidden, powers, rates[0])
        hidden = p.hidden[layer, first:last]
        for r in range(rows):
            for o in range(4 * width):
                d_hidden[r, o] = d_hidden[r, o] * (F(2) * hidden[r, o])
        x, x_scale = p.up.x[layer, first:last], p.up.x_scale[layer, first:last]
        linear_back(s, s.up, number, x, x_scale, d_hidden, dh, powers, rates[0])
        norm_back(x, x_scale, p.rate[2 * layer + 1, first:last], dh, dx, s)


@kernel
def refresh_layers(used, learned):
    """Use what was learned of the last layers' matrices."""
    first = used.codes.shape[0] - learned.codes.shape[0]
    for layer in range(learned.codes.shape[0]):
        for block in range(learned.codes.shape[1]):
            copy(learned.codes[layer, block], used.codes[first + layer, block])
        copy(learned.raised[layer], used.raised[first + layer])
        copy(learned.scale[layer], used.scale[first + layer])


@entry
def refresh(s, p):
    """Prediction uses from now on what was learned. s: the learner; p: the state of prediction."""
    refresh_layers(p.up, s.up)
    refresh_layers(p.down, s.down)
    refresh_layers(p.head, s.head)
    copy(s.table, p.table)


@kernel
def copy(source, target):
    """target = source, [n]."""
    for i in range(source.shape[0]):
        target[i] = source[i]
