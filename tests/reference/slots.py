"""Section 4.1 of docs/FORMAT.md: the slots that the transformer is told of."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from reference.arithmetic import mix

WORD32 = 0xFFFFFFFF
KINDS = 11


class Seen(NamedTuple):
    """What the transformer is told at one position."""

    tokens: list[int]
    """Rows of the embedding."""
    candidates: list[list[tuple[int, int]]]
    """Of each kind: (byte, entry of the table)."""


def count_class(n: int) -> int:
    steps = (1, 2, 3, 4, 5, 6, 8, 12, 20, 40, 90)
    return sum(n >= step for step in steps)


class Slot:
    """Candidates and counts, sorted by count, of equal ones the newest first."""

    def __init__(self) -> None:
        self.check = 0
        self.counts: list[tuple[int, int]] = []

    def add(self, byte: int, fast: bool) -> None:
        known = [other for other, _ in self.counts]
        place = known.index(byte) if byte in known else min(len(known), 13)
        count = self.counts[place][1] + 1 if byte in known else 1
        entries = self.counts[:place] + self.counts[place + 1 :]
        if fast:
            entries = [(other, (n + 2) // 2 if n > 2 else n) for other, n in entries]
        while place > 0 and entries[place - 1][1] <= count:
            place -= 1
        entries.insert(place, (byte, count))
        if count == 255:
            entries = [(other, (n + 1) // 2) for other, n in entries]
        self.counts = entries


class Past:
    """The last bytes and words of a block."""

    def __init__(self) -> None:
        self.last = bytes(16)
        """Newest last."""
        self.word = self.word1 = 0

    def read(self, c: int) -> None:
        self.last = self.last[1:] + bytes([c])
        letter = chr(c).isascii() and chr(c).isalpha()
        if letter or c >= 128:
            self.word = mix(self.word, ord(chr(c).lower()) if letter else c)
        elif self.word != 0:
            self.word1, self.word = self.word, 0

    def hashes(self) -> list[int]:
        def number(first: int, count: int) -> int:
            """`count` bytes, of which the newest has `first` newer ones, the oldest highest."""
            end = 16 - first
            return int.from_bytes(self.last[end - count : end], "big")

        last4, last8, c1 = number(0, 4), number(4, 4), self.last[-1]
        return [
            *(mix(60 + order, number(0, order)) for order in (1, 2, 3, 4)),
            mix(65, last4, number(4, 1)),
            mix(66, last4, number(4, 2)),
            mix(67, last4, last8),
            mix(68, last4, last8, number(8, 4), number(12, 4)),
            mix(69, self.word, c1),
            mix(70, self.word, self.word1),
            mix(71, last4 & 0xFFFF00),
        ]


class Slots:
    """All slots, and what was read of the block."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.kinds = KINDS if bits else 0
        self.slots = [defaultdict(Slot) for _ in range(self.kinds)]
        self.start_block()

    def start_block(self) -> None:
        self.past = Past()

    def look_up(self) -> Seen:
        last = self.past.last
        firsts, states, candidates = [], [], []
        for kind, (slot, check) in enumerate(self._slots()):
            counts = slot.counts if slot.check == check else []
            total = count_class(sum(n for _, n in counts))
            first = count_class(counts[0][1]) if counts else 0
            firsts.append(768 + (counts[0][0] if counts else 256))
            states.append(1025 + 144 * kind + 12 * first + total)
            candidates.append(
                [(byte, 144 * kind + 12 * count_class(n) + total) for byte, n in counts]
            )
        history = [last[-1], 256 + last[-2], 512 + last[-3]]
        return Seen(history + firsts + states, candidates)

    def _slots(self) -> list[tuple[Slot, int]]:
        """Of each kind the slot, and the check that it must have."""
        return [
            (slots[h >> (32 - self.bits)], max(h & 0xFFFF, 1))
            for slots, h in zip(self.slots, self.past.hashes(), strict=False)
        ]

    def read(self, byte: int) -> None:
        for kind, (slot, check) in enumerate(self._slots()):
            if slot.check != check:
                slot.check, slot.counts = check, []
            slot.add(byte, fast=4 <= kind < 8)
        self.past.read(byte)
