"""Section 4 of docs/FORMAT.md: by what the queries and keys of a position are turned."""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache

import numpy as np

from reference.arithmetic import F32

Pair = tuple[np.ndarray, np.ndarray]
"""Cosines and sines, [c/2]."""


def rotation(position: int, channels: int) -> Pair:
    """C and S of a position for heads of so many channels, float32."""
    first, second = _tables(channels)
    (c0, s0), (c1, s1) = first[position % 1024], second[position // 1024]
    return c0 * c1 - s0 * s1, s0 * c1 + c0 * s1


def turned(x: np.ndarray, rotation: Pair) -> np.ndarray:
    """x [.., c], turned."""
    (c, s), half = rotation, x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * c - b * s, b * c + a * s], axis=-1)


@cache
def _tables(channels: int) -> tuple[list[Pair], list[Pair]]:
    half = channels // 2
    with localcontext() as context:
        context.prec = 60
        angles = [(Decimal(1000).ln() * -2 * i / channels).exp() for i in range(half)]
        unit = np.array([[float(x) for x in _cosine_and_sine(angle)] for angle in angles]).T
    first = _powers((unit[0], unit[1]))
    second = _powers(_turn(first[512], first[512]))
    return _rounded(first), _rounded(second)


def _cosine_and_sine(angle: Decimal) -> tuple[Decimal, Decimal]:
    """Of an angle of at most 1, by their series."""
    sums, term = [Decimal(0), Decimal(0)], Decimal(1)
    for n in range(60):
        sums[n % 2] += -term if n % 4 > 1 else term
        term = term * angle / (n + 1)
    return sums[0], sums[1]


def _turn(a: Pair, b: Pair) -> Pair:
    return a[0] * b[0] - a[1] * b[1], a[1] * b[0] + a[0] * b[1]


def _powers(unit: Pair) -> list[Pair]:
    """The entries 0 to 1023 of a table whose entry 1 is `unit`, float64."""
    e = [(np.ones_like(unit[0]), np.zeros_like(unit[0])), unit]
    while len(e) < 1024:
        power = e[len(e) // 2]
        e.append(_turn(power, power))
        e.extend([_turn(e[-1], other) for other in e[1 : len(e) - 1]])
    return e


def _rounded(table: list[Pair]) -> list[Pair]:
    return [(c.astype(F32), s.astype(F32)) for c, s in table]
