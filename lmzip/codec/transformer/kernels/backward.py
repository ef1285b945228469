"""The learning step: backward pass and Adam over one segment.

The same arithmetic as `reference/model.py` and `reference/adam.py`, bit for bit.

Each matrix takes its step as soon as its gradients are known: nothing after that reads its old
values. Scratch arrays are flat and cut to shape, so nothing is allocated.
"""

from __future__ import annotations

import numpy as np

from lmzip.codec.entry import entry
from lmzip.codec.jit import kernel
from lmzip.codec.native.structs import matrix
from lmzip.codec.transformer.kernels.adam import adam_matrix, adam_row
from lmzip.codec.transformer.kernels.arithmetic import (
    LEVELS,
    TINY,
    F,
    dot,
    key_products,
    peak,
    product,
    quantise,
    quantise_columns,
    weighted_sum,
)
from lmzip.codec.transformer.kernels.candidates import candidates_back

FINE_LEVELS, TOKEN_LEVELS = F(4095), F(1023)
"""Levels for gradients that are only summed, never multiplied: 4095 * 2048 rows < 2^24,
and 1023 * 11 candidates of a row * 1490 rows < 2^24."""


@kernel
def linear_back(m, layer, dy, dx, scratch, powers, rate):
    """Gradient by the input, dx [N, I], from dy [N, O]; then the matrix takes its Adam step.

    Scales dy by the way.
    """
    g = scratch[2]
    rows, columns = dy.shape
    inner = dx.shape[1]
    x, x_scale, scale = m.x[layer], m.x_scale[layer], m.scale[layer]
    g_codes = matrix(scratch[0], rows, columns)
    line = g[:columns]
    steps = scratch[1]
    for r in range(rows):
        for o in range(columns):
            line[o] = dy[r, o] * scale[o]
        steps[r], _ = quantise(line, g_codes[r], LEVELS)
    product(g_codes, m.codes_t[layer], dx)
    for r in range(rows):
        step = steps[r]
        for i in range(inner):
            dx[r, i] = dx[r, i] * step
    for r in range(rows):
        for o in range(columns):
            dy[r, o] = dy[r, o] * x_scale[r]
    top, g_scale = g[:columns], g[columns : 2 * columns]
    quantise_columns(dy, top, g_codes, g_scale, LEVELS)
    turned = matrix(scratch[1], inner, rows)
    for r in range(rows):
        for i in range(inner):
            turned[i, r] = x[r, i]
    dw = matrix(scratch[3], inner, columns)
    product(turned, g_codes, dw)
    adam_matrix(
        m.w[layer], dw, g_scale, m.m[layer], m.v[layer], powers, rate,
        m.codes[layer], m.codes_t[layer], top, scale,
    )  # fmt: skip


@kernel
def norm_back(m, layer, rate, dh, dx, g):
    """dx += gradient by the input of a norm, from dh [N, d]."""
    rows, width = dh.shape
    for r in range(rows):
        codes, scale = m.x[layer, r], m.x_scale[layer, r]
        g_scale, _ = quantise(dh[r], g[:width], LEVELS)
        along = dot(g[:width], codes) * g_scale * scale / F(width)
        back = scale * rate[r]
        for c in range(width):
            dx[r, c] = dx[r, c] + (dh[r, c] - np.sign(codes[c]) * along) * back


@kernel
def attention_back(s, layer, segment, d_mixed, d_qkv, scratch, powers, rate):
    """d_qkv [N, 3d] from d_mixed [N, d]; then the position bias takes its Adam step."""
    streams, heads, channels = s.keys.shape[1:4]
    window = s.bias.shape[2]
    width = heads * channels
    gain = F(1 / np.sqrt(np.float64(channels)))
    square = matrix(scratch[0], segment, segment)
    square_codes = matrix(scratch[1], segment, segment)
    line, codes = scratch[2][:window], scratch[2][window : 2 * window]
    top = scratch[2][2 * window : 2 * window + segment]
    scale = scratch[2][2 * window + segment : 2 * window + 2 * segment]
    g = scratch[2][2 * window + 2 * segment :][:channels]
    sized = segment * channels
    block = matrix(scratch[3], segment, channels)
    block_codes = matrix(scratch[3][sized:], segment, channels)
    result = matrix(scratch[3][2 * sized :], segment, channels)
    turned = matrix(scratch[3][3 * sized :], channels, window + segment)
    for h in range(heads):
        low = h * channels
        for b in range(streams):
            keys, values = s.keys[layer, b, h], s.values[layer, b, h]
            k_scale = s.k_scale[layer, b, h]
            for j in range(window + segment):
                for c in range(channels):
                    turned[c, j] = values[j, c]
            # Values: weights times what each row asks of the mix.
            for t in range(segment):
                row = b * segment + t
                total = s.total[layer, row, h]
                for c in range(channels):
                    block[t, c] = d_mixed[row, low + c] / total
                for other in range(segment):
                    square[other, t] = 0
                for other in range(max(0, t + 1 - window), t + 1):
                    square[other, t] = s.weights[layer, row, h, window - 1 - t + other]
            quantise_columns(block, top, block_codes, scale, LEVELS)
            product(square, block_codes, result)
            for t in range(segment):
                for c in range(channels):
                    d_qkv[b * segment + t, 2 * width + low + c] = result[t, c] * scale[c]
            # Scores, which replace the weights; then queries.
            for t in range(segment):
                row = b * segment + t
                total, weights = s.total[layer, row, h], s.weights[layer, row, h]
                first = t + 1
                step, _ = quantise(d_mixed[row, low : low + channels], g, LEVELS)
                key_products(g, turned, first, window, line)
                mean = F(weighted_sum(weights, line) / np.float64(total))
                factor = step * F(1 / 16) / total
                for j in range(window):
                    weights[j] = (line[j] - mean) * weights[j] * factor
                    line[j] = weights[j] * k_scale[first + j]
                step, _ = quantise(line, codes, LEVELS)
                for c in range(channels):
                    d_qkv[row, low + c] = dot(codes, keys[c, first : first + window]) * step * gain
            # Keys of this segment.
            for t in range(segment):
                row = b * segment + t
                q_scale = s.q_scale[layer, row, h]
                for other in range(segment):
                    square[t, other] = 0
                for other in range(max(0, t + 1 - window), t + 1):
                    d_score = s.weights[layer, row, h, window - 1 - t + other]
                    square[t, other] = d_score * q_scale
            quantise_columns(square, top, square_codes, scale, LEVELS)
            for t in range(segment):
                for other in range(segment):
                    square[other, t] = square_codes[t, other]
                for c in range(channels):
                    block_codes[t, c] = s.q[layer, b * segment + t, low + c]
            product(square, block_codes, result)
            for t in range(segment):
                for c in range(channels):
                    d_qkv[b * segment + t, width + low + c] = result[t, c] * scale[t]
        bias_back(s, layer, h, line, codes, powers, rate)


@kernel
def bias_back(s, layer, h, line, codes, powers, rate):
    """Sum the gradients of the scores (in place of the weights) by slot, as fine integers."""
    top = TINY
    for row in range(s.weights.shape[1]):
        top = max(top, peak(s.weights[layer, row, h]))
    fine, step = FINE_LEVELS / top, top / FINE_LEVELS
    for j in range(line.shape[0]):
        line[j] = 0
    for row in range(s.weights.shape[1]):
        d_score = s.weights[layer, row, h]
        for j in range(line.shape[0]):
            line[j] += np.rint(d_score[j] * fine)
    for j in range(line.shape[0]):
        line[j] = line[j] * step
    adam_row(
        s.bias[layer, h], line, s.bias_m[layer, h], s.bias_v[layer, h],
        powers[0], powers[1], rate,
    )  # fmt: skip


@kernel
def embedding_back(s, dx, scratch, powers, rate):
    """The embeddings of all tokens of a position share its gradient."""
    rows, width = dx.shape
    codes = matrix(scratch[0], rows, width)
    top, scale = scratch[2][:width], scratch[2][width : 2 * width]
    grad = matrix(scratch[3], s.embedding.shape[0], width)
    quantise_columns(dx, top, codes, scale, TOKEN_LEVELS)
    for token in range(grad.shape[0]):
        for c in range(width):
            grad[token, c] = 0
    for row in range(rows):
        for i in range(s.slots.tokens.shape[1]):
            token = s.slots.tokens[row, i]
            for c in range(width):
                grad[token, c] += codes[row, c]
    for token in range(grad.shape[0]):
        for c in range(width):
            grad[token, c] = grad[token, c] * scale[c]
        adam_row(
            s.embedding[token], grad[token], s.embedding_m[token], s.embedding_v[token],
            powers[0], powers[1], rate,
        )  # fmt: skip


@entry
def learn_segment(s, segment, text, powers, rates):
    """Backward pass and one step of every tensor. rates: float32 [3], of matrices, embedding, and
    bias or table; powers: float32 [2], what corrects the bias of Adam's moments at this step.
    """
    rows, width = s.residual.shape
    layers = s.keys.shape[0]
    scratch = s.flat
    dx = s.residual
    dy, dh = matrix(scratch[4], rows, width), matrix(scratch[5], rows, width)
    d_logits = matrix(scratch[6], rows, s.head.scale.shape[1])
    for row in range(rows):
        for symbol in range(256):
            d_logits[row, symbol] = F(s.freq[row, symbol]) * F(2.0**-24)
        d_logits[row, text[row // segment, 3 + row % segment]] -= F(1)
    grad = scratch[3][: s.table.shape[0]]
    candidates_back(s.slots, s.table, s.gates, d_logits, grad)
    adam_row(s.table, grad, s.table_m, s.table_v, powers[0], powers[1], rates[2])
    linear_back(s.head, 0, d_logits, dh, scratch, powers, rates[0])
    for row in range(rows):
        for c in range(width):
            dx[row, c] = 0
    norm_back(s.head, 0, s.rate[2 * layers], dh, dx, scratch[2])
    for layer in range(layers - 1, -1, -1):
        d_hidden = matrix(scratch[6], rows, 4 * width)
        copy(dx, dy)
        linear_back(s.down, layer, dy, d_hidden, scratch, powers, rates[0])
        hidden = s.hidden[layer]
        for row in range(rows):
            for o in range(4 * width):
                d_hidden[row, o] = d_hidden[row, o] * (F(2) * hidden[row, o])
        linear_back(s.up, layer, d_hidden, dh, scratch, powers, rates[0])
        norm_back(s.up, layer, s.rate[2 * layer + 1], dh, dx, scratch[2])
        d_mixed, d_qkv = dh, matrix(scratch[6], rows, 3 * width)
        copy(dx, dy)
        linear_back(s.out, layer, dy, d_mixed, scratch, powers, rates[0])
        attention_back(s, layer, segment, d_mixed, d_qkv, scratch, powers, rates[2])
        linear_back(s.qkv, layer, d_qkv, dh, scratch, powers, rates[0])
        norm_back(s.qkv, layer, s.rate[2 * layer], dh, dx, scratch[2])
    embedding_back(s, dx, scratch, powers, rates[1])


@kernel
def copy(x, y):
    """y = x, [n, d]."""
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            y[r, c] = x[r, c]
