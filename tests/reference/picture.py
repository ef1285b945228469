"""Section 6.11 of docs/FORMAT.md: headers of JPEG pictures, and where one is in a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from reference.arithmetic import clamp

LONGEST = 16


def _zigzag() -> list[int]:
    def place(z: int) -> tuple[int, int]:
        diagonal = z // 8 + z % 8
        return diagonal, z % 8 if diagonal % 2 == 0 else z // 8

    return sorted(range(64), key=place)


Z = _zigzag()


class Codes:
    """A table of codes; without bytes none of any length."""

    def __init__(self, counts: list[int], symbols: list[int]) -> None:
        self.symbols = symbols
        self.rows = []
        code = total = 0
        for number in counts:
            self.rows.append((code, number, total))
            code, total = 2 * (code + number), total + number

    def symbol(self, length: int, code: int) -> int | None:
        if not self.rows:
            return None
        first, number, total = self.rows[length - 1]
        return self.symbols[total + code - first] if 0 <= code - first < number else None


class Component(NamedTuple):
    """Of a picture."""

    h: int
    v: int
    steps: list[int]
    dc: Codes
    ac: Codes


class Refused(Exception):
    """What the segments tell is no picture whose scan is known."""


def need(condition: bool) -> None:
    if not condition:
        raise Refused


class Picture:
    """The segments from `i` on, up to a scan's header at `first`."""

    def __init__(self, byte: Callable[[int], int], i: int, first: int) -> None:
        self.byte, self.interval, self.frame = byte, 0, []
        self.steps = [[1] * 64 for _ in range(4)]
        self.codes = [Codes([], []) for _ in range(8)]
        tables = 0
        for _ in range(256):
            need(byte(i) == 0xFF and i <= first - 2)
            marker, size, a, end = byte(i + 1), self._two(i + 2), i + 4, i + 2 + self._two(i + 2)
            if marker == 0xDA:
                need(i == first - 2)
                self._read_scan(a, size)
                return
            need(marker >= 2 and not 0xD0 <= marker <= 0xD9 and size >= 2)
            tables += size if marker in (0xDB, 0xC4) else 0
            need(tables <= 16384)
            if marker == 0xDB:
                self._read_steps(a, end)
            elif marker == 0xC4:
                self._read_codes(a, end)
            elif marker in (0xC0, 0xC1):
                self._read_frame(a, size)
            elif marker == 0xDD:
                self.interval = self._two(a)
            need(not 0xC2 <= marker <= 0xCF or marker == 0xC4)
            i = end
        raise Refused

    def _two(self, i: int) -> int:
        return 256 * self.byte(i) + self.byte(i + 1)

    def _read_steps(self, a: int, end: int) -> None:
        while a < end:
            need(self.byte(a) <= 3)
            for k in range(64):
                self.steps[self.byte(a)][Z[k]] = max(self.byte(a + 1 + k), 1)
            a += 65
        need(a == end)

    def _read_codes(self, a: int, end: int) -> None:
        while a < end:
            t = self.byte(a)
            need(t & 15 <= 3 and t >> 4 <= 1)
            counts = [self.byte(a + length) for length in range(1, LONGEST + 1)]
            total = sum(counts)
            need(total <= 256)
            symbols = [self.byte(a + 17 + number) for number in range(total)]
            self.codes[4 * (t >> 4) + (t & 15)] = Codes(counts, symbols)
            a += 17 + total
        need(a == end)

    def _read_frame(self, a: int, size: int) -> None:
        count, high, wide = self.byte(a + 5), self._two(a + 1), self._two(a + 3)
        need(self.byte(a) == 8 and 1 <= count <= 4 and size == 8 + 3 * count)
        self.frame = []
        for k in range(count):
            name, shape, table = (self.byte(a + 6 + 3 * k + part) for part in range(3))
            h, v = shape >> 4, shape & 15
            need(h in (1, 2) and v in (1, 2) and table < 4)
            self.frame.append((name, h, v, table) if count > 1 else (name, 1, 1, table))
        most_h, most_v = (max(part[axis] for part in self.frame) for axis in (1, 2))
        self.across = (wide + 8 * most_h - 1) // (8 * most_h)
        self.down = (high + 8 * most_v - 1) // (8 * most_v)
        need(self.across * most_h <= 2048 and wide > 0 and high > 0)

    def _read_scan(self, a: int, size: int) -> None:
        m = self.byte(a)
        need(m > 0 and m == len(self.frame) and size == 6 + 2 * m)
        self.components = []
        for k, (name, h, v, table) in enumerate(self.frame):
            d, e = self.byte(a + 2 + 2 * k) >> 4, self.byte(a + 2 + 2 * k) & 15
            need(self.byte(a + 1 + 2 * k) == name and d <= 3 and e <= 3)
            codes = self.codes[d], self.codes[4 + e]
            self.components.append(Component(h, v, self.steps[table], *codes))
        need([self.byte(a + 1 + 2 * m + k) for k in range(3)] == [0, 63, 0])


class Scan:
    """Where in the scan of a picture one is, and the coefficients that were read."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.unit = self.n = self.b = 0
        self.last = [0, 0, 0]
        """symbols, the newest first"""
        self.blocks: dict[tuple[int, int, int], list[int]] = {}
        self.marker = self.ended = self.was_over = False
        self.begin_interval()
        self._begin_block()

    def begin_interval(self) -> None:
        self.over, self.dc = False, [0] * 4

    @property
    def of_coefficients(self) -> bool:
        """Whether the next bit is."""
        return not (self.marker or self.over or self.ended)

    @property
    def component(self) -> Component:
        return self.picture.components[self.n]

    @property
    def so_far(self) -> int:
        """The bits of the code, behind a one."""
        return (1 << self.length) + self.code

    def place(self, n: int, b: int) -> tuple[int, int]:
        """Column and row of block b of a component, in this unit."""
        h, v, across = *self.picture.components[n][:2], self.picture.across
        return self.unit % across * h + b % h, self.unit // across * v + b // h

    def block(self, n: int, x: int, y: int) -> list[int]:
        return self.blocks[n, x, y % 4]

    def _begin_block(self) -> None:
        self.x, self.y = self.place(self.n, self.b)
        self.here = self.blocks[self.n, self.x, self.y % 4] = [0] * 64
        self.k = 0
        self._begin_code()

    def _begin_code(self) -> None:
        self.code = self.length = 0
        self.symbol: int | None = None
        """The one that the code stood for, whose further bits follow."""
        self.fresh = True
        """Whether what tells this code is still to be found."""

    def take(self, bit: int) -> None:
        """A bit of a coefficient."""
        if self.symbol is None:
            self.code, self.length = 2 * self.code + bit, self.length + 1
            table = self.component.ac if self.k else self.component.dc
            self.symbol, self.extra = table.symbol(self.length, self.code), 1
            if self.symbol is None or (self.k == 0 and self.symbol > 15):
                self.ended = self.symbol is not None or self.length == LONGEST
                return
        else:
            self.extra = 2 * self.extra + bit
        size = self.symbol & 15
        if self.extra >> size:
            e = self.extra - (1 << size)
            value = e if size == 0 or e >> (size - 1) else e - (1 << size) + 1
            self._end_code(self.symbol, value)

    def _end_code(self, symbol: int, value: int) -> None:
        self.last = [symbol, *self.last[:2]]
        if self.k == 0:
            self.dc[self.n] = clamp(self.dc[self.n] + value, -32767, 32767)
            self.here[0], self.k = self.dc[self.n], 1
        elif symbol == 0:
            self.k = 64
        else:
            self.k += symbol >> 4
            if self.k > 63:
                self.ended = True
                return
            self.here[Z[self.k]] = value
            self.k += 1
        if self.k < 64:
            self._begin_code()
        else:
            self._end_block()

    def _end_block(self) -> None:
        picture, self.b = self.picture, self.b + 1
        if self.b == self.component.h * self.component.v:
            self.n, self.b = self.n + 1, 0
        if self.n == len(picture.components):
            self.unit, self.n = self.unit + 1, 0
            if self.unit == picture.across * picture.down:
                self.over = True
                return
            self.over = picture.interval > 0 and self.unit % picture.interval == 0
        self._begin_block()

    def end_byte(self, c: int) -> None:
        """All bits of a byte are known."""
        if self.marker:
            self.marker = False
            all_units = self.unit == self.picture.across * self.picture.down
            if 0xD0 <= c <= 0xD7 and self.over and not all_units:
                self.begin_interval()
            elif c != 0:
                self.ended = True
        elif c == 0xFF:
            self.marker = True
        elif self.was_over:
            self.ended = True
        self.was_over = self.over
