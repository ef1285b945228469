"""What the candidates of the slots add to the logits, and the gradient back.

The reference is `reference/frequencies.py`.
"""

from __future__ import annotations

import numpy as np

from ...jit import kernel
from ...memory.slots import CANDIDATES, STATES, SYMBOLS
from .arithmetic import TINY, F

TABLE_LEVELS = F(1023)
"""Levels for the gradient of the table: 1023 * 14 candidates * 1171 rows < 2^24."""


@kernel
def memory_worth(s, row, table, worth):
    """What the memory by itself gives each byte: worth [256], the sums of table [K * 144] over the
    candidates of a row.
    """
    for byte in range(SYMBOLS):
        worth[byte] = 0
    for kind in range(s.totals.shape[1]):
        first = STATES * kind + np.int64(s.totals[row, kind])
        for k in range(CANDIDATES):
            seen = np.int64(s.classes[row, kind, k])
            if seen > 0:
                byte = s.candidates[row, kind, k]
                worth[byte] = worth[byte] + table[first + 12 * seen]


@kernel
def add_candidates(s, row, table, logits, gates):
    """Add what the candidates of a row are worth to its logits [256 + ..], behind which the
    transformer's gates stand; keep these in `gates` [K]. table: float32 [K * 144].
    """
    for kind in range(s.totals.shape[1]):
        gate = F(1) + logits[SYMBOLS + kind]
        gates[kind] = gate
        first = STATES * kind + np.int64(s.totals[row, kind])
        for k in range(CANDIDATES):
            seen = np.int64(s.classes[row, kind, k])
            if seen > 0:
                byte = s.candidates[row, kind, k]
                logits[byte] = logits[byte] + gate * table[first + 12 * seen]


@kernel
def candidates_back(s, first_row, table, gates, d_logits, grad):
    """Gradients by the gates, into d_logits [T, 256 + ..] behind those by the logits, and by the
    table, into grad int32 [K * 144] times the step that is returned, of the rows from `first_row`
    on. gates: [T, K].
    """
    rows, kinds = gates.shape
    top = TINY
    for row in range(rows):
        for i in range(SYMBOLS, d_logits.shape[1]):
            d_logits[row, i] = 0
        for kind in range(kinds):
            first = STATES * kind + np.int64(s.totals[first_row + row, kind])
            total = F(0)
            for k in range(CANDIDATES):
                seen = np.int64(s.classes[first_row + row, kind, k])
                if seen > 0:
                    d = d_logits[row, s.candidates[first_row + row, kind, k]]
                    total = total + d * table[first + 12 * seen]
                    top = max(top, abs(d * gates[row, kind]))
            d_logits[row, SYMBOLS + kind] = total
    fine = TABLE_LEVELS / top
    for i in range(grad.shape[0]):
        grad[i] = 0
    for row in range(rows):
        for kind in range(kinds):
            first = STATES * kind + np.int64(s.totals[first_row + row, kind])
            for k in range(CANDIDATES):
                seen = np.int64(s.classes[first_row + row, kind, k])
                if seen > 0:
                    d = d_logits[row, s.candidates[first_row + row, kind, k]]
                    grad[first + 12 * seen] += np.int32(np.rint(d * gates[row, kind] * fine))
    return top / TABLE_LEVELS
