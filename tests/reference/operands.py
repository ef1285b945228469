"""Section 6.4.4 of docs/FORMAT.md: operands of machine code, by the places that they lead to."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reference.arithmetic import Cell, mix

if TYPE_CHECKING:
    from reference.memory import Memory

WITH_PREFIX = (0x3B, 0x39, 0x63, 0x03, 0x2B, 0x83, 0x85, 0x33)


class Operands:
    """The places that were met, and which bytes of an operand two of them expect."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.start = self.group = self.behind = self.just_behind = 0
        """where an operand begins, or 0; what its place is; hashes of the bytes before it"""
        self.last: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.by_two: dict[tuple[int, int], int] = {}
        self.by_five: dict[int, int] = {}
        self.by_last: dict[int, int] = {}
        self.expected: list[int | None] = [None, None]
        self.row = 0, 0, 0
        self.cells: list[dict[tuple[int, ...], Cell]] = [defaultdict(Cell), defaultdict(Cell)]

    def _begins(self) -> int | None:
        one, two, three = (self.memory.last4 >> (8 * k) & 0xFF for k in range(3))
        if one in (0xE8, 0xE9) or (two == 0x0F and 0x80 <= one < 0x90):
            return 0
        if one & 0xC7 == 5 and (
            two in (0x8B, 0x89, 0x8D) or (two in WITH_PREFIX and 0x40 <= three < 0x50)
        ):
            return 1
        return None

    def note(self) -> None:
        """A byte has been noted by all else."""
        memory = self.memory
        if self.start:
            if memory.position == self.start + 4:
                self._keep()
                self.start = 0
        elif memory.samples is not None and memory.samples.no_text > 500:
            group = self._begins()
            if group is not None:
                self.start, self.group = memory.position, group
                self.behind = mix(181 + group, memory.last4, memory.last8 & 0xFF) & 0xFFFF
                self.just_behind = mix(183 + group, memory.last4 & 0xFFFF) & 0xFFFF

    def _distance(self, known: int) -> int:
        last = self.memory.last4.to_bytes(4, "big")
        return int.from_bytes(last[4 - known :], "little")

    def _keep(self) -> None:
        distance = self._distance(4)
        if not (distance < 1 << 24 or distance >= (1 << 32) - (1 << 24)):
            return
        place = (self.memory.position + distance) % (1 << 32)
        two = self.last[self.group, place & 0xFF]
        if two[:1] != [place]:
            self.last[self.group, place & 0xFF] = [place, *two[:1]]
        self.by_two[self.group, place & 0xFFFF] = place
        self.by_five[self.behind] = self.by_last[self.just_behind] = place

    def look_up(self) -> None:
        """Which byte two places expect as the next."""
        if not self.start:
            return
        known, end = self.memory.position - self.start, self.start + 4
        lower = (end + self._distance(known)) % (1 << 8 * known)
        places: list[int | None] = [None, None]
        if known == 0:
            places = [self.by_five.get(self.behind), self.by_last.get(self.just_behind)]
        elif known == 1:
            found = self.last[self.group, lower]
            places = [*found, None, None][:2]
        else:
            place = self.by_two.get((self.group, lower & 0xFFFF))
            if place is not None and place % (1 << 8 * known) == lower:
                places[0] = place
        first, second = self.expected = [
            None if place is None else (place - end) >> 8 * known & 0xFF for place in places
        ]
        self.row = self.group, known, 0 if second is None else 1 if first == second else 2

    def cells_of(self) -> list[tuple[Cell, int] | None]:
        """For each of the two, the cell of the next bit and which bit it expects."""
        memory, found = self.memory, []
        for cells, byte in zip(self.cells, self.expected, strict=True):
            if byte is None or not memory.agrees(byte):
                found.append(None)
            else:
                found.append((cells[(*self.row, memory.bit)], memory.expected_bit(byte)))
        return found
