"""The forward pass: from tokens to frequencies, one position of one stream at a time.

The same arithmetic as `reference/model.py`, bit for bit; the tests compare them. Nothing is
allocated.
"""

from __future__ import annotations

import math

import numpy as np

from lmzip.codec.entry import entry
from lmzip.codec.jit import kernel
from lmzip.codec.native.structs import matrix
from lmzip.codec.transformer.kernels.arithmetic import (
    LEVELS,
    F,
    attention_weights,
    frequencies,
    key_products,
    mix_values,
    norm,
    product,
    quantise,
    rescale,
)
from lmzip.codec.transformer.kernels.candidates import add_candidates


@kernel
def linear(x, x_scale, codes, scale, y):
    """y [n, O] = x [n, I] (codes, times x_scale [n]) times a quantised matrix."""
    product(x, codes, y)
    for r in range(x.shape[0]):
        rescale(y[r], x_scale[r], scale, y[r])


@kernel
def attend(s, layer, stream, at, row, scores, mixed):
    """Attention of one position: fills its weights and `mixed` [d]."""
    heads, channels = s.keys.shape[2], s.keys.shape[3]
    window = s.bias.shape[2]
    for h in range(heads):
        part = slice(h * channels, (h + 1) * channels)
        first = at + 1
        key_products(s.q[layer, row, part], s.keys[layer, stream, h], first, window, scores)
        weights = s.weights[layer, row, h]
        total = attention_weights(
            scores,
            s.q_scale[layer, row, h],
            s.k_scale[layer, stream, h],
            first,
            s.bias[layer, h],
            s.attention_table,
            weights,
        )
        s.total[layer, row, h] = total
        out = mixed[part]
        mix_values(weights, s.values[layer, stream, h], first, window, out)
        for c in range(channels):
            out[c] = out[c] / total * F(1 / 16)


@entry
def forward(s, stream, segment, at, n):
    """Frequencies of positions at .. at+n of one stream, whose slots have been looked up."""
    layers, heads, channels = s.keys.shape[0], s.keys.shape[2], s.keys.shape[3]
    width, window = s.residual.shape[1], s.bias.shape[2]
    gain = F(1 / math.sqrt(channels))
    first = stream * segment + at
    rows = slice(first, first + n)
    x = s.residual[rows]
    scores = s.flat[1][:window]
    mixed = s.flat[1][window : window + width]
    for r in range(n):
        tokens = s.slots.tokens[first + r]
        for c in range(width):
            x[r, c] = s.embedding[tokens[0], c]
        for i in range(1, tokens.shape[0]):
            for c in range(width):
                x[r, c] = x[r, c] + s.embedding[tokens[i], c]
    for layer in range(layers):
        m = s.qkv
        for r in range(n):
            row = first + r
            m.x_scale[layer, row], s.rate[2 * layer, row] = norm(x[r], m.x[layer, row])
        y = matrix(s.flat[0], n, 3 * width)
        linear(m.x[layer, rows], m.x_scale[layer, rows], m.codes[layer], m.scale[layer], y)
        for r in range(n):
            row, slot = first + r, window + at + r
            for h in range(heads):
                q = y[r, h * channels : (h + 1) * channels]
                scale, _ = quantise(q, s.q[layer, row, h * channels : (h + 1) * channels], LEVELS)
                s.q_scale[layer, row, h] = scale * gain
                k = y[r, width + h * channels : width + (h + 1) * channels]
                s.k_scale[layer, stream, h, slot], _ = quantise(k, k, LEVELS)
                for c in range(channels):
                    s.keys[layer, stream, h, c, slot] = k[c]
                    v = np.rint(y[r, 2 * width + h * channels + c] * F(16))
                    s.values[layer, stream, h, slot, c] = min(max(v, -LEVELS), LEVELS)
        m = s.out
        for r in range(n):
            row = first + r
            attend(s, layer, stream, at + r, row, scores, mixed)
            m.x_scale[layer, row], _ = quantise(mixed, m.x[layer, row], LEVELS)
        y = matrix(s.flat[0], n, width)
        linear(m.x[layer, rows], m.x_scale[layer, rows], m.codes[layer], m.scale[layer], y)
        add(x, y)
        m = s.up
        for r in range(n):
            row = first + r
            m.x_scale[layer, row], s.rate[2 * layer + 1, row] = norm(x[r], m.x[layer, row])
        hidden = s.hidden[layer, rows]
        linear(m.x[layer, rows], m.x_scale[layer, rows], m.codes[layer], m.scale[layer], hidden)
        m = s.down
        square = s.flat[1][: 4 * width]
        for r in range(n):
            for o in range(4 * width):
                hidden[r, o] = max(hidden[r, o], F(0))
                square[o] = hidden[r, o] * hidden[r, o]
            m.x_scale[layer, first + r], _ = quantise(square, m.x[layer, first + r], LEVELS)
        linear(m.x[layer, rows], m.x_scale[layer, rows], m.codes[layer], m.scale[layer], y)
        add(x, y)
    m = s.head
    for r in range(n):
        m.x_scale[0, first + r], s.rate[2 * layers, first + r] = norm(x[r], m.x[0, first + r])
    logits = matrix(s.flat[0], n, m.scale.shape[1])
    linear(m.x[0, rows], m.x_scale[0, rows], m.codes[0], m.scale[0], logits)
    for r in range(n):
        add_candidates(s.slots, first + r, s.table, logits[r], s.gates[first + r])
        frequencies(logits[r, :256], s.logit_table, s.flat[1][:256], s.freq[first + r])


@kernel
def add(x, y):
    """x += y, [n, d]."""
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            x[r, c] += y[r, c]


@kernel
def slide(s, segment):
    """Keep the keys and values of the last W positions, and free T slots behind them."""
    layers, streams, heads, channels = s.keys.shape[:4]
    window = s.bias.shape[2]
    for layer in range(layers):
        for b in range(streams):
            for h in range(heads):
                for j in range(window):
                    s.k_scale[layer, b, h, j] = s.k_scale[layer, b, h, segment + j]
                    for c in range(channels):
                        s.values[layer, b, h, j, c] = s.values[layer, b, h, segment + j, c]
                for c in range(channels):
                    row = s.keys[layer, b, h, c]
                    for j in range(window):
                        row[j] = row[segment + j]
