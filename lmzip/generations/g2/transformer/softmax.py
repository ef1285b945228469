"""Look-up tables and constants, made by integer or `decimal` arithmetic: the same everywhere."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache

import numpy as np


@cache
def exp_table(steps_per_unit: int, entries: int, scale: int) -> np.ndarray:
    """round(scale * e^(-i / steps_per_unit)) for i in [0, entries): int64[entries]."""
    with localcontext() as context:
        context.prec = 50
        ratio = (Decimal(-1) / steps_per_unit).exp()
        value, table = Decimal(scale), []
        for _ in range(entries):
            table.append(int(value.to_integral_value(ROUND_HALF_EVEN)))
            value *= ratio
    return np.array(table, dtype=np.int64)


ATTENTION_STEPS = np.float32(16 * 1.4426950408889634)
"""Codes of a score's distance to the largest, a unit of which is 16 / ln 2: 16 to a halving."""


def attention_weights() -> np.ndarray:
    """Attention weights of codes 0 to 255: int64 [256].

    127 * 2^(-code / 16) to about 0.2 %, a parabola within each halving: it can be computed in a
    vector, where a table would have to be looked up.
    """
    high, low = np.divmod(np.arange(256), 16)
    share = 16256 - (684 - 11 * low) * low
    return (share + (64 << high)) >> (7 + high)


ATTENTION_WEIGHTS = attention_weights()
"""Of score code c = rint((max - score) * ATTENTION_STEPS), clamped to 255."""

LOGIT_STEPS = 64
LOGIT_WEIGHTS = exp_table(LOGIT_STEPS, 1024, 1 << 20)
"""Relative frequency of logit code c = round((max - logit) * 64), clamped to 1023."""

LOGIT_ROOTS = exp_table(2 * LOGIT_STEPS, 1024, 127)
"""Code of the square root of that frequency, where that of the largest is 127."""
