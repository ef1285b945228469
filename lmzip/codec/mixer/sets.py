"""Which weights of the mixer a bit uses: in each set, the row that a small context picks."""

from __future__ import annotations

from ..jit import kernel
from ..memory.tables import (
    BIT,
    CLASSES,
    EXPECTED,
    FIELD,
    LAST4,
    LETTERS,
    LINE,
    PARTIAL,
    PERIOD,
    POSITION,
    STEP,
    TOLD,
    WORD,
    WORD1,
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
    choice[2] = (at[TOLD] & 255) * 8 + bit
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
    if at[STEP] > 0:
        choice[12] = (at[TOLD] >> 16) * 8 + bit
        choice[13] = (at[TOLD] >> 8 & 255) * 8 + bit
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
    choice[2] = (at[TOLD] & 255) * 8 + bit
    choice[3] = (at[CLASSES] & 0x3F) * 8 + bit
    choice[4] = (mix(at[WORD], 7) & 255) * 8 + bit
    choice[5] = at[EXPECTED] * 8 + bit
    for j in range(6, m.final_row.shape[0]):
        choice[j] = s.state[HISTORIES[j - 6]]
    for j in range(m.final_row.shape[0]):
        m.final_row[j] = m.final_first_row[j] + choice[j]
