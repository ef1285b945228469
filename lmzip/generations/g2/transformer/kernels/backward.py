"""The learning step as compiled loops: backward pass and Adam over one segment.

It runs beside the prediction of the next segment: it reads the activations that its own segment
left, changes only what is in `Learner`, and prediction takes over what was learned by `refresh`
when both stand still. Scratch arrays are flat and cut to shape, so nothing is allocated.
"""

from __future__ import annotations

import numpy as np

from ...entry import entry
from ...jit import kernel
from ...native.structs import matrix
from .adam import adam_row, adam_rows
from .arithmetic import SUMS, F, dot, quantise
from .candidates import candidates_back
from .gradients import signed_gradient, unsigned_gradient
from .packing import (
    interleave,
    pack_rows,
    quantise_columns,
    split_signs,
)
from .products import matrix_product


@kernel
def input_gradient(s, m, layer, dy, dx):
    """dx [T, in] from dy [T, out]. s: the learner; m: the matrices of which `layer` is meant."""
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
    matrix_product(codes, m.back[layer], m.back_raised[layer], y)
    for r in range(rows):
        for i in range(inner):
            dx[r, i] = F(y[r, i]) * steps[r]


@kernel
def learn_matrix(s, m, layer, x, x_scale, signed, dy, powers, rate):
    """One step of a matrix, from dy [T, out] and its input x [T, in], x_scale [T].

    signed: whether x may be negative. Comes after `input_gradient`, which needs the matrix as it
    was.
    """
    rows, columns = dy.shape
    inner = x.shape[1]
    top, g_scale = s.lines[:columns], s.lines[columns : 2 * columns]
    packed = matrix(s.packed, columns // SUMS, SUMS * rows)
    signs, four = matrix(s.codes, columns // SUMS, SUMS * rows), matrix(s.codes, 4, columns)
    dw, below = matrix(s.sums, SUMS, inner), s.sums[SUMS * inner : SUMS * inner + columns]
    quantise_columns(dy, x_scale, top, g_scale, below, four, packed)
    pack_rows(x, 0, m.packed)
    back_raised = m.back_raised[layer]
    for i in range(inner):
        back_raised[i] = 0
    for block in range(packed.shape[0]):
        d, sign = packed[block], signs[block]
        if signed:
            split_signs(d, sign)
            own = below[SUMS * block : SUMS * block + SUMS]
            signed_gradient(d, sign, own, m.packed, dw)
        else:
            unsigned_gradient(d, m.packed, dw)
        adam_rows(m, layer, block, dw, g_scale, powers, rate)


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
    layers, learning = p.keys.shape[0], s.up.w.shape[0]
    first = segment % 2 * rows
    last = first + rows
    dx, dh = s.residual, s.inner
    d_logits = matrix(s.wide, rows, p.head.scale.shape[1])
    for r in range(rows):
        for symbol in range(256):
            d_logits[r, symbol] = F(p.freq[first + r, symbol]) * F(2.0**-24)
        d_logits[r, text[r]] -= F(1)
    grad = s.sums[: s.table.shape[0]]
    step = candidates_back(p.slots, first, s.table, p.gates[first:last], d_logits, grad)
    adam_row(s.table, grad, step, s.table_m, s.table_v, powers[0], powers[1], rates[2])
    x, x_scale = p.head.x[1, first:last], p.head.x_scale[1, first:last]
    input_gradient(s, s.head, 0, d_logits, dh)
    learn_matrix(s, s.head, 0, x, x_scale, True, d_logits, powers, rates[1])
    for r in range(rows):
        for c in range(width):
            dx[r, c] = 0
    norm_back(x, x_scale, p.rate[2 * layers, first:last], dh, dx, s)
    for number in range(learning - 1, -1, -1):
        layer, kept = layers - learning + number, number + 1
        d_hidden = matrix(s.wide, rows, 4 * width)
        x, x_scale = p.down.x[kept, first:last], p.down.x_scale[kept, first:last]
        input_gradient(s, s.down, number, dx, d_hidden)
        # Its inputs are squares.
        learn_matrix(s, s.down, number, x, x_scale, False, dx, powers, rates[0])
        hidden = p.hidden[kept, first:last]
        for r in range(rows):
            for o in range(4 * width):
                d_hidden[r, o] = d_hidden[r, o] * (F(2) * hidden[r, o])
        x, x_scale = p.up.x[kept, first:last], p.up.x_scale[kept, first:last]
        if number > 0:  # below the lowest layer that learns nobody needs the gradient
            input_gradient(s, s.up, number, d_hidden, dh)
        learn_matrix(s, s.up, number, x, x_scale, True, d_hidden, powers, rates[0])
        if number > 0:
            norm_back(x, x_scale, p.rate[2 * layer + 1, first:last], dh, dx, s)


@kernel
def refresh_layers(used, learned):
    """Use what was learned of the last layers' matrices."""
    first = used.codes.shape[0] - learned.codes.shape[0]
    for layer in range(learned.codes.shape[0]):
        interleave(learned.codes[layer], used.codes[first + layer])
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
