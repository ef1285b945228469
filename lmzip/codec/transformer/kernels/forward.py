"""The forward pass as compiled loops: the same operations as the torch reference, bit for bit.

Rows are positions: that of a block's position t is t mod N, N = 2T, so that the activations of two
segments are kept: learning reads those of the one before while a segment is predicted. K kinds of
slots, d channels, H heads of c channels, W window, T segment, L layers.
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
    frequencies,
    largest,
    norm,
    quantise,
    rescale,
    rescale_onto,
    roots,
    rotate,
    turns_of,
)
from lmzip.codec.transformer.kernels.candidates import add_candidates, memory_worth
from lmzip.codec.transformer.kernels.products import product, row_product


@kernel
def products(m, layer, first, n, y):
    """Products of rows first .. first + n of a linear's inputs: y int32 [n, out]."""
    if n == 1:
        row_product(m.x[layer, first], m.codes[layer], y[0])
    else:
        product(m.x[layer, first : first + n], m.codes[layer], y)


@kernel
def embed(s, first, n):
    """Residual stream of n positions: the embeddings of their tokens, and what the memory says."""
    x, width = s.residual, s.residual.shape[1]
    for r in range(n):
        tokens = s.slots.tokens[first + r]
        for c in range(width):
            x[r, c] = s.embedding[tokens[0], c]
        for i in range(1, tokens.shape[0]):
            row = s.embedding[tokens[i]]
            for c in range(width):
                x[r, c] = x[r, c] + row[c]
    if s.memory.codes.shape[0] > 0:
        m, worth = s.memory, s.floats[:256]
        for r in range(n):
            memory_worth(s.slots, first + r, s.table, worth)
            codes = m.x[0, first + r]
            m.x_scale[0, first + r] = roots(worth, s.logit_table, s.root_table, codes)
        y = matrix(s.sums, n, width)
        products(m, 0, first, n, y)
        for r in range(n):
            rescale_onto(y[r], m.x_scale[0, first + r], m.scale[0], x[r])


@kernel
def split_heads(s, layer, place, at, first, n, y):
    """Queries of n rows, and keys and values of their positions, from y, int32 [n, 3d]."""
    heads, channels = s.q.shape[1], s.q.shape[3]
    width, m = heads * channels, s.qkv
    gain = F(1 / math.sqrt(channels))
    line, turned = s.floats[: 3 * width], s.floats[3 * width : 3 * width + channels]
    codes = s.bytes[:channels]
    for r in range(n):
        row, turns = first + r, s.turns[first + r]
        rescale(y[r], m.x_scale[layer, row], m.scale[layer], line)
        for h in range(heads):
            low = h * channels
            rotate(line[low : low + channels], turns, turned)
            scale, _ = quantise(turned, s.q[layer, h, row])
            s.q_scale[layer, h, row] = scale * gain
            rotate(line[width + low : width + low + channels], turns, turned)
            s.k_scale[layer, h, place, at + r], _ = quantise(turned, codes)
            for c in range(channels):
                s.keys[layer, h, place, c // 4, at + r, c % 4] = codes[c]
                v = np.rint(line[2 * width + low + c] * F(8))
                v = min(max(v, -LEVELS), LEVELS)
                s.values[layer, h, place, (at + r) // 4, c, (at + r) % 4] = np.int8(np.int32(v))


@kernel
def weigh(y, q_scale, k_scale, seen, scores):
    """Scores of the first `seen` keys of a segment from their products; returns the largest."""
    for j in range(seen):
        scores[j] = F(y[j]) * q_scale * k_scale[j]
    return largest(scores[:seen])


@kernel
def weights_of(scores, top, table, weights):
    """Integer weights of scores; returns their sum."""
    total = np.int32(0)
    for j in range(scores.shape[0]):
        code = np.int32(min(np.rint((top - scores[j]) * F(16)), F(255)))
        weight = table[code]
        weights[j] = np.int8(weight)
        total += weight
    return total


@kernel
def attend(s, layer, segment, at, first, n, mixed):
    """Attention of positions at .. at + n of a segment: fills their weights, and mixed [n, d]."""
    heads, channels, places = s.q.shape[1], s.q.shape[3], s.keys.shape[2]
    length, parts = s.keys.shape[4], s.weights.shape[2]
    earlier = min(segment, parts - 1)
    empty = parts - 1 - earlier
    y = matrix(s.sums, n, length)
    all_scores = matrix(s.floats, n * parts, length)
    peaks = s.floats[n * parts * length :][:n]
    for h in range(heads):
        for part in range(empty, parts):
            place = (segment - (parts - 1 - part)) % places
            keys = s.keys[layer, h, place]
            if n == 1:
                row_product(s.q[layer, h, first], keys, y[0])
            else:
                product(s.q[layer, h, first : first + n], keys, y)
            own = part == parts - 1
            for r in range(n):
                seen = at + r + 1 if own else length
                q_scale, k_scale = s.q_scale[layer, h, first + r], s.k_scale[layer, h, place]
                top = weigh(y[r], q_scale, k_scale, seen, all_scores[r * parts + part])
                peaks[r] = top if part == empty else max(peaks[r], top)
        sums = matrix(s.sums[n * length :], n, channels)
        for part in range(empty, parts):
            place = (segment - (parts - 1 - part)) % places
            own = part == parts - 1
            weights = s.weights[layer, h, part]
            for r in range(n):
                seen = at + r + 1 if own else length
                scores, row = all_scores[r * parts + part, :seen], weights[first + r]
                total = weights_of(scores, peaks[r], s.attention_table, row[:seen])
                for j in range(seen, length):
                    row[j] = 0
                before = F(0) if part == empty else s.total[layer, h, first + r]
                s.total[layer, h, first + r] = before + F(total)
            values = s.values[layer, h, place]
            if n == 1 and own:
                seen = (at + 4) // 4
                row_product(weights[first, : 4 * seen], values[:seen], y[0, :channels])
            elif n == 1:
                row_product(weights[first], values, y[0, :channels])
            else:
                product(weights[first : first + n], values, matrix(s.sums, n, channels))
            new = matrix(s.sums, n, channels)
            for r in range(n):
                for c in range(channels):
                    sums[r, c] = new[r, c] if part == empty else sums[r, c] + new[r, c]
        for r in range(n):
            total = s.total[layer, h, first + r]
            for c in range(channels):
                mixed[r, h * channels + c] = F(sums[r, c]) / total * F(1 / 8)


@entry
def forward(s, segment, at, n):
    """Frequencies of positions at .. at + n of a segment, whose slots have been looked up."""
    layers, width, length = s.q.shape[0], s.residual.shape[1], s.keys.shape[4]
    first = segment % 2 * length + at
    place = segment % s.keys.shape[2]
    x = s.residual
    for r in range(n):
        turns_of(segment * length + at + r, s.rotary_tables, s.turns[first + r])
    embed(s, first, n)
    mixed = matrix(s.floats[s.floats.shape[0] - n * width :], n, width)
    for layer in range(layers):
        m = s.qkv
        for r in range(n):
            row = first + r
            m.x_scale[layer, row], s.rate[2 * layer, row] = norm(x[r], m.x[layer, row])
        y = matrix(s.sums, n, 3 * width)
        products(m, layer, first, n, y)
        split_heads(s, layer, place, at, first, n, y)
        m = s.out
        attend(s, layer, segment, at, first, n, mixed)
        for r in range(n):
            m.x_scale[layer, first + r], _ = quantise(mixed[r], m.x[layer, first + r])
        y = matrix(s.sums, n, width)
        products(m, layer, first, n, y)
        for r in range(n):
            rescale_onto(y[r], m.x_scale[layer, first + r], m.scale[layer], x[r])
        m = s.up
        for r in range(n):
            row = first + r
            m.x_scale[layer, row], s.rate[2 * layer + 1, row] = norm(x[r], m.x[layer, row])
        y = matrix(s.sums, n, 4 * width)
        products(m, layer, first, n, y)
        square = s.floats[: 4 * width]
        for r in range(n):
            hidden = s.hidden[layer, first + r]
            rescale(y[r], m.x_scale[layer, first + r], m.scale[layer], hidden)
            for o in range(4 * width):
                hidden[o] = max(hidden[o], F(0))
                square[o] = hidden[o] * hidden[o]
            down = s.down
            down.x_scale[layer, first + r], _ = quantise(square, down.x[layer, first + r])
        m = s.down
        y = matrix(s.sums, n, width)
        products(m, layer, first, n, y)
        for r in range(n):
            rescale_onto(y[r], m.x_scale[layer, first + r], m.scale[layer], x[r])
    m = s.head
    for r in range(n):
        m.x_scale[0, first + r], s.rate[2 * layers, first + r] = norm(x[r], m.x[0, first + r])
    outputs = m.scale.shape[1]
    y = matrix(s.sums, n, outputs)
    products(m, 0, first, n, y)
    logits, weights = s.floats[:outputs], s.floats[outputs : outputs + 256]
    for r in range(n):
        rescale(y[r], m.x_scale[0, first + r], m.scale[0], logits)
        add_candidates(s.slots, first + r, s.table, logits, s.gates[first + r])
        frequencies(logits[:256], s.logit_table, weights, s.freq[first + r])
