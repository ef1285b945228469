"""Rotary positions (Su et al. 2021): by what queries and keys are turned, as exact tables.

Pair i of a head's channels is turned by position * 1000^(-2i/c). A position is a * 1024 + b: its
cosines and sines come of those of a and of b, two tables that single roundings make.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache

import numpy as np

BASE = 1000
ENTRIES = 1024
"""Of each table: positions below 2^20 can be told, as many as a block has."""

Pairs = tuple[np.ndarray, np.ndarray]
"""Cosines and sines."""


def turned(a: Pairs, b: Pairs) -> Pairs:
    """Cosines and sines of the sum of two angles, every operation rounded on its own."""
    return a[0] * b[0] - a[1] * b[1], a[1] * b[0] + a[0] * b[1]


@cache
def tables(channels: int) -> np.ndarray:
    """float32 [2, 1024, 2, c / 2]: of positions j, then of 1024 j, the cosines, then the sines."""
    with localcontext() as context:
        context.prec = 40
        angles = [
            (Decimal(-2 * i) / channels * Decimal(BASE).ln()).exp() for i in range(channels // 2)
        ]
        one = tuple(
            np.array([float(part) for part in parts])
            for parts in zip(*map(_unit, angles), strict=True)
        )
    fine = _powers(one)
    half = fine[0][ENTRIES // 2], fine[1][ENTRIES // 2]
    coarse = _powers(turned(half, half))
    pairs = [np.stack(parts, axis=1) for parts in (fine, coarse)]
    return np.stack(pairs).astype(np.float32)


def _unit(angle: Decimal) -> tuple[Decimal, Decimal]:
    """Cosine and sine of an angle in (0, 1], by their series."""
    sums, term = [Decimal(0), Decimal(0)], Decimal(1)
    for n in range(40):
        sums[n % 2] += term if n % 4 < 2 else -term
        term *= angle / (n + 1)
    return sums[0], sums[1]


def _powers(one: Pairs) -> Pairs:
    """Entry j is `one` turned j times: float64 [1024, c / 2], by doubling."""
    cosines = np.ones((ENTRIES, len(one[0])))
    sines = np.zeros_like(cosines)
    size = 1
    while size < ENTRIES:
        cosines[size : 2 * size], sines[size : 2 * size] = turned(
            one, (cosines[:size], sines[:size])
        )
        one = turned(one, one)
        size *= 2
    return cosines, sines
