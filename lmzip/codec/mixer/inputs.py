"""What the mixer is told about the next bit.

Every context tells its bit history's probability, as a stretch and as a difference from one
half, and what its run expects; then come the direct contexts, the matches and the transformer.
The final mixers are told anew what the strongest say: where little has been read, what each set
makes of hundreds of inputs is worse than what the transformer says alone.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from ..memory.matches import length_class
from ..memory.sample_distribution import DISTRIBUTIONS, chance_of_one
from ..memory.tables import (
    AIM,
    BIT,
    DIRECT,
    EXPECTED,
    MATCHES,
    NODE,
    OPERAND,
    ORDERS,
    PARTIAL,
    STEP,
    byte_at,
)
from .first_weights import own_inputs
from .logistic import bounded, divided
from .sets import choose, choose_final


def input_count(contexts: int) -> int:
    """Inputs that there are, those of samples too, filled up to whole vectors of 16."""
    return -(-(own_inputs(contexts) + DISTRIBUTIONS) // 16) * 16


@kernel
def fill_inputs(s, m, transformer_p):
    """Fill the inputs, and pick the rows of weights by what is seen on the way."""
    at, stretch, x, cells = s.at, m.stretch, m.inputs, s.cells
    partial, shift, node = at[PARTIAL], 8 - at[BIT], at[NODE] - 1
    n = 0
    seen = known = ones = zeros = 0
    total = np.int64(0)
    for i in range(s.slot.shape[0]):
        state = np.int64(cells[s.slot[i] + node])
        s.state[i] = state
        # Without a branch: whether a history is known is anybody's guess.
        told = np.int64(state > 0)
        p = np.int64(s.state_p[i, state] >> 16)
        stretched = np.int64(stretch[p]) * told
        x[n] = stretched
        x[n + 1] = ((p - 32768) >> 5) * told
        x[n + 2] = 0
        total += stretched
        known += told
        seen += told if i < ORDERS else 0
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
    mean = divided(total, max(known, 1))
    for i in range(s.slot.shape[0]):
        away = bounded(2 * (np.int64(x[3 * i]) - mean))
        x[3 * i] = away if s.state[i] > 0 else 0
    for i in range(s.direct_row.shape[0]):
        cell = np.int64(s.direct_p[s.direct_row[i] + node])
        p, count = cell >> 16, min(cell & 1023, 31)
        x[n] = divided(np.int64(stretch[p]) * count, count + 2)
        x[n + 1] = divided(((p - 32768) >> 5) * count, count + 2)
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
    for d in range(DISTRIBUTIONS):
        x[n + 4 + d] = 0
        s.aim_cell[d] = -1
        if at[STEP] > 0:
            x[n + 4 + d] = stretch[chance_of_one(s.sums[d], partial, shift)]
        elif at[OPERAND] > 0:
            byte = s.aimed[d]
            if byte >= 0 and (byte | 256) >> shift == partial:
                s.aim_cell[d] = at[AIM] + at[BIT]
                told = stretch[np.int64(s.aim_p[d, s.aim_cell[d]] >> 16)]
                x[n + 4 + d] = told if byte >> (shift - 1) & 1 else -told
    choose(s, m, seen, best, transformer, second, max(ones, zeros), min(ones, zeros))
    choose_final(s, m, best)
    return best


@kernel
def tell_final_mixers(m, from_contexts):
    """Fill the inputs of the final mixers behind those of the sets, which are filled already.

    from_contexts: how many of the mixer's inputs come from contexts.
    """
    sets = m.row.shape[0]
    match = from_contexts + 2 * DIRECT + 1
    transformer = match + 2 * MATCHES
    m.final_inputs[sets] = m.inputs[transformer]
    m.final_inputs[sets + 1] = m.inputs[match]
    m.final_inputs[sets + 2] = m.inputs[transformer + 2]
    m.final_inputs[sets + 3] = 256
    for d in range(DISTRIBUTIONS):
        m.final_inputs[sets + 4 + d] = m.inputs[transformer + 4 + d]
