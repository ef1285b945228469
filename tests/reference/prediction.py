"""Sections 6.4.2 and 6.4.3 of docs/FORMAT.md: the next sample, and what is expected of a byte."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache
from math import isqrt
from typing import TYPE_CHECKING

from reference.arithmetic import clamp

if TYPE_CHECKING:
    from reference.samples import Samples

N = 32
FIRST = [(0, 1, 0), (1, 0, 0), (1, 1, 0), (1, -1, 0), (0, 2, 0), (2, 0, 0), (2, -1, 0), (1, 2, 0)]
FIRST += [(1, -2, 0), (0, 3, 0), (2, 1, 0)]
ALONE = [(0, 6, 0), (1, -4, 0), (2, 4, 0), (2, -4, 0), (3, 2, 0), (3, -2, 0), (4, 1, 0), (4, -1, 0)]
OTHERS = [(0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 2), (1, 0, 2), (0, 1, 2), (1, -1, 1)]
LAST = [(2, 2, 0), (2, -2, 0), (3, 0, 0), (1, 3, 0), (1, -3, 0), (0, 4, 0), (3, -1, 0), (3, 1, 0)]
LAST += [(2, 3, 0), (2, -3, 0), (0, 5, 0), (4, 0, 0), (1, 4, 0)]


@cache
def tables() -> tuple[list[int], list[int]]:
    """`density` and `beyond`."""
    density, beyond = [], []
    with localcontext() as context:
        context.prec = 40
        for i in range(512):
            f = 1 / (1 + (Decimal(i) / 32).exp())
            density.append(int((262144 * f * (1 - f)).to_integral_value(ROUND_HALF_EVEN)))
            beyond.append(int((2**31 * f).to_integral_value(ROUND_HALF_EVEN)))
    return density, beyond


class Channel:
    """What is known of the samples of one remainder."""

    def __init__(self, first: dict[int, int]) -> None:
        self.weights = [first.get(k, 0) for k in range(N)]
        self.products = [[0] * (i + 1) for i in range(N + 1)]
        self.count = 0
        self.errors = [4096, 4096]

    def learn(self, x: list[int], missed: int, fading: int) -> None:
        """x: the neighbours, then what came, less the base."""
        for row, a in zip(self.products, x, strict=True):
            for j in range(len(row)):
                row[j] += 64 * a * x[j]
        for d, rate in enumerate((4, 7)):
            self.errors[d] += (256 * missed - self.errors[d]) >> rate
        self.count += 1
        if self.count >= 64 and self.count % 16 == 0:
            self._solve()
            self.products = [[v - (v >> fading) for v in row] for row in self.products]

    def _solve(self) -> None:
        largest = max(1, *(row[-1] for row in self.products))
        digits = largest.bit_length()
        scaled = [
            [(v << max(30 - digits, 0)) >> max(digits - 30, 0) for v in r] for r in self.products
        ]
        g: list[list[int]] = []
        for i, row in enumerate(scaled):
            g.append([])
            for j, v in enumerate(row):
                if j == N:
                    break
                rest = (v << 25) - sum(a * b >> 5 for a, b in zip(g[i], g[j], strict=False))
                if i == j:
                    rest = clamp(rest + (4 << 25), 0, 1 << 55)
                    g[i].append(max(isqrt(rest << 5), 1 << 14))
                else:
                    rest = clamp(rest, -(1 << 56), 1 << 56)
                    g[i].append(clamp((rest << 5) // g[j][j], -(1 << 30), 1 << 30))
        for i in reversed(range(N)):
            rest = (g[N][i] << 16) - sum(g[k][i] * self.weights[k] for k in range(i + 1, N))
            self.weights[i] = clamp(rest // g[i][i], -(1 << 22), 1 << 22)


class Prediction:
    """The next sample, from those around it."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.missed: dict[int, int] = {}
        self.near = [0] * N
        self.base = self.predicted = 0
        self.start_over()

    def start_over(self) -> None:
        """Forget all but by how much samples missed their prediction."""
        s = self.samples
        if s.grid[3] == 0:
            first = {0: 98304, 1: -32768}
        else:
            first = {0: 49152, 1: 49152, 2: -49152}
            if s.step > s.size:
                first |= {11: 32768, 12: -32768, 13: -32768, 14: 32768}
        self.channels = [Channel(first) for _ in range(8)]

    def _backs(self) -> list[int]:
        s, w, o = self.samples.step, self.samples.grid[3], self.samples.size
        if w == 0:
            own = N if s == o else 20
            return [s * k for k in range(1, own + 1)] + [o + s * k for k in range(N - own)]
        around = FIRST + (ALONE if s == o else OTHERS) + LAST
        return [rows * w + pixels * s + channels * o for rows, pixels, channels in around]

    def predict(self) -> None:
        s = self.samples
        self.near = [s.sample(back) for back in self._backs()]
        self.base = sum(self.near[:4]) >> 2 if s.grid[3] else 128 if s.size == 1 else 32768
        weights = self.channels[self._place() % s.step].weights
        total = sum(w * (x - self.base) for w, x in zip(weights, self.near, strict=True))
        self.predicted = s.bounded(16 * self.base + (total >> 12), 16)

    def learn(self) -> None:
        s, place = self.samples, self.samples.memory.position - self.samples.size
        came = s.sample(s.size)
        missed = self.missed[place % 8192] = abs(16 * came - self.predicted)
        x = [v - self.base for v in (*self.near, came)]
        self.channels[place % s.step].learn(x, missed, 7 if s.grid[3] else 4)

    def _place(self) -> int:
        """Where the sample to come, or begun, begins."""
        return self.samples.memory.position - (0 if self.samples.begins else 1)

    def _widths(self) -> list[int]:
        s, place = self.samples, self._place()
        errors = list(self.channels[place % s.step].errors)
        if w := s.grid[3]:
            backs = [s.step] * 2 + [w] * 2 + [w + s.step, w - s.step]
            nearby = sum(self.missed.get((place - back) % 8192, 0) for back in backs)
            errors[0] = (errors[0] + 3 * (256 * nearby // 6)) >> 2
        return [max(23 * error >> 13, 3) for error in errors]

    def expect(self) -> list[list[int]]:
        """What every byte weighs, in each distribution."""
        return [[self._weight(c, width) + 1 for c in range(256)] for width in self._widths()]

    def _weight(self, c: int, width: int) -> int:
        s, narrow, middle = self.samples, (32 << 20) // width, self.predicted
        density, beyond = tables()

        def at(away: int) -> int:
            return min(abs(away) * narrow >> 20, 511)

        def below(away: int) -> int:
            return beyond[at(away)] if away < 0 else (1 << 31) - beyond[at(away)]

        if s.size == 1:
            return density[at(16 * c - middle)]
        last = s.memory.last4 & 0xFF
        if s.grid[1] > 0:
            if s.begins:
                away = (16 * c - middle + 2048) % 4096 - 2048
                return sum(density[at(away + other)] for other in (0, 4096, -4096))
            return density[at(16 * (256 * (c ^ 128) + last) - middle)]
        if not s.begins:
            return density[at(16 * (256 * (last ^ 128) + c) - middle)]
        cell = (c ^ 128) << 12
        if width > 2048:
            return density[at(cell + 2048 - middle)]
        return (below(cell + 4088 - middle) - below(cell - 8 - middle)) >> 12
