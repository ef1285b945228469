"""Section 6.10 of docs/FORMAT.md: whether the next byte can be told without the model."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from reference import constants
from reference.arithmetic import TOP, Cell, clamp, mix, share, squash, stretch
from reference.first_values import WIDEST

RING = 1 << 24
WORD32 = 0xFFFFFFFF
TEXT = {9, 10, 13, *range(0x20, 0x7F)}


def length_class(n: int) -> int:
    """How many of the bounds of classes are not above n."""
    bounds = [*range(1, 16), 16, *range(20, 32, 4), *range(32, 64, 8), 64, 128, 192]
    return sum(n >= bound for bound in [*bounds, 256, 512, 1024, 4096])


class Foresight:
    """Three that expect a byte, and how often each was right."""

    def __init__(self) -> None:
        self.text: dict[int, int] = defaultdict(int)
        self.position = self.last4 = self.last8 = self.hits = 0
        self.match = self.length = self.misses = 0
        self.matches: dict[int, int] = defaultdict(int)
        self.cells: list[dict[int, tuple[int, int, int]]] = [{}, {}]
        """Of a context's place: check, byte, how often in a row."""
        self.right = [
            [
                Cell(share(2 * n + 1, 2 * n + 3))
                for n in (row // 4 if i == 0 else row for row in rows)
            ]
            for i, rows in enumerate([range(128)] * 3)
        ]
        self.weights = np.full((128, 4), constants.EXPECTED_WEIGHT, np.int64)
        self.map: dict[tuple[int, int], Cell] = {}
        self.expected = -1

    def _byte(self, position: int) -> int:
        return self.text[position % RING]

    def expect(self) -> tuple[int, int]:
        """The byte that is expected, or -1, and the chance of 2^22 that it comes."""
        self.said: list[tuple[int, Cell] | None] = [None, None, None]
        if self.match > 0 and self.length > 0:
            row = 4 * length_class(self.length) + min(self.misses, 3)
            self.said[0] = self._byte(self.match), self.right[0][row]
        hashes = (
            mix(81, self.last4, self.last8 & 0xFF),
            mix(82, self.last4, self.last8, self.hits),
        )
        self.places = [(h >> 14, h & 0xFFFF) for h in hashes]
        for i, (place, check) in enumerate(self.places):
            found, byte, run = self.cells[i].get(place, (0, 0, 0))
            if found == check and run > 0:
                self.said[1 + i] = byte, self.right[1 + i][min(run, 31)]
        spoken = [pair for pair in self.said if pair is not None]
        if not spoken:
            self.expected = -1
            return -1, 0

        def trust(byte: int) -> int:
            return sum(max(stretch(cell.p >> 6), 0) for other, cell in spoken if other == byte)

        # Of equals the first.
        self.expected = max((byte for byte, _ in spoken), key=trust)
        return self.expected, self._chance()

    def risk(self, level: constants.Level) -> int:
        """How likely the byte expected may be another, for it to be sure."""
        before = self.last4.to_bytes(4, "big")[1:]
        risk = level.risk_text if TEXT.issuperset([self.expected, *before]) else level.risk
        if self.expected in range(0x30, 0x3A):
            risk = level.risk_digit
        return min(risk, self.position // 2) if level.risk_grows else risk

    def _chance(self) -> int:
        inputs, agree = [], 0
        for pair in self.said:
            s = stretch(pair[1].p >> 6) if pair else 0
            agrees = pair is not None and pair[0] == self.expected
            inputs.append(s if agrees else -s)
            agree += agrees
        self.inputs = np.array([*inputs, 256], np.int64)
        first = self.said[0]
        follows = first is not None and first[0] == self.expected
        self.row = 32 * agree + (length_class(self.length) if follows else 31)
        s = clamp(int((self.inputs * self.weights[self.row] >> 8).sum()) >> 8, -3071, 3071)
        self.p = squash(s)
        u = clamp(s, -2976, 2975) + 2976
        j, r = u // 192, u % 192
        context = 256 * self.expected + (self.last4 & 0xFF)
        low, high = self._cell(context, j), self._cell(context, j + 1)
        self.cell = high if r > 96 else low
        p = 2 * self.p + (low.p * (192 - r) + high.p * r) // 32
        return min(p >> 3, TOP - 16)

    def _cell(self, context: int, column: int) -> Cell:
        first = squash(192 * column - 2976), constants.MAP_COUNT
        return self.map.setdefault((context, column), Cell(*first))

    def read(self, c: int) -> None:
        """The byte is known."""
        hit = int(c == self.expected)
        if self.expected >= 0:
            e = (hit * TOP - self.p) * constants.EXPECTED_RATE >> 14
            weights = self.weights[self.row] + (self.inputs * e + (1 << 15) >> 16)
            self.weights[self.row] = np.clip(weights, -WIDEST, WIDEST)
            self.cell.adapt(hit, constants.MAP_LIMIT)
        for pair in self.said:
            if pair is not None:
                pair[1].adapt(int(pair[0] == c), constants.EXPECTED_LIMIT)
        for cells, (place, check) in zip(self.cells, self.places, strict=True):
            found, byte, run = cells.get(place, (0, 0, 0))
            same = (found, byte) == (check, c)
            cells[place] = check, c, min(run + 1, 255) if same else 1
        self.hits = (self.hits << 1 | hit) & 0xFF
        self.text[self.position % RING] = c
        self.position += 1
        self.last8 = (self.last8 << 8 | self.last4 >> 24) & WORD32
        self.last4 = (self.last4 << 8 | c) & WORD32
        self._follow(c)

    def _follow(self, c: int) -> None:
        if self.match > 0:
            if self._byte(self.match) == c:
                self.length = min(self.length + 1, 65535)
                self.misses = 0 if self.length > 15 else self.misses
            else:
                self.length, self.misses = 0, self.misses + 1
            self.match += 1
            if self.misses > 8:
                self.match = self.length = 0
        h = mix(83, self.last4, self.last8) & 0xFFFFF
        found = self.matches[h]
        if self.length < 16 and found > 0 and self.position - found < RING - 800:
            n = 0
            while n < 400 and self._byte(found - 1 - n) == self._byte(self.position - 1 - n):
                n += 1
            if n >= 8 and n > self.length:
                self.match, self.length, self.misses = found, n, 0
        self.matches[h] = self.position & 0x7FFFFFFF
