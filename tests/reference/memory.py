"""Sections 6.3 to 6.6 of docs/FORMAT.md: what is kept of the bytes that were read."""

from __future__ import annotations

from collections import defaultdict, deque

from reference.arithmetic import Cell, histories, mix
from reference.constants import SHORTEST, Level
from reference.operands import Operands
from reference.samples import Samples

WORD32 = 0xFFFFFFFF
RING = 1 << 24


class Slot:
    """A check, a run, and the bit histories of the 15 nodes of half a byte."""

    def __init__(self) -> None:
        self.check = 0
        self.clear()

    def clear(self) -> None:
        self.run_byte = self.run_length = 0
        self.histories = [0] * 16
        """Index: node, 1 to 15."""


class Match:
    """A pointer to where a repetition goes on."""

    def __init__(self) -> None:
        self.at = self.length = self.misses = 0
        self.table: dict[int, int] = defaultdict(int)

    @property
    def length_class(self) -> int:
        return self.length if self.length < 16 else min(16 + ((self.length - 16) >> 3), 23)


def byte_class(c: int) -> int:
    if 97 <= c <= 122:
        return 1
    if 65 <= c <= 90:
        return 2
    if 48 <= c <= 57:
        return 3
    if c == 32:
        return 4
    if c in (10, 13):
        return 5
    if c >= 128:
        return 6
    return 7 if c < 32 else 0


def vowel_class(c: int) -> int:
    if c in b"aeiouy":
        return 1
    return {1: 2, 2: 3, 4: 4, 3: 5}.get(byte_class(c), 6 if c == 10 else 7)


class Memory:
    """All that is known before a byte. `first_size`: bytes of the archive's first block."""

    def __init__(self, level: Level, first_size: int) -> None:
        self.log_buckets = min(level.buckets, max(6, (first_size - 1).bit_length()))
        self.text: dict[int, int] = defaultdict(int)
        self.position = self.last4 = self.last8 = self.classes = 0
        self.after1: dict[int, int] = defaultdict(int)
        self.after2: dict[int, int] = defaultdict(int)
        self.word = self.word1 = self.word2 = self.letters = self.alpha = 0
        self.line = self.line1 = self.field = self.field_hash = 0
        self.fields: list[dict[int, int]] = [defaultdict(int) for _ in range(3)]
        self.begins: list[dict[int, int]] = [defaultdict(int), defaultdict(int)]
        self.whole_fields = level.whole_fields
        self.period = self.candidate = self.votes = 0
        self.stem = self.stem1 = self.word3 = self.gap = self.punctuation = 0
        self.folded = self.folded8 = self.vowels = self.quoted = self.opened = 0
        self.places = [deque([0, 0, 0], 3) for _ in range(256)]
        self.matches = [Match(), Match()]
        self.samples = Samples(self) if level.samples else None
        self.operands = Operands(self)
        self.told = 0
        self.partial = self.node = 1
        self.bit = 0
        self.buckets = [
            defaultdict(lambda: [Slot(), Slot(), Slot()]) for _ in range(level.contexts)
        ]
        self.direct_rows = [defaultdict(lambda: [Cell() for _ in range(16)]) for _ in range(4)]
        self.hashes, self.direct_hashes = [0] * level.contexts, [0] * 4
        self.slots: list[Slot] = [Slot()] * level.contexts
        self.runs: list[Slot] = []
        self.direct: list[list[Cell]] = [[]] * 4

    def byte(self, position: int) -> int:
        return self.text[position % RING]

    @property
    def sampled(self) -> bool:
        """Whether the bytes are samples."""
        return self.samples is not None and self.samples.step > 0

    def agrees(self, byte: int) -> bool:
        """Whether the byte begins with the bits known of the next one."""
        return (byte | 256) >> (8 - self.bit) == self.partial

    def expected_bit(self, byte: int) -> int:
        return byte >> (7 - self.bit) & 1

    def follow(self, bit: int) -> None:
        """One more bit is known, and followed the contexts."""
        following = histories()[1]
        for slot in self.slots:
            slot.histories[self.node] = following[slot.histories[self.node]][bit]
        self.partial = self.partial * 2 + bit
        self.node = self.node * 2 + bit
        self.bit += 1
        if self.bit == 4:
            self.node = 1
            self._look_up([mix(h, self.partial + 1) for h in self.hashes])
            self._look_up_direct([mix(h, self.partial + 1) for h in self.direct_hashes])

    def look_up(self) -> None:
        """The contexts of the next byte."""
        hashes = self._contexts()
        self.told = self.last4 & 0xFFFFFF
        if self.sampled:
            others, self.told = self.samples.contexts()
            for i, h in others.items():
                hashes[i] = h
        self.operands.look_up()
        self.hashes = hashes[: len(self.buckets)]
        c1 = self.last4 & 0xFF
        self.direct_hashes = [
            mix(41, c1),
            mix(42, self.last4 & 0xFFFF),
            mix(43, self.last4 & 0xFFFFFF),
            mix(44, self.word, c1),
        ]
        self._look_up(self.hashes)
        self._look_up_direct(self.direct_hashes)
        self.runs = list(self.slots)

    def read(self, c: int) -> None:
        """A byte that was predicted is known."""
        for run in self.runs:
            if run.run_length == 0 or run.run_byte != c:
                run.run_byte, run.run_length = c, 1
            else:
                run.run_length = min(run.run_length + 1, 255)
        self.note(c)

    def note(self, c: int) -> None:
        """A byte is known, whether it was predicted or foreseen."""
        self._read_further(c)
        last1, last2 = self.last4 & 0xFF, self.last4 & 0xFFFF
        self.after1[last1] = (self.after1[last1] << 8 | c) & 0xFFFFFF
        self.after2[last2] = (self.after2[last2] << 8 | c) & 0xFFFF
        self.text[self.position % RING] = c
        self.position += 1
        self.last8 = (self.last8 << 8 | self.last4 >> 24) & WORD32
        self.last4 = (self.last4 << 8 | c) & WORD32
        self.classes = (self.classes << 3 | byte_class(c)) & 0xFFFFFF
        self.partial = self.node = 1
        self.bit = 0
        self._read_word(c)
        self._read_line(c)
        self._read_period(c)
        for i, match in enumerate(self.matches):
            self._follow(match, i, c)
        if self.samples:
            self.samples.note(c)
            self.operands.note()

    def _read_further(self, c: int) -> None:
        """What the contexts from number 31 on need, before the other registers change."""
        letter = byte_class(c) in (1, 2, 6)
        low = c + 32 if byte_class(c) == 2 else c
        if letter and self.letters < 5:
            self.stem = mix(self.stem, low)
        if not letter:
            if self.letters > 0:
                self.word3, self.stem1 = self.word2, self.stem
                self.stem = self.gap = 0
            self.gap = mix(self.gap, c)
            self.punctuation = self.punctuation if c == 32 else c
        f = 0x30 if byte_class(c) == 3 else 0x20 if c < 0x20 else low
        if (f, self.folded & 0xFF) != (0x20, 0x20):
            self.folded8 = (self.folded8 << 8 | self.folded >> 24) & WORD32
            self.folded = (self.folded << 8 | f) & WORD32
        self.vowels = (self.vowels << 3 | vowel_class(c)) & 0x3FFFFFFF
        if c in b'"':
            self.quoted = 1 - self.quoted
        if c in b"([{<":
            self.opened = (self.opened << 4 | c >> 3) & 0xFFFFF
        if c in b")]}>":
            self.opened = 0

    def _read_word(self, c: int) -> None:
        if byte_class(c) in (1, 2, 6):
            self.word = mix(self.word, c + 32 if byte_class(c) == 2 else c)
            self.letters += 1
            self.alpha = (self.alpha << 5 | c & 31) & 0x3FFFFFFF
        elif self.letters > 0:
            self.word2, self.word1, self.word, self.letters = self.word1, self.word, 0, 0

    def _read_line(self, c: int) -> None:
        if c == 10:
            self.line1, self.line = self.line, self.position
            self.fields[0][self.field] = self.field_hash
            self.field = self.field_hash = 0
            self.fields = [defaultdict(int), *self.fields[:2]]
            self.begins = [self.begins[1], defaultdict(int, {0: self.position})]
        elif c in b",;|\t ":
            self.fields[0][self.field] = self.field_hash
            self.field = min(self.field + 1, 255)
            self.field_hash = 0
            self.begins[1][self.field] = self.position
        else:
            self.field_hash = mix(self.field_hash, c + 1)

    def _read_period(self, c: int) -> None:
        places = self.places[c]
        distance = self.position - places[0]
        steady = distance == places[0] - places[1] == places[1] - places[2]
        if 1 < distance < 4096 and steady:
            if distance == self.candidate:
                self.votes = min(self.votes + 1, 64)
                if self.votes > 12 and distance > 2:
                    self.period = distance
            else:
                self.votes -= 2
                if self.votes < 0:
                    self.candidate, self.votes = distance, 1
        places.appendleft(self.position)

    def _contexts_of_fields(self, c1: int) -> tuple[int, int]:
        """Contexts 13 and 18; those of generations 1 and 2 (section 10) knew no whole fields."""
        field = self.field
        if self.whole_fields:
            begun = mix(self.field_hash, field)
            above, above2 = self.fields[1][field], self.fields[2][field]
            return mix(14, begun, above, above2), mix(19, begun, above)
        entry = entry_next = 0
        i = self.begins[0][field] + self.position - self.begins[1][field]
        if self.begins[0][field] > 0 and i < self.position:
            entry, entry_next = self.byte(i) + 1, self.byte(i + 1)
        return mix(14, entry, entry_next + 256 * c1), mix(19, self.field_hash, field)

    def _contexts(self) -> list[int]:
        last4, last8, position = self.last4, self.last8, self.position
        c1, c2, c4 = last4 & 0xFF, last4 >> 8 & 0xFF, last4 >> 24
        column = min(position - self.line, 4095)
        above = above_next = 0
        i = self.line1 + column
        if self.line > 0 and i < self.line:
            above, above_next = self.byte(i) + 1, self.byte(i + 1)
        two_above, one_above = self._contexts_of_fields(c1)
        period = self.period or 4
        up, up2 = self.byte(position - period), self.byte(position - 2 * period)
        up_next = self.byte(position - period + 1)
        word, word1, word2 = self.word, self.word1, self.word2
        first = self.byte(self.line) if column > 0 else 0
        brackets = self.opened + (self.quoted << 20)
        expected = length_class = 0
        for match in reversed(self.matches):
            if match.at > 0:
                expected, length_class = self.byte(match.at) + 1, match.length_class
        return [
            mix(1, c1),
            mix(2, last4 & 0xFFFF),
            mix(3, last4 & 0xFFFFFF),
            mix(4, last4),
            mix(5, last4, last8 & 0xFFFF),
            mix(6, last4, last8 & 0xFF),
            mix(7, word, c1),
            mix(8, word, word1),
            mix(9, up + 256 * c1, period),
            mix(10, above, above_next + 256 * c1),
            mix(11, last4, last8),
            mix(12, last4 & 0xFFFF00),
            mix(13, up, position % period + 4096 * period),
            two_above,
            mix(15, up + 256 * up2, up_next + 256 * period),
            mix(16, above, column),
            mix(17, last4 & 0xFF00FF),
            mix(18, last4 & 0xFFFF0000),
            one_above,
            mix(20, self.classes),
            mix(21, c1, self.after1[c1]),
            mix(22, last4 & 0xFFFF, self.after2[last4 & 0xFFFF]),
            mix(23, word, word2 + c1),
            mix(24, word, word1, word2),
            mix(25, word1, c1 + 256 * self.letters),
            mix(26, c4, c2 + 256 * (self.classes & 0x3F)),
            mix(27, last4 & 0xFFFFFF00, last8 & 0xFF),
            mix(28, last4, last8 & 0xFFFFFF),
            mix(29, self.alpha),
            mix(30, word, self.classes & 0xFFF000),
            mix(31, word1, word2 + 65536 * c1),
            mix(101, expected, length_class),
            mix(102, column, c1),
            mix(103, brackets, c1),
            mix(104, brackets, word),
            mix(105, min(self.line - self.line1, 65535), column),
            mix(106, word, self.stem1),
            mix(107, self.gap, word1, self.letters),
            mix(108, word, self.gap),
            mix(109, first, word),
            mix(110, self.classes, c1),
            mix(111, word, self.punctuation),
            mix(112, above, last4 & 0xFFFF),
            mix(113, self.folded & 0xFFFFFF),
            mix(114, self.folded),
            mix(115, self.folded, self.folded8 & 0xFFFF),
            mix(116, self.folded, self.folded8),
            mix(117, self.vowels, last4 & 0xFFFF),
            mix(118, first, column),
            mix(119, last4 & 0xFFFF0000, last8 & 0xFFFF),
            mix(120, above, word),
            mix(121, word, c1, column),
            mix(122, self.stem, self.stem1),
            mix(123, word, word1, self.word3),
            mix(124, word1, word2, self.word3, c1),
            mix(125, expected, last4 & 0xFFFF),
            mix(126, expected, word),
            mix(127, self.gap, word, word1),
        ]

    def _look_up(self, hashes: list[int]) -> None:
        for i, h in enumerate(hashes):
            bucket, check = self.buckets[i][h >> (32 - self.log_buckets)], max(h & 0xFFFF, 1)
            for slot in bucket:
                if slot.check == check:
                    break
            else:
                slot = min(bucket, key=lambda slot: slot.histories[1] if slot.check else -1)
                slot.clear()
                slot.check = check
            self.slots[i] = slot

    def _look_up_direct(self, hashes: list[int]) -> None:
        for i, h in enumerate(hashes):
            self.direct[i] = self.direct_rows[i][h >> (32 - self.log_buckets)]

    def _follow(self, match: Match, i: int, c: int) -> None:
        if match.at > 0:
            if self.byte(match.at) == c:
                match.length = min(match.length + 1, 65535)
                if match.length > 15:
                    match.misses = 0
            else:
                match.length = 0
                match.misses += 1
            match.at += 1
            if match.misses > 8:
                match.at = match.length = 0
        if i == 0:
            before = [self.byte(self.position - back) for back in (9, 10, 11)]
            key = int.from_bytes(bytes(before), "big")
            h = mix(51, self.last4, self.last8, key)
        else:
            h = mix(52, self.last4, self.last8 & 0xFF)
        h &= (1 << 20) - 1
        if match.length < SHORTEST[i]:
            found = match.table[h]
            if found > 0 and self.position - found < RING - 64:
                n = 0
                while n < 64 and self.byte(found - 1 - n) == self.byte(self.position - 1 - n):
                    n += 1
                if n >= SHORTEST[i] and n > match.length:
                    match.at, match.length, match.misses = found, n, 0
        match.table[h] = self.position & 0x7FFFFFFF
