"""The logistic function and its inverse, as tables built with exact arithmetic only.

A stretch is ln(p / (1 - p)) in units of 1/256, limited to +-3071 (p about 6e-6). The upper 16 bits
of a probability index its table.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache

import numpy as np

from ..jit import kernel
from ..memory.probabilities import PROBABILITY_BITS

FARTHEST = 3071
"""The largest stretch."""


@cache
def squash_table() -> np.ndarray:
    """int32 [6144]: stretch + 3072 -> probability, strictly inside (0, 2^22)."""
    table = np.zeros(2 * (FARTHEST + 1), dtype=np.int32)
    with localcontext() as context:
        context.prec = 40
        odds = (Decimal(FARTHEST + 1) / 256).exp()
        ratio = (Decimal(-1) / 256).exp()
        for i in range(len(table)):
            share = Decimal(1 << PROBABILITY_BITS) / (1 + odds)
            table[i] = int(share.to_integral_value(ROUND_HALF_EVEN))
            odds *= ratio
    return table


@cache
def stretch_table() -> np.ndarray:
    """int16 [65536]: the upper 16 bits of a probability -> stretch, the inverse of `squash`."""
    middle = (np.arange(65536, dtype=np.int64) << 6) + 32
    place = np.searchsorted(squash_table().astype(np.int64), middle) - (FARTHEST + 1)
    return np.clip(place, -FARTHEST, FARTHEST).astype(np.int16)


RECIPROCALS = (np.int64(1 << 32) + np.arange(64)) // np.maximum(np.arange(64), 1)
"""int64 [64]: 2^32 / d, rounded up."""


@kernel
def divided(x, d):
    """x // d without a division, which takes as long as twenty products. |x| < 2^26, 0 < d < 64."""
    sign = x >> 63
    return (((x ^ sign) * RECIPROCALS[d]) >> 32) ^ sign


@kernel
def bounded(x):
    """A stretch within its limits."""
    return min(max(x, -3071), 3071)
