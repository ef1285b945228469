"""Sections 2, 6.1 and 6.2 of docs/FORMAT.md: what everything else is computed with."""

from __future__ import annotations

from bisect import bisect_left
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np

from reference.constants import BOUND

F32 = np.float32
TOP = 1 << 22
"""One, as a probability."""


# -- section 2: floats ----------------------------------------------------------------------


def quantise(x: np.ndarray, axis=-1, levels: int = 127):
    """Codes, scale and rate of x (float32); the maximum goes over `axis`, which stays as 1."""
    peak = np.maximum(np.abs(x).max(axis=axis, keepdims=True), F32(1e-30))
    rate = F32(levels) / peak
    return np.rint(x * rate), peak / F32(levels), rate


def exact_sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b of integers: exact in float64, rounded to float32 once."""
    return (a.astype(np.float64, copy=False) @ b.astype(np.float64, copy=False)).astype(F32)


def exponentials(steps: int, entries: int, scale: int) -> np.ndarray:
    """round(scale * e^(-i / steps)) as float64 [entries]."""
    with localcontext() as context:
        context.prec = 40
        values = [scale * (Decimal(-i) / steps).exp() for i in range(entries)]
        return np.array([int(v.to_integral_value(ROUND_HALF_EVEN)) for v in values], np.float64)


# -- section 6.1: integers ------------------------------------------------------------------


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def mix(first: int, *others: int) -> int:
    """Hash of two numbers, and of more one after the other: FORMAT.md's m(a, b, c, ..)."""
    h = first
    for other in others:
        h = (h * 0x2F0B4C47 + other * 0x1E35A7BD + 0x3C6EF372) & 0xFFFFFFFF
        h ^= h >> 15
        h = h * 0x2C1B3C6D & 0xFFFFFFFF
        h ^= h >> 13
    return h


def share(part: int, whole: int) -> int:
    return clamp(part * TOP // whole, 1, TOP - 1)


class Cell:
    """An adaptive probability p (22 bits) with a count n."""

    __slots__ = ("n", "p")

    def __init__(self, p: int = TOP // 2, n: int = 0) -> None:
        self.p, self.n = p, n

    def adapt(self, bit: int, limit: int) -> None:
        step = 131072 // (2 * self.n + 3)
        self.p = clamp(self.p + ((bit * TOP - self.p) * step >> 16), 1, TOP - 1)
        self.n = min(self.n + 1, limit)


def bounded(x: int) -> int:
    return clamp(x, -3071, 3071)


def flat(p16: int) -> int:
    return (p16 - 32768) >> 5


@cache
def _squash_table() -> list[int]:
    with localcontext() as context:
        context.prec = 40
        values = [TOP / (1 + (Decimal(-s) / 256).exp()) for s in range(-3072, 3072)]
        return [int(v.to_integral_value(ROUND_HALF_EVEN)) for v in values]


def squash(s: int) -> int:
    return _squash_table()[s + 3072]


@cache
def stretch(p16: int) -> int:
    return bounded(bisect_left(_squash_table(), 64 * p16 + 32) - 3072)


# -- section 6.2: bit histories -------------------------------------------------------------


def _allowed(a: int, b: int) -> bool:
    return min(a, b) < len(BOUND) and max(a, b) <= BOUND[min(a, b)]


def _nearest(zeros: int, ones: int) -> tuple[int, int]:
    def loss(pair: tuple[int, int]):
        x, y = pair
        miss = abs(Fraction(x, x + y) - Fraction(zeros, zeros + ones))
        return miss + Fraction(zeros + ones - x - y, 100), -x - y, x

    return min(
        (
            (x, y)
            for x in range(zeros + 1)
            for y in range(ones + 1)
            if x + y > 0 and _allowed(x, y) and (x > 0 or zeros == 0) and (y > 0 or ones == 0)
        ),
        key=loss,
    )


def _next(counts: tuple[int, int], tail: tuple[int, ...], bit: int):
    new = list(counts)
    new[bit] += 1
    if sum(new) <= 4:
        return tuple(new), (*tail, bit)
    other = new[1 - bit]
    new[1 - bit] = other if other < 4 else 1 + len(f"{other - 1:b}")
    pair = _nearest(*new)
    if sum(pair) <= 4:
        return pair, (1 - bit,) * pair[1 - bit] + (bit,) * pair[bit]
    return pair, (bit,)


@cache
def histories() -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Of every state the zeros and ones, and the next state after a zero and after a one."""
    states = {
        ((n - sum(tail), sum(tail)), tail) for n in range(5) for tail in product((0, 1), repeat=n)
    }
    for a, b in product(range(max(BOUND) + 1), repeat=2):
        if a + b > 4 and _allowed(a, b):
            states |= {((a, b), (last,)) for last in (0, 1) if (a, b)[last]}
    order = sorted(states, key=lambda state: (sum(state[0]), state))
    number = {state: i for i, state in enumerate(order)}
    following = [(number[_next(*state, 0)], number[_next(*state, 1)]) for state in order]
    return [counts for counts, _ in order], following
