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


ATTENTION_STEPS = 16
ATTENTION_WEIGHTS = exp_table(ATTENTION_STEPS, 256, 127)
"""Attention weight of score code c = round((max - score) * 16), clamped to 255."""

LOGIT_STEPS = 64
LOGIT_WEIGHTS = exp_table(LOGIT_STEPS, 1024, 1 << 20)
"""Relative frequency of logit code c = round((max - logit) * 64), clamped to 1023."""

LOGIT_ROOTS = exp_table(2 * LOGIT_STEPS, 1024, 127)
"""Code of the square root of that frequency, where that of the largest is 127."""

FREQUENCY_BITS = 24
"""Integer frequencies of a byte sum to 2^24."""


def hashed_uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Initial values: float32 multiples of 2^-23 in [-1, 1), from an integer hash.

    Element i of the tensor is the SplitMix64 output (Steele, Lea, Flood 2014) of counter i,
    seeded by the FNV-1a hash of the tensor's name; its top 24 bits, centred, are the value.
    """
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        golden = np.uint64(0x9E3779B97F4A7C15)
        z = np.uint64(seed) + golden * np.arange(1, count + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    centred = (z >> np.uint64(40)).astype(np.int64) - (1 << 23)
    return (centred.astype(np.float32) * np.float32(2.0**-23)).reshape(shape)
