"""Section 6.11 of docs/FORMAT.md: pictures in JPEG, their bits predicted and learned."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from reference import constants
from reference.arithmetic import TOP, Cell, clamp, mix, squash, stretch
from reference.last_stage import Mixer
from reference.memory import Memory
from reference.picture import Picture, Refused, Scan, Z, need

NOTHING = [0] * 64


def octaves(v: int) -> int:
    return v.bit_length() if v > 0 else -v.bit_length()


def halves(v: int) -> int:
    size, added = abs(v), 0
    while size > 3:
        size, added = size >> 1, added + 2
    return size + added if v > 0 else -size - added


def rounded(a: int, b: int) -> int:
    """a / b to the nearest, halves away from 0."""
    nearest = (2 * abs(a) + b) // (2 * b)
    return nearest if a > 0 else -nearest


class Side:
    """The block to the left, or above, or of another component."""

    def __init__(self, block: list[int] | None, k: int) -> None:
        b = block or NOTHING
        self.same, self.next, self.third = (b[Z[min(k + more, 63)]] for more in range(3))
        places = [m for m in range(max(k, 1), 64) if b[Z[m]]]
        self.rest, self.many = sum(abs(b[Z[m]]) for m in places), len(places)
        self.last, self.soon = 0, 64 if block else 0
        if places:
            self.last, self.soon = places[-1], places[0] - k


def edge_along(scan: Scan, beside: list[int], d: int, i: int) -> int:
    z, s, here = Z[scan.k], scan.component.steps, scan.here
    total = 0
    for m in range(8):
        at = z + (m - i) * d
        other = -beside[at] if m % 2 else beside[at]
        total += (other - (here[at] if m != i else 0)) * s[at] * (256 if m else 181)
    edge = rounded(4 * total, s[z] * (256 if i else 181))
    return edge if scan.k else edge - 4 * scan.dc[scan.n]


class Near:
    """Contexts of the code that begins, and what rows are picked by."""

    def __init__(self, scan: Scan, count: int) -> None:
        k, n, x, y, z = scan.k, scan.n, scan.x, scan.y, Z[scan.k]
        here, o, h = scan.here, octaves, halves
        at_left = scan.block(n, x - 1, y) if x > 0 else None
        on_top = scan.block(n, x, y - 1) if y > 0 else None
        west_edge = edge_along(scan, at_left, 1, z & 7) if at_left else 0
        north_edge = edge_along(scan, on_top, 8, z >> 3) if on_top else 0
        both = west_edge + north_edge >> (1 if at_left and on_top else 0)
        edge = north_edge if 0 < z < 8 else both
        if z > 0 and z & 7 == 0:
            edge = west_edge
        left, above = Side(at_left, k), Side(on_top, k)
        soon = (min if at_left and on_top else max)(left.soon, above.soon)
        later = max(left.last, above.last)
        corners, h_of, columns = 0, scan.component.h, scan.picture.across * scan.component.h
        if y > 0 and x > 0:
            corners += abs(scan.block(n, x - 1, y - 1)[z])
        if y > 0 and x + 1 < columns and (scan.b < h_of or scan.b % h_of < h_of - 1):
            corners += abs(scan.block(n, x + 1, y - 1)[z])
        before = [abs(here[Z[m]]) for m in range(1, k)]
        total, nonzero = sum(before), sum(c > 0 for c in before)
        west, north = here[z - 1] if z & 7 else 0, here[z - 8] if z > 7 else 0
        northwest = here[z - 9] if z & 7 and z > 7 else 0
        a = Side(scan.block(n - 1, *scan.place(n - 1, 0)) if n > 0 else None, k)
        b = Side(scan.block(0, *scan.place(0, 0)) if n > 1 else None, k)
        similar = 2 * (abs(left.same) + abs(above.same)) + corners
        rests, next2 = left.rest + above.rest, abs(left.next) + abs(above.next)
        third = abs(left.third) + abs(above.third)
        l0, l1, l2 = scan.last
        fine, rough, own, some = h(edge) + 64, o(edge) + 32, h(total), o(total)
        edges = 64 * (o(west_edge) + 32) + o(north_edge) + 32
        aside, within = 128 * (h(a.same) + 64), 64 * (o(west) + 32) + o(north) + 32
        values = [
            h(both) + 64,
            h(west_edge) + 64,
            h(north_edge) + 64,
            64 * within + o(northwest) + 32,
            aside + h(b.same) + 64,
            128 * (h(left.same) + 64) + h(above.same) + 64,
            256 * h(a.rest) + 8 * h(b.rest) + min(o(rests), 7),
            64 * soon + own,
            64 * a.last + b.last,
            64 * own + nonzero,
            256 * l0 + l1,
            64 * h(similar + next2 + third) + nonzero,
            64 * fine + some,
            64 * (h(west_edge) + 64) + some,
            64 * (h(north_edge) + 64) + some,
            aside + h(both) + 64,
            aside + rough,
            16 * min(left.many, 15) + min(above.many, 15),
            64 * (4096 * (o(a.same) + 32) + within) + rough,
            256 * (2 * aside + l0) + some,
            8 * edges + min(some, 7),
            32 * (64 * (o(a.same) + 32) + rough) + o(a.rest),
            64 * (64 * soon + later) + nonzero,
            256 * (64 * (o(left.same) + 32) + o(left.next) + 32) + l0,
            256 * (64 * (o(above.same) + 32) + o(above.next) + 32) + l0,
            256 * (256 * l0 + l1) + l2,
            64 * within + rough,
            aside + own,
            64 * (aside + h(b.same) + 64) + rough,
            x,
        ][:count]
        self.hashes = [mix(mix(201 + i, k + 64 * n), v) for i, v in enumerate(values)]
        self.activity = min(abs(o(edge)), 7), min(o(similar), 7), min(o(rests), 7)


class Jpeg:
    """Finds scans in what is read, and predicts their bits."""

    def __init__(self, level: constants.Level, memory: Memory) -> None:
        self.memory, self.known = memory, level.jpeg
        self.starts, self.first = [0] * 4, 0
        self.scan: Scan | None = None
        self.count = min(3 * level.contexts // 2, 30)
        self.aside: dict[int, Cell] = defaultdict(Cell)
        self.cells: list[dict[int, Cell]] = [defaultdict(Cell) for _ in range(self.count)]
        first = [constants.JPEG_WEIGHTS // self.count, 0] * self.count + [0]
        rates = constants.JPEG_RATE, constants.JPEG_FALLING_RATE, constants.JPEG_FALL
        self.sets = [Mixer(_rows(first), 0, rates) for _ in range(4)]
        rate, falling = constants.JPEG_FINAL_RATE, constants.JPEG_FINAL_FALLING_RATE
        self.final = Mixer(_rows([16384] * 4 + [0]), 0, (rate, falling, constants.JPEG_FINAL_FALL))

    @property
    def scans(self) -> bool:
        """Whether the next byte is a scan byte."""
        return self.scan is not None

    def read(self, c: int) -> None:
        """A byte is known, and noted by the memory; bits of a scan byte are not learned."""
        if self.scan is None:
            self._note()
            return
        for k in range(8):
            self._take(c >> (7 - k) & 1)
        self.end_byte(c)

    def _take(self, bit: int) -> None:
        assert self.scan is not None
        if self.scan.of_coefficients:
            self.scan.take(bit)

    def end_byte(self, c: int) -> None:
        """All bits of a scan byte are known."""
        assert self.scan is not None
        self.scan.end_byte(c)
        if self.scan.ended:
            self.scan = None

    def _note(self) -> None:
        """A byte that is of no scan has been noted."""
        byte, position, last4 = self.memory.byte, self.memory.position, self.memory.last4
        if not self.known:
            return
        if last4 & 0xFFFFFF == 0xFFD8FF:
            self.starts = [position - 2, *self.starts[:3]]
        if self.first == 0:
            if last4 & 0xFFFF == 0xFFDA and self.starts[0]:
                self.first = position
            return
        size = 256 * byte(self.first) + byte(self.first + 1)
        if position == self.first + 2 and size > 14:
            self.first = 0
        elif position >= self.first + max(size, 2):
            for start in self.starts:
                try:
                    need(start > 0)
                    self.scan = Scan(Picture(byte, start + 1, self.first))
                    break
                except Refused:
                    pass
            self.first = 0

    def predict(self, partial: int) -> int:
        """P(1) in 22 bits, of the next bit of a scan byte."""
        scan = self.scan
        assert scan is not None
        self.used = []
        if not scan.of_coefficients:
            kind = 2 if not scan.marker else 1 if scan.over else 0
            self.used = [self.aside[256 * kind + partial]]
            return clamp(self.used[0].p, 32, TOP - 32)
        if scan.fresh:
            self.near, scan.fresh = Near(scan, self.count), False
        symbol, behind = scan.symbol or 0, int(scan.symbol is not None)
        g = mix(401 + symbol, scan.extra) if behind else scan.so_far
        inputs = []
        for cells, context in zip(self.cells, self.near.hashes, strict=True):
            cell = cells[mix(context, g) >> 14]
            self.used.append(cell)
            p16, q = cell.p >> 6, min(cell.n, 31)
            inputs += stretch(p16) * q // (q + 1), ((p16 - 32768) >> 6) * q // (q + 1)
        values = np.array([*inputs, 256], np.int64)
        so_far = scan.so_far
        a0, a1, a2 = self.near.activity
        place = scan.k + 64 * scan.n
        rows = [
            2048 + 64 * (symbol & 15) + min(scan.extra, 63) if behind else min(so_far, 2047),
            2 * place + behind,
            4 * (2 * (64 * a0 + 8 * a1 + a2) + behind) + scan.n,
            mix(mix(scan.last[0], a0), min(so_far, 255) + 256 * behind) & 4095,
        ]
        said = [s.mixed(values, row) for s, row in zip(self.sets, rows, strict=True)]
        s = self.final.mixed(np.array([*said, 256], np.int64), place)
        return clamp(squash(s), 32, TOP - 32)

    def learn(self, bit: int) -> None:
        """The bit that was predicted is known."""
        assert self.scan is not None
        if self.scan.of_coefficients:
            for mixer in (*self.sets, self.final):
                mixer.learn(bit)
        for cell in self.used:
            cell.adapt(bit, constants.JPEG_LIMIT)
        self._take(bit)


def _rows(first: list[int]) -> dict[int, np.ndarray]:
    """Rows of weights that begin alike."""
    return defaultdict(lambda: np.array(first, np.int64))
