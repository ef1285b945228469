"""The two pointers that follow the longest repetitions.

One is for long matches, one for short. Each expects the byte at which it points.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from .tables import HISTORY_SIZE, LAST4, LAST8, POSITION, Memory, byte_at, mix


def point_matches(s: Memory, place: int, length: int) -> None:
    """Let both expect the byte at a place, with so many before it that are the last ones."""
    s.match_at[:] = place + HISTORY_SIZE  # 0 would be none; in the ring it is the same
    s.match_length[:] = length
    s.match_misses[:] = 0


@kernel
def length_class(length):
    """Match length in 24 classes."""
    return length if length < 16 else min(16 + ((length - 16) >> 3), 23)


@kernel
def follow_match(s, i, c):
    """Move match pointer i past byte c; look for another one where it is not long.

    A pointer survives up to eight mismatches in a row: behind a changed word the match goes on.
    """
    at, text, position = s.at, s.text, s.at[POSITION]
    shortest = 12 if i == 0 else 5
    if s.match_at[i] > 0:
        if byte_at(text, s.match_at[i]) == c:
            s.match_length[i] = min(s.match_length[i] + 1, 65535)
            if s.match_length[i] > 15:
                s.match_misses[i] = 0
        else:
            s.match_length[i] = 0
            s.match_misses[i] += 1
        s.match_at[i] += 1
        if s.match_misses[i] > 8:
            s.match_at[i] = s.match_length[i] = 0
    h = mix(mix(51 + i, at[LAST4]), at[LAST8] if i == 0 else at[LAST8] & 0xFF)
    if i == 0:
        before = byte_at(text, position - 9) << 8 | byte_at(text, position - 10)
        h = mix(h, before << 8 | byte_at(text, position - 11))
    h &= s.match_table.shape[1] - 1
    if s.match_length[i] < shortest:
        found = np.int64(s.match_table[i, h])
        if found > 0 and position - found < text.shape[0] - 64:
            length = 0
            while length < 64 and byte_at(text, found - 1 - length) == byte_at(
                text, position - 1 - length
            ):
                length += 1
            if length >= shortest and length > s.match_length[i]:
                s.match_at[i], s.match_length[i], s.match_misses[i] = found, length, 0
    s.match_table[i, h] = position & 0x7FFFFFFF
