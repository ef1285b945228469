"""Sections 3 and 7 of docs/FORMAT.md, and what the parts say in common: one block at a time."""

from __future__ import annotations

import zlib

import numpy as np

from reference.arithmetic import TOP, clamp
from reference.constants import LEVELS
from reference.last_stage import LastStage
from reference.transformer import Transformer


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

    def __init__(self, level: int) -> None:
        self.level = LEVELS[level]
        self.transformer = Transformer(self.level)
        self.last_stage: LastStage | None = None

    def canary(self) -> int:
        """Section 1: what the block header holds of the first prediction of the next block."""
        self.transformer.start_block(1)
        freq = self.transformer.forward([self.transformer.slots.look_up(0)])
        return zlib.crc32(freq.astype("<u4").tobytes())

    def decode(self, payload: bytes, size: int) -> bytes:
        """The block of `size` bytes that the payload holds."""
        coder = RangeDecoder(payload)
        return self._run(size, lambda p, place, k: coder.bit(p))

    def learn(self, block: bytes) -> None:
        """Learn from a stored block as its encoder did."""
        self._run(len(block), lambda p, place, k: block[place] >> (7 - k) & 1)

    def _run(self, size: int, next_bit) -> bytes:
        """Every bit of a block: next_bit(p, place of the byte in the block, number of the bit)."""
        if self.last_stage is None:
            self.last_stage = LastStage(self.level, size)
        segment = self.level.segment
        streams = min(self.level.streams, -(-size // segment))
        length = -(-size // streams)
        ends = [clamp(size - length * b, 0, length) for b in range(streams)]
        text = np.zeros((streams, length + segment), np.uint8)
        self.transformer.start_block(streams)
        for start in range(0, length, segment):
            self.transformer.start_segment()
            for at in range(start, start + segment):
                slots = self.transformer.slots
                freq = self.transformer.forward([slots.look_up(b) for b in range(streams)])
                for b in range(streams):
                    if at < ends[b]:
                        place = length * b + at
                        text[b, at] = self._byte(freq[b], place, next_bit)
                for b in range(streams):
                    if at < ends[b]:
                        slots.read(b, int(text[b, at]))
            if min(ends) >= start + segment:
                self.transformer.learn(text[:, start : start + segment].astype(int))
        return b"".join(text[b, : ends[b]].tobytes() for b in range(streams))

    def _byte(self, freq: np.ndarray, place: int, next_bit) -> int:
        stage = self.last_stage
        assert stage is not None
        first, last = 0, 256
        for k in range(8):
            middle = (first + last) // 2
            ones, whole = int(freq[middle:last].sum()), int(freq[first:last].sum())
            p = stage.predict(clamp(ones * TOP // whole, 1, TOP - 1))
            bit = next_bit(p, place, k)
            first, last = (middle, last) if bit else (first, middle)
            stage.learn(bit)
        stage.memory.read(first)
        return first
