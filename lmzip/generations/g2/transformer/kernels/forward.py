"""The forward pass as compiled loops: the same operations as the torch reference, bit for bit.

Rows are positions: that of a block's position t is t mod N, N = 2T, so that the activations of two
segments are kept: learning reads those of the one before while a segment is predicted. Layers that
do not learn all write to the same place 0, from its first row on, which stays in the nearest cache.
K kinds of slots, d channels, H heads of c channels, W window, T segment, L layers.
"""

from __future__ import annotations

import math

from ...entry import entry
from ...jit import kernel
from ...native.structs import matrix
from .arithmetic import (
    F,
    frequencies,
    norm,
    quantise,
    quantise_squares,
    rescale,
    rescale_onto,
    roots,
    squares,
    turns_of,
)
from .attention import AT_ONCE, UNSEEN, attention_weights
from .candidates import add_candidates, memory_worth
from .heads import place_key, place_value, score, turn_head
from .products import mix, stream_product


@kernel
def products(m, layer, kept, first, n, y):
    """Products of rows first .. first + n of a layer's inputs, kept at `kept`: y int32 [n, out]."""
    x = m.x[kept, first : first + n]
    stream_product(x, m.codes[layer], m.raised[layer], m.coarse[layer], y)


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
            m.x_scale[0, r] = roots(worth, s.logit_table, s.root_table, m.x[0, r])
        y = matrix(s.sums, n, width)
        products(m, 0, 0, 0, n, y)
        for r in range(n):
            rescale_onto(y[r], m.x_scale[0, r], m.scale[0], x[r])


@kernel
def split_heads(s, layer, place, at, first, n, y):
    """Queries of n rows, and keys and values of their positions, from y, int32 [n, 3d]."""
    heads, channels = s.q.shape[0], s.q.shape[2]
    width, m = heads * channels, s.qkv
    gain, codes = F(1 / math.sqrt(channels)), s.bytes[:channels]
    line, turned = s.floats[: 3 * width], s.floats[3 * width : 3 * width + channels]
    for r in range(n):
        turns = s.turns[first + r]
        rescale(y[r], m.x_scale[0, r], m.scale[layer], line)
        quarter, part = (at + r) // 4, (at + r) % 4
        for h in range(heads):
            low = h * channels
            query, key = line[low : low + channels], line[width + low : width + low + channels]
            s.q_scale[h, r] = turn_head(query, turns, turned, s.q[h, r]) * gain
            s.k_scale[layer, h, place, at + r] = turn_head(key, turns, turned, codes)
            place_key(codes, at + r, s.keys[layer, h, place])
            value = line[2 * width + low : 2 * width + low + channels]
            place_value(value, part, s.values[layer, h, place, quarter])


@kernel
def attend(s, layer, segment, at, n, mixed):
    """Attention of positions at .. at + n of a segment: fills mixed [n, d].

    Step by step for all heads, and not head by head: so those of one need not wait for each other.
    """
    heads, channels, places = s.q.shape[0], s.q.shape[2], s.keys.shape[2]
    length = s.keys.shape[4]
    earlier = min(segment, places - 1)
    y, sums = s.sums[:length], s.sums[length : length + channels]
    for r in range(n):
        # It sees earlier segments whole, and its own up to itself.
        seen = earlier * length + at + r + 1
        padded = (seen + AT_ONCE - 1) // AT_ONCE * AT_ONCE
        scores = matrix(s.floats, heads, padded)
        for h in range(heads):
            row = scores[h]
            for part in range(earlier + 1):
                place, begin = (segment - earlier + part) % places, part * length
                # As many products as fill vectors.
                asked = min((seen - begin + 15) // 16 * 16, length)
                score(
                    s.q[h, r], s.q_scale[h, r], s.keys[layer, h, place],
                    s.k_scale[layer, h, place], y[:asked], row[begin : begin + asked],
                )  # fmt: skip
            for j in range(seen, padded):
                row[j] = UNSEEN
        for h in range(heads):
            s.totals[h] = attention_weights(scores[h], s.weights[h, :padded])
        for h in range(heads):
            for c in range(channels):
                sums[c] = 0
            for part in range(earlier + 1):
                place, begin = (segment - earlier + part) % places, part * length
                own = s.weights[h, begin : min(begin + length, (seen + 3) // 4 * 4)]
                mix(own, s.values[layer, h, place, : own.shape[0] // 4], sums)
            total = F(s.totals[h])
            for c in range(channels):
                mixed[r, h * channels + c] = F(sums[c]) / total * F(1 / 8)


@entry
def forward(s, segment, at, n):
    """Frequencies of positions at .. at + n of a segment, whose slots have been looked up."""
    layers, width, length = s.keys.shape[0], s.residual.shape[1], s.keys.shape[4]
    first = segment % 2 * length + at
    place = segment % s.keys.shape[2]
    x, frozen = s.residual, layers + 1 - s.hidden.shape[0]
    for r in range(n):
        turns_of(segment * length + at + r, s.rotary_tables, s.turns[first + r])
    embed(s, first, n)
    mixed = matrix(s.floats[s.floats.shape[0] - n * width :], n, width)
    for layer in range(layers):
        m = s.qkv
        for r in range(n):
            m.x_scale[0, r], s.rate[2 * layer, first + r] = norm(x[r], m.x[0, r])
        y = matrix(s.sums, n, 3 * width)
        products(m, layer, 0, 0, n, y)
        split_heads(s, layer, place, at, first, n, y)
        m = s.out
        attend(s, layer, segment, at, n, mixed)
        for r in range(n):
            m.x_scale[0, r], _ = quantise(mixed[r], m.x[0, r])
        y = matrix(s.sums, n, width)
        products(m, layer, 0, 0, n, y)
        for r in range(n):
            rescale_onto(y[r], m.x_scale[0, r], m.scale[layer], x[r])
        m, kept = s.up, max(layer - frozen + 1, 0)
        begin = first if kept > 0 else 0
        for r in range(n):
            row, rate = begin + r, 2 * layer + 1
            m.x_scale[kept, row], s.rate[rate, first + r] = norm(x[r], m.x[kept, row])
        y = matrix(s.sums, n, 4 * width)
        products(m, layer, kept, begin, n, y)
        for r in range(n):
            row, down = begin + r, s.down
            hidden = s.hidden[kept, row]
            top = squares(y[r], m.x_scale[kept, row], m.scale[layer], hidden)
            down.x_scale[kept, row] = quantise_squares(hidden, top, down.x[kept, row])
        m = s.down
        y = matrix(s.sums, n, width)
        products(m, layer, kept, begin, n, y)
        for r in range(n):
            rescale_onto(y[r], m.x_scale[kept, begin + r], m.scale[layer], x[r])
    m = s.head
    for r in range(n):
        m.x_scale[1, first + r], s.rate[2 * layers, first + r] = norm(x[r], m.x[1, first + r])
    outputs = m.scale.shape[1]
    y = matrix(s.sums, n, outputs)
    products(m, 0, 1, first, n, y)
    logits, weights = s.floats[:outputs], s.floats[outputs : outputs + 256]
    for r in range(n):
        rescale(y[r], m.x_scale[1, first + r], m.scale[0], logits)
        add_candidates(s.slots, first + r, s.table, logits, s.gates[first + r])
        if s.excluded[first + r] >= 0:
            logits[s.excluded[first + r]] = UNSEEN
        frequencies(logits[:256], s.logit_table, weights, s.freq[first + r])
