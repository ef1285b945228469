"""Contexts of the next coefficient: what the blocks around have at its place, and behind it.

At the edge of two blocks a picture goes on. A block's values at its edge, of one frequency along
it, are the sum of its coefficients of that frequency, with turned signs at the far edge: so all
but one tell that one (as in the model of JPEG in PAQ8, Mahoney and Ratushnyak).
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from ..memory.tables import mix
from .tables import (
    ACROSS,
    ACROSS_UNIT,
    BLOCK,
    BOTH,
    COMPONENT,
    CORNERS,
    COUNT_ABOVE,
    COUNT_LEFT,
    DOWN_UNIT,
    EDGE,
    FROM_ABOVE,
    FROM_LEFT,
    LAST_ABOVE,
    LAST_LEFT,
    LAST_OTHER,
    NATURAL,
    NEXT_ABOVE,
    NEXT_LEFT,
    NONZERO,
    NORTH,
    NORTHWEST,
    OTHER,
    PLACE,
    QUANTISED,
    REST,
    REST_ABOVE,
    REST_LEFT,
    REST_OTHER,
    RING,
    SAME_ABOVE,
    SAME_LEFT,
    SIMILAR,
    SOON,
    SOON_ABOVE,
    SOON_LEFT,
    SUM,
    THIRD,
    UNIT,
    WEST,
    WIDE,
    X,
    Y,
)

FLAT, WAVE = 181, 256
"""What coefficients weigh at an edge: of frequency 0, 1 / sqrt(2), and others."""


@kernel
def octaves(x):
    """A number by its binary digits, with its sign."""
    away, digits = abs(x), np.int64(0)
    while away > 0:
        digits += 1
        away >>= 1
    return digits if x > 0 else -digits


@kernel
def halves(x):
    """A number in two steps for each octave, from 4 on, with its sign."""
    away, doubled = abs(x), np.int64(0)
    while away > 3:
        doubled += 2
        away >>= 1
    return away + doubled if x > 0 else -(away + doubled)


@kernel
def rounded(a, b):
    """a / b, rounded to the nearest, halves away from 0; b > 0."""
    half = b >> 1
    return (a + half) // b if a >= 0 else -((half - a) // b)


@kernel
def weight(frequency):
    return FLAT if frequency == 0 else WAVE


@kernel
def edge_along(here, beside, steps, place, stride):
    """The coefficient at a place, in quarters of its step, so that the picture goes on from the
    block beside. stride: 1 if that is to the left, 8 if it is above."""
    own = place // stride & 7
    first = place - own * stride
    total = np.int64(0)
    for i in range(8):
        k = first + i * stride
        scaled, far = steps[k] * weight(i), np.int64(beside[k])
        total += -far * scaled if i & 1 else far * scaled
        if i != own:
            total -= np.int64(here[k]) * scaled
    return rounded(4 * total, weight(own) * steps[place])


@kernel
def hash_contexts(j):
    """Fill `near`, `context` and `around`: a code begins."""
    near, few = j.near, j.octaves
    for i in range(near.shape[0]):
        near[i] = 0
    look_aside(j)
    look_within(j)
    look_at_others(j)
    near[SIMILAR] = 2 * (abs(near[SAME_LEFT]) + abs(near[SAME_ABOVE])) + near[CORNERS]
    near[REST] = near[REST_LEFT] + near[REST_ABOVE]
    near[WIDE] = near[SIMILAR] + abs(near[NEXT_LEFT]) + abs(near[NEXT_ABOVE]) + near[THIRD]
    for i in range(near.shape[0]):
        few[i], j.halves[i] = octaves(near[i]), halves(near[i])
    hash_all(j)
    j.around[0] = min(abs(few[EDGE]), 7)
    j.around[1], j.around[2] = min(few[SIMILAR], 7), min(few[REST], 7)


@kernel
def look_aside(j):
    """Look at the blocks of this component to the left and above."""
    at, near, n = j.at, j.near, j.at[COMPONENT]
    c, x, y = j.components[n], at[X], at[Y]
    rows, place = j.blocks[n], NATURAL[at[PLACE]]
    here, steps = rows[y % RING, x], j.steps[c[QUANTISED]]
    if x > 0:
        left = rows[y % RING, x - 1]
        near[FROM_LEFT] = edge_along(here, left, steps, place, 1)
        look_at_rest(near, left, at[PLACE], 0)
    if y > 0:
        above, block, across = rows[(y - 1) % RING], at[BLOCK], c[ACROSS_UNIT]
        near[FROM_ABOVE] = edge_along(here, above[x], steps, place, 8)
        look_at_rest(near, above[x], at[PLACE], 1)
        if x > 0:
            near[CORNERS] += abs(np.int64(above[x - 1, place]))
        # The block above to the right may be one of the unit to come.
        has_come = block < across or block % across < across - 1
        if has_come and x + 1 < at[ACROSS] * across:
            near[CORNERS] += abs(np.int64(above[x + 1, place]))
    if place == 0:  # what is coded is how far it is from the one before
        near[FROM_LEFT] -= 4 * j.dc[n] if x > 0 else 0
        near[FROM_ABOVE] -= 4 * j.dc[n] if y > 0 else 0
    both = near[FROM_LEFT] + near[FROM_ABOVE]
    near[BOTH] = near[EDGE] = both >> 1 if x > 0 and y > 0 else both
    if place > 0 and place & 7 == 0:
        near[EDGE] = near[FROM_LEFT]
    elif 0 < place < 8:
        near[EDGE] = near[FROM_ABOVE]
    near[SOON] = near[SOON_LEFT] + near[SOON_ABOVE]
    if x > 0 and y > 0:
        near[SOON] = min(near[SOON_LEFT], near[SOON_ABOVE])


@kernel
def look_at_rest(near, block, first, side):
    """Coefficients of a block to the left, or above (side 0, 1), from the one to come on."""
    near[SAME_LEFT + side] = block[NATURAL[first]]
    near[NEXT_LEFT + side] = block[NATURAL[min(first + 1, 63)]]
    near[THIRD] += abs(np.int64(block[NATURAL[min(first + 2, 63)]]))
    near[SOON_LEFT + side] = 64
    for k in range(63, max(first, 1) - 1, -1):
        size = abs(np.int64(block[NATURAL[k]]))
        if size > 0:
            near[REST_LEFT + side] += size
            near[COUNT_LEFT + side] += 1
            near[LAST_LEFT + side] = max(near[LAST_LEFT + side], k)
            near[SOON_LEFT + side] = k - first


@kernel
def look_within(j):
    """Look at the coefficients of this block."""
    near, first = j.near, j.at[PLACE]
    here, place = j.blocks[j.at[COMPONENT], j.at[Y] % RING, j.at[X]], NATURAL[first]
    for k in range(1, first):
        size = abs(np.int64(here[NATURAL[k]]))
        near[SUM] += size
        near[NONZERO] += 1 if size > 0 else 0
    if place & 7 > 0:
        near[WEST] = here[place - 1]
    if place > 7:
        near[NORTH] = here[place - 8]
        if place & 7 > 0:
            near[NORTHWEST] = here[place - 9]


@kernel
def look_at_others(j):
    """Look at the block of the component before, and of the first, at this place."""
    at, near = j.at, j.near
    for i in range(2):
        n = at[COMPONENT] - 1 if i == 0 else np.int64(0)
        if at[COMPONENT] > i:
            c = j.components[n]
            row = at[UNIT] // at[ACROSS] * c[DOWN_UNIT] % RING
            block = j.blocks[n, row, at[UNIT] % at[ACROSS] * c[ACROSS_UNIT]]
            near[OTHER + i] = block[NATURAL[at[PLACE]]]
            for k in range(max(at[PLACE], 1), 64):
                size = abs(np.int64(block[NATURAL[k]]))
                if size > 0:
                    near[REST_OTHER + i] += size
                    near[LAST_OTHER + i] = k


@kernel
def hash_all(j):
    """The contexts, from what is near, as it is and in few steps."""
    at, near, few, more, last, h = j.at, j.near, j.octaves, j.halves, j.last, j.context
    k = at[PLACE] + 64 * at[COMPONENT]
    from_left, from_above = more[FROM_LEFT] + 64, more[FROM_ABOVE] + 64
    both, edge, coarse = more[BOTH] + 64, more[EDGE] + 64, few[EDGE] + 32
    own, some = more[SUM], few[SUM]
    aside, other = (more[OTHER] + 64) * 128, few[OTHER] + 32
    within = (few[WEST] + 32) * 64 + few[NORTH] + 32
    later = max(near[LAST_LEFT], near[LAST_ABOVE])
    h[0] = both
    h[1] = from_left
    h[2] = from_above
    h[3] = within * 64 + few[NORTHWEST] + 32
    h[4] = aside + more[OTHER + 1] + 64
    h[5] = (more[SAME_LEFT] + 64) * 128 + more[SAME_ABOVE] + 64
    h[6] = more[REST_OTHER] * 256 + more[REST_OTHER + 1] * 8 + min(few[REST], 7)
    h[7] = near[SOON] * 64 + own
    h[8] = near[LAST_OTHER] * 64 + near[LAST_OTHER + 1]
    h[9] = own * 64 + near[NONZERO]
    h[10] = last[0] * 256 + last[1]
    h[11] = more[WIDE] * 64 + near[NONZERO]
    h[12] = edge * 64 + some
    h[13] = from_left * 64 + some
    h[14] = from_above * 64 + some
    h[15] = aside + both
    h[16] = aside + coarse
    h[17] = min(near[COUNT_LEFT], 15) * 16 + min(near[COUNT_ABOVE], 15)
    h[18] = (other * 4096 + within) * 64 + coarse
    h[19] = (2 * aside + last[0]) * 256 + some
    h[20] = (few[FROM_LEFT] + 32) * 64 + few[FROM_ABOVE] + 32
    h[20] = h[20] * 8 + min(some, 7)
    h[21] = (other * 64 + coarse) * 32 + few[REST_OTHER]
    h[22] = (near[SOON] * 64 + later) * 64 + near[NONZERO]
    h[23] = ((few[SAME_LEFT] + 32) * 64 + few[NEXT_LEFT] + 32) * 256 + last[0]
    h[24] = ((few[SAME_ABOVE] + 32) * 64 + few[NEXT_ABOVE] + 32) * 256 + last[0]
    h[25] = (last[0] * 256 + last[1]) * 256 + last[2]
    h[26] = within * 64 + coarse
    h[27] = aside + own
    h[28] = (aside + more[OTHER + 1] + 64) * 64 + coarse
    h[29] = at[X]
    for i in range(j.cell.shape[0]):
        h[i] = mix(mix(201 + i, k), h[i])
