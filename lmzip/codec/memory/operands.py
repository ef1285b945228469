"""Operands of machine code for x86 that are distances: by the places that they lead to.

A call holds how far its function is from it, so that two calls of one function have different
operands. What they have in common is the place: distance and place of the operand together.
Converting one to the other beforehand is what `xz --x86` does, after the filter BCJ of Pavlov;
here the bytes stay as they are, and a place that was called before says what the next byte of
an operand will be.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from .sample_grid import CERTAINLY_NO_TEXT
from .tables import AIM, BEHIND, GROUP, JUST_BEHIND, LAST4, LAST8, NO_TEXT, OPERAND, POSITION, mix

CODE, DATA = 0, 1
"""What a place is: called or jumped to; or read and written."""
FARTHEST_PLACE = 1 << 24
"""Places that are farther away are not kept."""


@kernel
def group_of(last4):
    """CODE or DATA if behind these bytes an operand begins that is a distance; else -1."""
    c1, c2, c3 = last4 & 255, last4 >> 8 & 255, last4 >> 16 & 255
    if c1 == 0xE8 or c1 == 0xE9 or (c2 == 0x0F and c1 >> 4 == 8):
        return CODE  # call, jmp, j..
    if c1 & 0xC7 == 5:  # [rip + distance]
        moves = c2 == 0x8B or c2 == 0x89 or c2 == 0x8D
        others = c2 == 0x3B or c2 == 0x39 or c2 == 0x63 or c2 == 0x03 or c2 == 0x2B
        others = others or c2 == 0x83 or c2 == 0x85 or c2 == 0x33
        if moves or (others and c3 >> 4 == 4):
            return DATA
    return -1


@kernel
def note_operand(s):
    """A byte was noted: an operand ends with it, goes on, or begins behind it."""
    at = s.at
    if at[OPERAND] > 0:
        if at[POSITION] == at[OPERAND] + 4:
            keep_place(s)
            at[OPERAND] = 0
    elif at[NO_TEXT] > CERTAINLY_NO_TEXT:
        group = group_of(at[LAST4])
        if group >= 0:
            at[OPERAND], at[GROUP] = at[POSITION], group
            at[BEHIND] = mix(mix(181 + group, at[LAST4]), at[LAST8] & 255) & 0xFFFF
            at[JUST_BEHIND] = mix(183 + group, at[LAST4] & 0xFFFF) & 0xFFFF


@kernel
def distance_so_far(last4, known):
    """The number whose lower bytes are the last `known` ones, the lowest first."""
    distance = np.int64(0)
    for k in range(known):
        distance |= (last4 >> (8 * (known - 1 - k)) & 255) << (8 * k)
    return distance


@kernel
def keep_place(s):
    """An operand is known whole: keep the place that it leads to, plus 1, for 0 is none."""
    at, group = s.at, s.at[GROUP]
    distance = distance_so_far(at[LAST4], 4)
    if (distance + FARTHEST_PLACE) & 0xFFFFFFFF >= 2 * FARTHEST_PLACE:
        return
    place = (at[POSITION] + distance) & 0xFFFFFFFF
    last = s.places8[group, place & 255]
    if last[0] != place + 1:
        last[1] = last[0]
        last[0] = place + 1
    s.places16[group, place & 0xFFFF] = place + 1
    s.places_behind[0, at[BEHIND]] = s.places_behind[1, at[JUST_BEHIND]] = place + 1


@kernel
def aim(s):
    """Before a byte of an operand: which one two places expect, if any."""
    at, group = s.at, s.at[GROUP]
    known, end = at[POSITION] - at[OPERAND], at[OPERAND] + 4
    lower = (end + distance_so_far(at[LAST4], known)) & ((1 << (8 * known)) - 1)
    first = second = np.int64(0)
    if known == 0:
        first, second = s.places_behind[0, at[BEHIND]], s.places_behind[1, at[JUST_BEHIND]]
    elif known == 1:
        first, second = s.places8[group, lower, 0], s.places8[group, lower, 1]
    else:
        first = s.places16[group, lower & 0xFFFF]
        if known == 3 and (first - 1) & 0xFFFFFF != lower:
            first = np.int64(0)
    s.aimed[0] = ((first - 1 - end) & 0xFFFFFFFF) >> (8 * known) & 255 if first > 0 else -1
    s.aimed[1] = ((second - 1 - end) & 0xFFFFFFFF) >> (8 * known) & 255 if second > 0 else -1
    agree = 0
    if second > 0:
        agree = 1 if s.aimed[0] == s.aimed[1] else 2
    at[AIM] = ((group * 4 + known) * 3 + agree) * 8
