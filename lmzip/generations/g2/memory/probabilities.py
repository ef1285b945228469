"""Adaptive probabilities: they move towards every bit that they predicted.

A probability is P(bit = 1) in units of 2^-22. One that adapts is stored as `p << 10 | n`, n being
a count, whose step is 1 / (n + 1.5) until the count reaches its limit.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..jit import kernel

PROBABILITY_BITS = 22
HALF = 1 << 31
"""Probability one half, count 0."""


def share(part: int, whole: int) -> int:
    """part / whole as a probability, rounded down, strictly inside (0, 2^22)."""
    top = (1 << PROBABILITY_BITS) - 1
    return min(max((part << PROBABILITY_BITS) // whole, 1), top)


@cache
def step_table() -> np.ndarray:
    """int32 [1024]: count n -> 65536 / (n + 3/2), the step of an adaptive probability."""
    n = np.arange(1024, dtype=np.int64)
    return (65536 * 2 // (n * 2 + 3)).astype(np.int32)


@kernel
def adapt(table, row, bit, steps, limit):
    """Move an adaptive probability towards the bit."""
    cell = np.int64(table[row])
    n = cell & 1023
    p = cell >> 10
    p += (((bit << 22) - p) * np.int64(steps[n])) >> 16
    table[row] = (min(max(p, 1), 4194303) << 10) | min(n + 1, limit)
