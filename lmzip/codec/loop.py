"""predict -> code -> learn: one loop for both directions.

A block is cut into B contiguous streams that advance in lock step. After every segment of
T positions the model learns from what was coded. Encoder and decoder differ in one call: the
one codes the bytes that are there, the other fills them in.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from lmzip.codec import rangecoder
from lmzip.codec.bitmixer import LONGEST
from lmzip.codec.engine import make_engine
from lmzip.codec.initial import HISTORY
from lmzip.codec.presets import BLOCK_SIZE, PRESETS

Progress = Callable[[int], None]


class Codec:
    """A model, and the state of what it has learned so far; goes on from block to block.

    `threads` bounds the processor threads of large products; it never changes a bit.
    `progress` is called with the number of bytes done since the last call.
    Raises EngineError if this machine has no exact engine.
    """

    def __init__(
        self, level: int, *, threads: int | None = None, progress: Progress | None = None
    ) -> None:
        self.preset = PRESETS[level]
        self.progress = progress
        self.engine = make_engine(self.preset, threads=threads)

    def canary(self) -> int:
        """CRC-32 of the frequencies that the model gives the next block's first byte.

        A machine that computes differently is found out by it before it decodes anything.
        """
        return zlib.crc32(self.engine.first_frequencies().astype("<u4").tobytes())

    def encode(self, block: bytes) -> bytes:
        """Payload of a block of 1 to BLOCK_SIZE bytes; learns from it."""
        buffer = np.zeros(len(block) * LONGEST + 16, dtype=np.uint8)
        coder = rangecoder.encoder_state()
        self._run(np.frombuffer(block, dtype=np.uint8), coder, buffer, decode=False)
        return buffer[: rangecoder.finish(coder, buffer)].tobytes()

    def decode(self, payload: bytes, size: int) -> bytes:
        """The block of `size` bytes that `encode` made the payload from; learns from it.

        A damaged payload gives other bytes, never an exception.
        """
        buffer = np.frombuffer(bytearray(payload), dtype=np.uint8)
        data = np.zeros(size, dtype=np.uint8)
        self._run(data, rangecoder.decoder_state(buffer), buffer, decode=True)
        return data.tobytes()

    def _run(self, data: np.ndarray, coder: np.ndarray, buffer: np.ndarray, decode: bool) -> None:
        """Code `data` (uint8 [size]; the decoder fills it in) and learn from it."""
        if not 0 < len(data) <= BLOCK_SIZE:
            raise ValueError(f"a block has 1 to {BLOCK_SIZE} bytes, not {len(data)}")
        segment = self.preset.segment
        streams = min(self.preset.streams, -(-len(data) // segment))
        length = -(-len(data) // streams)
        ends = np.clip(len(data) - length * np.arange(streams), 0, length)
        # Zeros stand before each stream, and behind it to the end of its last segment.
        text = np.zeros((streams, HISTORY + -(-length // segment) * segment), dtype=np.uint8)
        if not decode:
            for stream, end in enumerate(ends):
                text[stream, HISTORY:][:end] = data[stream * length :][:end]
        self.engine.start_block(streams)
        for start in range(0, length, segment):
            left = ends - start
            part = np.ascontiguousarray(text[:, start : start + HISTORY + segment])
            self.engine.code(part, left, coder, buffer, decode)
            if decode:
                text[:, start : start + HISTORY + segment] = part
            # Only a block's last segment can be incomplete, and nothing is left to learn for.
            if left.min() >= segment:
                self.engine.learn(part)
            if self.progress is not None:
                self.progress(int(np.clip(left, 0, segment).sum()))
        if decode:
            for stream, end in enumerate(ends):
                data[stream * length :][:end] = text[stream, HISTORY:][:end]
