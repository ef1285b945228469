"""Contexts for samples, in the place of those that only text has.

A context is what a prediction says of the next byte: of the plane through the neighbours, of
another channel, of least squares (`sample_prediction.py`). The predictions from neighbours follow
the image models of PAQ8.
"""

from __future__ import annotations

from ..jit import kernel
from .sample_grid import BYTE, LITTLE, count_no_text, find_grid, is_due
from .sample_prediction import OWN, begins, bounded_sample, bytes_of, learn, predict, start_over
from .tables import LAST4, POSITION, PREDICTED, SAMPLE, STEP, TOLD, WIDTH, mix


@kernel
def note_sample(s, c):
    """Note byte c, after the registers of `contexts.py` have."""
    at = s.at
    count_no_text(at, c)
    if at[STEP] > 0 and begins(at):
        learn(s)
    due = is_due(at[POSITION])
    if due and find_grid(s):
        start_over(s)
    if at[STEP] > 0 and (due or begins(at)):
        predict(s)


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
    first, last = begins(at), at[LAST4] & 255
    if at[SAMPLE] == LITTLE:
        return x & 255 if first else min(max((x - last + 128) >> 8, 0), 255) ^ 128
    return x >> 8 ^ 128 if first else min(max(x - ((last ^ 128) << 8), 0), 255)


@kernel
def about(s, i, x):
    """Hash number i of what a prediction x of the sample says of the next byte."""
    at = s.at
    h, x = mix(i, at[POSITION] % at[STEP]), bounded_sample(at, x, 1)
    if at[SAMPLE] == BYTE:
        return mix(h, x)
    first, last = begins(at), at[LAST4] & 255
    if at[SAMPLE] == LITTLE:
        if first:
            return mix(h, x & 255)
        high = (x - last + 128) >> 8
        return mix(h, (high & 255) + 256 * (((high << 8) + last - x) >> 4 & 15))
    if first:
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
    beside = OWN if at[STEP] > bytes_of(at) else 0
    other = near[beside] >> shift
    activity = bits_of((west - west2) >> shift) * 8 + bits_of((west2 - west3) >> shift)
    h[6] = about(s, 161, linear)
    h[7] = about(s, 162, line)
    h[22] = about(s, 163, west)
    h[23] = about(s, 164, 3 * (west - west2) + west3)
    h[24] = about(s, 165, west + near[beside] - near[beside + 1])
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
