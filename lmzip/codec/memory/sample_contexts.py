"""Contexts for samples, in the place of those that only text has.

A context is what a prediction says of the next byte: of the plane through the neighbours, of
another channel, of a linear prediction whose weights are learned (normalised least mean squares,
Widrow and Hoff; in integers). The predictions from neighbours follow the image models of PAQ8.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from .sample_grid import BYTE, LITTLE, count_no_text, find_grid, is_due
from .tables import (
    ALIGN,
    LAST4,
    NEIGHBOURS,
    POSITION,
    PREDICTED,
    SAMPLE,
    STEP,
    TOLD,
    WIDTH,
    byte_at,
    mix,
)

WEIGHT_BOUND = 1 << 22
"""Of a weight, in units of 2^-16."""


@kernel
def note_sample(s, c):
    """Note byte c, after the registers of `contexts.py` have."""
    at = s.at
    count_no_text(at, c)
    begins = at[SAMPLE] == BYTE or (at[POSITION] - at[ALIGN]) & 1 == 0
    if at[STEP] > 0 and begins:
        learn(s)
    if is_due(at[POSITION]):
        begins = True
        if find_grid(s):
            first_weights(s)
    if at[STEP] > 0 and begins:
        predict(s)


@kernel
def bytes_of(at):
    """Bytes of a sample."""
    return 1 if at[SAMPLE] == BYTE else 2


@kernel
def sample(s, back):
    """The sample that begins `back` bytes before the one to come, or begun; two bytes as if they
    were signed, from -2^15 on, and 2^15 more."""
    at = s.at
    place = at[POSITION] - back
    if at[SAMPLE] == BYTE:
        return byte_at(s.text, place)
    place -= (at[POSITION] - at[ALIGN]) & 1
    first, second = byte_at(s.text, place), byte_at(s.text, place + 1)
    if at[SAMPLE] == LITTLE:
        return first | (second ^ 128) << 8
    return second | (first ^ 128) << 8


@kernel
def predict(s):
    """Fill `near` with the samples before the next, and PREDICTED with what they say of it."""
    at, near = s.at, s.near
    step, width, own = at[STEP], at[WIDTH], bytes_of(at)
    if width == 0:
        for k in range(13):
            near[k] = sample(s, (k + 1) * step)
        near[13] = sample(s, own)
        near[14] = sample(s, own + step)
        near[15] = sample(s, 2 * own)
    else:
        near[0] = sample(s, step)
        near[1] = sample(s, width)
        near[2] = sample(s, width + step)
        near[3] = sample(s, width - step)
        near[4] = sample(s, 2 * step)
        near[5] = sample(s, 2 * width)
        near[6] = sample(s, 2 * width - step)
        near[7] = sample(s, width + 2 * step)
        near[8] = sample(s, width - 2 * step)
        near[9] = sample(s, 3 * step)
        near[10] = sample(s, 2 * width + step)
        near[11] = sample(s, own)
        near[12] = sample(s, width + own)
        near[13] = sample(s, step + own)
        near[14] = sample(s, width + step + own)
        near[15] = sample(s, 2 * own)
    weights = s.linear[at[POSITION] % step]
    mean, total = mean_of(s), np.int64(0)
    for k in range(NEIGHBOURS):
        total += weights[k] * (near[k] - mean)
    at[PREDICTED] = bounded_sample(at, mean * 16 + (total >> 12), 16)


@kernel
def mean_of(s):
    """What the neighbours are told as differences from."""
    near = s.near
    if s.at[WIDTH] == 0:
        return near[0]
    return (near[0] + near[1] + near[2] + near[3]) >> 2


@kernel
def bounded_sample(at, x, unit):
    """The nearest value to x, of so many units each, that a sample can have."""
    return min(max(x, 0), (255 if at[SAMPLE] == BYTE else 65535) * unit)


@kernel
def learn(s):
    """The sample that was predicted is known: move the weights of its channel."""
    at, near = s.at, s.near
    own = bytes_of(at)
    weights = s.linear[(at[POSITION] - own) % at[STEP]]
    mean, power = mean_of(s), np.int64(64)
    for k in range(NEIGHBOURS):
        power += (near[k] - mean) * (near[k] - mean)
    # A sixteenth of the step that would have made this prediction right.
    gain = ((sample(s, own) * 16 - at[PREDICTED]) << 16) // power
    for k in range(NEIGHBOURS):
        moved = weights[k] + ((gain * (near[k] - mean)) >> 8)
        weights[k] = min(max(moved, -WEIGHT_BOUND), WEIGHT_BOUND)


@kernel
def first_weights(s):
    """Begin with the plane through the neighbours; or in a line half of the last difference."""
    at = s.at
    for r in range(s.linear.shape[0]):
        weights = s.linear[r]
        for k in range(NEIGHBOURS):
            weights[k] = 0
        if at[WIDTH] == 0:
            weights[1] = -32768
            continue
        weights[0] = weights[1] = 49152
        weights[2] = -49152
        if at[STEP] > bytes_of(at):
            weights[11] = weights[14] = 32768
            weights[12] = weights[13] = -32768


@kernel
def bits_of(x):
    """Binary digits of a difference, 7 at most."""
    x, digits = abs(x), 0
    while x > 0 and digits < 7:
        digits += 1
        x >>= 1
    return digits


@kernel
def expected_byte(s, x):
    """The next byte, if the sample is x."""
    at = s.at
    x = bounded_sample(at, x, 1)
    if at[SAMPLE] == BYTE:
        return x
    begins, last = (at[POSITION] - at[ALIGN]) & 1 == 0, at[LAST4] & 255
    if at[SAMPLE] == LITTLE:
        return x & 255 if begins else min(max((x - last + 128) >> 8, 0), 255) ^ 128
    return x >> 8 ^ 128 if begins else min(max(x - ((last ^ 128) << 8), 0), 255)


@kernel
def about(s, i, x):
    """Hash number i of what a prediction x of the sample says of the next byte."""
    at = s.at
    h, x = mix(i, at[POSITION] % at[STEP]), bounded_sample(at, x, 1)
    if at[SAMPLE] == BYTE:
        return mix(h, x)
    begins, last = (at[POSITION] - at[ALIGN]) & 1 == 0, at[LAST4] & 255
    if at[SAMPLE] == LITTLE:
        if begins:
            return mix(h, x & 255)
        high = (x - last + 128) >> 8
        return mix(h, (high & 255) + 256 * (((high << 8) + last - x) >> 4 & 15))
    if begins:
        return mix(h, x >> 5)
    return mix(h, 256 + min(max(x - ((last ^ 128) << 8), -256), 511))


@kernel
def set_sample_contexts(s):
    """Hash the contexts that samples have in the place of others, and set TOLD."""
    at, h, near = s.at, s.next_hashes, s.near
    linear = (at[PREDICTED] + 8) >> 4
    if at[WIDTH] == 0:
        line = 2 * near[0] - near[1]
        set_in_a_line(s, h, near, linear, line)
    else:
        line = near[0] + near[1] - near[2]
        set_in_a_plane(s, h, near, linear, line)
    first, second = expected_byte(s, linear), expected_byte(s, line)
    at[TOLD] = first | second << 8 | (at[LAST4] & 255) << 16


@kernel
def set_in_a_line(s, h, near, linear, line):
    """Contexts of sound: there is no row above."""
    at = s.at
    shift = 0 if at[SAMPLE] == BYTE else 6
    west, west2, west3 = near[0], near[1], near[2]
    other = near[13] >> shift
    activity = bits_of((west - west2) >> shift) * 8 + bits_of((west2 - west3) >> shift)
    h[6] = about(s, 161, linear)
    h[7] = about(s, 162, line)
    h[22] = about(s, 163, west)
    h[23] = about(s, 164, 3 * (west - west2) + west3)
    h[24] = about(s, 165, west + near[13] - near[14])
    h[28] = mix(about(s, 166, linear), activity)
    h[29] = mix(about(s, 167, linear), other)
    h[30] = mix(about(s, 168, line), activity)
    h[31] = mix(about(s, 169, west), other)
    h[32] = mix(about(s, 170, linear), west >> shift)
    h[33] = mix(mix(171, fine(at)), at[POSITION] % at[STEP])
    coarse = west >> shift >> 2 | west2 >> shift >> 2 << 8
    h[34] = mix(mix(172, coarse), (west3 >> shift >> 2) + 256 * (at[POSITION] % at[STEP]))


@kernel
def set_in_a_plane(s, h, near, linear, plane):
    """Contexts of images: of pixels to the west and the north, and of other channels."""
    at = s.at
    shift = 0 if at[SAMPLE] == BYTE else 6
    phase = at[POSITION] % at[STEP]
    west, north, northwest, northeast = near[0], near[1], near[2], near[3]
    activity = bits_of((west - northwest) >> shift) * 8 + bits_of((north - northwest) >> shift)
    turn = bits_of((west - north) >> shift) * 8 + bits_of((north - northeast) >> shift)
    h[6] = about(s, 131, linear)
    h[7] = about(s, 132, plane)
    if at[STEP] > bytes_of(at):
        other, other_north, other_west = near[11], near[12], near[13]
        h[9] = about(s, 133, north + other - other_north)
        h[10] = about(s, 134, west + other - other_west)
        h[13] = about(s, 135, plane + other - other_west - other_north + near[14])
    else:
        other = northeast
        h[9] = about(s, 133, (3 * (west + north) - 2 * northwest) >> 2)
        h[10] = about(s, 134, min(max(plane, min(west, north)), max(west, north)))
        h[13] = about(s, 135, west + ((northeast - north) >> 1))
    h[15] = about(s, 136, north + northeast - near[6])
    h[18] = mix(about(s, 137, linear), activity)
    h[22] = mix(about(s, 138, linear), other >> shift)
    h[23] = mix(about(s, 139, plane), activity)
    h[24] = mix(about(s, 140, west), north >> shift)
    h[28] = mix(about(s, 141, west), other >> shift)
    h[29] = mix(about(s, 142, north), other >> shift)
    h[30] = about(s, 143, (west + northeast) >> 1)
    h[31] = mix(mix(144, fine(at)), phase)
    h[32] = mix(about(s, 145, linear), turn)
    coarse = west >> shift >> 2 | north >> shift >> 2 << 8
    h[33] = mix(mix(146, coarse), (other >> shift >> 2) + 256 * phase)
    h[34] = about(s, 147, 2 * north - near[5])
    h[35] = about(s, 148, 2 * west - near[4])
    h[36] = about(s, 149, north)
    h[37] = about(s, 150, west)


@kernel
def fine(at):
    """The linear prediction, of a byte in quarters."""
    return at[PREDICTED] >> 2 if at[SAMPLE] == BYTE else at[PREDICTED] >> 4
