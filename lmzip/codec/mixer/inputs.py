"""What the mixer is told about the next bit, and which of its weights that picks.

Every context tells its bit history's probability, as a stretch and as a difference from one
half, and what its run expects; then come the direct contexts, the matches and the transformer.
"""

from __future__ import annotations

import numpy as np

from lmzip.codec.jit import kernel
from lmzip.codec.memory.tables import (
    BIT,
    CLASSES,
    DIRECT,
    EXPECTED,
    FIELD,
    LAST4,
    LETTERS,
    LINE,
    MATCHES,
    NODE,
    ORDERS,
    PARTIAL,
    PERIOD,
    POSITION,
    WORD,
    WORD1,
    byte_at,
    mix,
)

ROWS = (
    208, 256, 2048, 1024, 200, 1280, 256, 512, 2056, 200, 4096, 832, 2048, 2048, 2048,
    256, 256, 256, 256,
)  # fmt: skip
"""How many values the context of each set has; see `choose`."""
FINAL_ROWS = (256, 208, 2048, 512, 2048, 2056, 256, 256)
HISTORIES = (1, 2, 6, 3)
"""Contexts whose bit histories pick rows: orders 2 and 3, word, order 4."""


def input_count(contexts: int) -> int:
    """Inputs that there are, filled up to whole vectors of 16."""
    return -(-(3 * contexts + 2 * DIRECT + 1 + 2 * MATCHES + 4) // 16) * 16


@kernel
def bounded(x):
    """A stretch within its limits."""
    return min(max(x, -3071), 3071)


@kernel
def length_class(length):
    """Match length in 24 classes."""
    return length if length < 16 else min(16 + ((length - 16) >> 3), 23)


@kernel
def look_up(s, m, transformer_p):
    """Fill the inputs, and pick the rows of weights by what is seen on the way."""
    at, stretch, x, cells = s.at, s.stretch, m.inputs, s.cells
    partial, shift, node = at[PARTIAL], 8 - at[BIT], at[NODE] - 1
    n = 0
    seen = known = ones = zeros = 0
    total = np.int64(0)
    for i in range(s.slot.shape[0]):
        state = np.int64(cells[s.slot[i] + node])
        s.state[i] = state
        x[n] = x[n + 1] = x[n + 2] = 0
        if state > 0:
            p = np.int64(s.state_p[i, state] >> 16)
            x[n] = stretch[p]
            x[n + 1] = (p - 32768) >> 5
            total += stretch[p]
            known += 1
            if i < ORDERS:
                seen += 1
        byte, length = np.int64(cells[s.run[i]]), np.int64(cells[s.run[i] + 1])
        s.run_row[i] = -1
        if length > 0 and (byte | 256) >> shift == partial:
            expected = (byte >> (shift - 1)) & 1
            row = min(length, 31) * 2 + expected
            s.run_row[i] = row
            x[n + 2] = stretch[np.int64(s.run_p[i, row] >> 16)]
            ones += expected
            zeros += 1 - expected
        n += 3
    # What a context adds is how far it is from the mean of all: less alike, easier to weigh.
    second = np.int64(x[3])
    mean = total // max(known, 1)
    for i in range(s.slot.shape[0]):
        if s.state[i] > 0:
            x[3 * i] = bounded(2 * (np.int64(x[3 * i]) - mean))
    for i in range(s.direct_row.shape[0]):
        cell = np.int64(s.direct_p[s.direct_row[i] + node])
        p, count = cell >> 16, min(cell & 1023, 31)
        x[n] = np.int64(stretch[p]) * count // (count + 2)
        x[n + 1] = ((p - 32768) >> 5) * count // (count + 2)
        n += 2
    x[n] = stretch[np.int64(s.order0_p[partial] >> 16)]
    n += 1
    best = 0
    at[EXPECTED] = 0
    for i in range(s.match_at.shape[0]):
        s.match_row[i] = -1
        x[n] = x[n + 1] = 0
        if s.match_at[i] > 0:
            byte = byte_at(s.text, s.match_at[i])
            if (byte | 256) >> shift == partial:
                length = length_class(s.match_length[i])
                row = (length * 4 + min(s.match_misses[i], 3)) * 2 + ((byte >> (shift - 1)) & 1)
                s.match_row[i] = row
                p = np.int64(s.match_p[i, row] >> 16)
                x[n] = stretch[p]
                x[n + 1] = (p - 32768) >> 5
                if best == 0:
                    best = 1 + length
                    at[EXPECTED] = byte + 1
        n += 2
    transformer = np.int64(stretch[transformer_p >> 6])
    x[n] = transformer
    x[n + 1] = ((transformer_p >> 6) - 32768) >> 5
    x[n + 2] = bounded(total >> 3)
    x[n + 3] = 256
    choose(s, m, seen, best, transformer, second, max(ones, zeros), min(ones, zeros))
    choose_final(s, m, best)
    return best


@kernel
def choose(s, m, seen, best, transformer, second, agree, differ):
    """Pick the row of each set by a small context. A level uses the first sets.

    seen: orders that know this context; best: class of the match; transformer, second: stretches
    of the transformer and of order 2; agree, differ: runs that expect the one bit and the other.
    """
    at, choice = s.at, m.choice
    bit, word = at[BIT], mix(at[WORD], 7) & 255
    choice[0] = best * 8 + bit
    choice[1] = at[PARTIAL]
    choice[2] = (at[LAST4] & 255) * 8 + bit
    choice[3] = (min(at[LETTERS], 15) * 8 + seen) * 8 + bit
    choice[4] = ((transformer + 3072) >> 8) * 8 + bit
    choice[5] = min(at[FIELD], 31) * 8 + bit
    if at[PERIOD] > 0:
        choice[5] = 256 + ((at[POSITION] % at[PERIOD]) & 127) * 8 + bit
    choice[6] = (at[LAST4] >> 8) & 255
    choice[7] = (min(at[LETTERS], 7) * 8 + (at[CLASSES] & 7)) * 8 + bit
    choice[8] = at[EXPECTED] * 8 + bit
    choice[9] = ((second + 3072) >> 8) * 8 + bit
    choice[10] = (at[CLASSES] & 0x1FF) * 8 + bit
    choice[11] = (min(agree, 12) * 8 + min(differ, 7)) * 8 + bit
    choice[12] = word * 8 + bit
    choice[13] = min(at[POSITION] - at[LINE], 255) * 8 + bit
    choice[14] = (mix(at[WORD1], at[LETTERS]) & 255) * 8 + bit
    for j in range(15, m.row.shape[0]):
        choice[j] = s.state[HISTORIES[j - 15]]
    for j in range(m.row.shape[0]):
        m.row[j] = m.first_row[j] + choice[j]


@kernel
def choose_final(s, m, best):
    """Pick the row of each final mixer. A level uses the first of them."""
    at, choice = s.at, m.choice
    bit = at[BIT]
    choice[0] = at[PARTIAL]
    choice[1] = best * 8 + bit
    choice[2] = (at[LAST4] & 255) * 8 + bit
    choice[3] = (at[CLASSES] & 0x3F) * 8 + bit
    choice[4] = (mix(at[WORD], 7) & 255) * 8 + bit
    choice[5] = at[EXPECTED] * 8 + bit
    for j in range(6, m.final_row.shape[0]):
        choice[j] = s.state[HISTORIES[j - 6]]
    for j in range(m.final_row.shape[0]):
        m.final_row[j] = m.final_first_row[j] + choice[j]
