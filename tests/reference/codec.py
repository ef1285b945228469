"""Sections 3 and 7 of docs/FORMAT.md, and what the parts say in common: one block at a time."""

from __future__ import annotations

import zlib

import numpy as np

from reference import constants
from reference.arithmetic import TOP, clamp
from reference.constants import Level
from reference.foresight import RING, Foresight
from reference.jpeg import Jpeg
from reference.last_stage import LastStage
from reference.learner import Learner
from reference.prior import Prior
from reference.transformer import Segment, Transformer


class RangeDecoder:
    """Section 7."""

    def __init__(self, payload: bytes) -> None:
        self.bytes = iter(payload)
        self.range, self.rest = 1 << 56, 0
        for _ in range(7):
            self._shift()

    def _shift(self) -> None:
        self.rest = self.rest << 8 | next(self.bytes, 0)

    def bit(self, p: int) -> int:
        step = self.range >> 22
        one = self.rest // step < p
        start, size = (0, p) if one else (p, TOP - p)
        self.rest -= step * start
        self.range = step * size
        while self.range < 1 << 48:
            self._shift()
            self.range <<= 8
        return int(one)


class Codec:
    """The model of an archive; goes on from block to block."""

    def __init__(self, level: Level, scratch: bool = False, prior: Prior | None = None) -> None:
        self.level, self.scratch, self.prior = level, scratch, prior
        self.transformer = Transformer(self.level, scratch, prior)
        self.learner = Learner(self.transformer)
        self.foresight = Foresight()
        self.last_stage: LastStage | None = None
        self.jpeg: Jpeg | None = None

    def canary(self) -> int:
        """Section 1: what the block header holds of the first prediction of the next block."""
        freq = self.transformer.predict(self.transformer.start_block())
        return zlib.crc32(freq.astype("<u4").tobytes())

    def decode(self, payload: bytes, size: int) -> bytes:
        """The block of `size` bytes that the payload holds."""
        coder = RangeDecoder(payload)
        return self._run(size, lambda p, place, bit_of: coder.bit(p))

    def read(self, text: bytes, size: int) -> None:
        """Section 1: learn from a text that stands before the first block. `size`: bytes of what
        else does, and of the block."""
        if self.last_stage is None:
            self._begin(min(len(text) + size, 1 << 20))
        long_ago = text[: max(len(text) - self.level.recent, 0)]
        self.prime(long_ago)
        rest = text[len(long_ago) :]
        for start in range(0, len(rest), 1 << 20):
            self.learn(rest[start : start + (1 << 20)])

    def expect_revision(self, text: bytes) -> None:
        """Section 1: a revision of this text, the last that was read, comes next."""
        if text:
            again = text[: constants.AGAIN]
            start = self.foresight.position - len(text)
            self._match(start)
            self.learn(again)
            self._match(start)

    def _match(self, place: int) -> None:
        assert self.last_stage is not None
        for match in self.last_stage.memory.matches:
            match.at, match.length, match.misses = place + RING, constants.AGAIN, 0
        self.foresight.match, self.foresight.length = place + RING, constants.AGAIN
        self.foresight.misses = 0

    def prime(self, text: bytes) -> None:
        """Section 1: keep what follows what in a text, and learn nothing from it."""
        assert self.last_stage is not None and self.jpeg is not None
        memory, slots = self.last_stage.memory, self.transformer.slots
        slots.start_block()
        for byte in text:
            memory.look_up()
            for k in range(8):
                memory.follow(byte >> (7 - k) & 1)
            memory.read(byte)
            self.jpeg.read(byte)
            slots.read(byte)
            self.foresight.expect()
            self.foresight.read(byte)

    def learn(self, block: bytes) -> None:
        """Learn from a stored block as its encoder did."""
        self._run(len(block), lambda p, place, bit_of: bit_of(block[place]))

    def _run(self, size: int, next_bit) -> bytes:
        """Every bit of a block: next_bit(p, place of the byte in the block, bit of that byte)."""
        if self.last_stage is None:
            self._begin(size)
        transformer, foresight, data = self.transformer, self.foresight, bytearray()
        assert self.last_stage is not None and self.jpeg is not None
        memory = self.last_stage.memory
        waiting: list[Segment] = []
        segment = transformer.start_block()
        while len(data) < size:
            while len(data) < size and len(segment.read) < self.level.segment:
                expected, chance = foresight.expect()
                sure = chance >= TOP - foresight.risk(self.level)
                if sure and next_bit(chance, len(data), lambda byte: int(byte == expected)):  # noqa: B023
                    byte = expected
                    transformer.slots.past.read(byte)
                    memory.note(byte)
                    self.jpeg.read(byte)
                else:
                    excluded = expected if sure else -1
                    freq = transformer.predict(segment, excluded)
                    byte = self._byte(freq, excluded, len(data), next_bit)
                    transformer.read(segment, byte)
                foresight.read(byte)
                data.append(byte)
            if len(segment.read) == self.level.segment:
                waiting.append(segment)
            # The next segment is predicted without what this one taught.
            for earlier in waiting[:-1]:
                self.learner.learn(earlier)
            waiting = waiting[-1:]
            segment = segment.next()
        for last in waiting:
            self.learner.learn(last)
        return bytes(data)

    def _begin(self, size: int) -> None:
        self.last_stage = LastStage(self.level, size, self.scratch, self.prior)
        self.jpeg = Jpeg(self.level, self.last_stage.memory)

    def _byte(self, freq: np.ndarray, excluded: int, place: int, next_bit) -> int:
        stage, jpeg = self.last_stage, self.jpeg
        assert stage is not None and jpeg is not None
        scans, learns = jpeg.scans, excluded < 0
        if not scans:
            stage.memory.look_up()
        first, last = 0, 256
        for k in range(8):
            middle = (first + last) // 2
            ones, whole = int(freq[middle:last].sum()), int(freq[first:last].sum())
            p = clamp(ones * TOP // whole, 1, TOP - 1)
            if not learns:
                p = clamp(p, 32, TOP - 32)
            elif scans:
                p = jpeg.predict(1 << k | first >> (8 - k))
            else:
                p = stage.predict(p)
            bit = next_bit(p, place, lambda byte, k=k: byte >> (7 - k) & 1)
            first, last = (middle, last) if bit else (first, middle)
            if learns:
                (jpeg if scans else stage).learn(bit)
            if not scans:
                stage.memory.follow(bit)
        if scans:
            stage.memory.note(first)
        else:
            stage.memory.read(first)
        if scans and learns:
            jpeg.end_byte(first)
        else:
            jpeg.read(first)
        return first
