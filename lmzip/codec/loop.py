"""predict -> code -> learn: one loop for both directions.

A block is cut into B contiguous streams that advance in lock step. After every segment of
T positions the transformer learns from what was coded. Encoder and decoder differ in one step:
the one predicts a segment of known bytes at once and codes them, the other decodes byte by byte.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from lmzip.codec.coder import range_coder as rangecoder
from lmzip.codec.coder.bit_coder import Bits, code_bytes, compile_ahead, empty_bits
from lmzip.codec.engine import make_engine
from lmzip.codec.levels import BLOCK_SIZE, PRESETS
from lmzip.codec.memory.slots import HISTORY
from lmzip.codec.mixer.mixer import LONGEST
from lmzip.codec.native.watch import watched

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Progress = Callable[[int], object]


class Beside:
    """Runs one task beside the caller, in a thread; without one, at once.

    `wanted`: whether to have a thread. None can be had when a limit of the system is reached, and
    when the interpreter exits.
    """

    def __init__(self, wanted: bool) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None
        if wanted:
            with suppress(RuntimeError):  # at exit it cannot even be imported
                from concurrent.futures import ThreadPoolExecutor

                self._threads = ThreadPoolExecutor(1)
        self._wanted = self._threads is not None

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *error: object) -> None:
        if self._threads is not None:
            self._threads.shutdown()

    def run(self, work: Callable[..., None], *arguments: Any) -> None:
        """Start a task when the one before is done."""
        self.wait()
        if self._wanted:
            try:
                self._last = self._threads.submit(work, *arguments)
                return
            except RuntimeError:  # it may be in the queue for all that, but nobody takes it there
                self._wanted = False
        work(*arguments)

    def wait(self) -> None:
        """Return when the last task is done; raise what it raised."""
        last, self._last = self._last, None
        if last is not None:
            last.result()


class Codec:
    """A model, and the state of what it has learned so far; goes on from block to block.

    `threads` bounds the processor threads; it never changes a bit. `progress` is called with the
    number of bytes done since the last call. Raises EngineError if this machine has no exact
    engine.

    One call at a time: another one, of a thread or of the progress callback, raises RuntimeError.
    After an exception within a call the model is in a state that nobody knows.
    """

    def __init__(
        self, level: int, *, threads: int | None = None, progress: Progress | None = None
    ) -> None:
        self.preset = PRESETS[level]
        self.progress = progress
        self.engine = make_engine(self.preset, threads=threads)
        self.bits: Bits | None = None
        self._beside = (threads or os.cpu_count() or 1) > 1
        self._free = [True]
        """Empty while a call is under way. A list, as it is popped by one thread only, and copied
        with the rest."""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            token = self._free.pop()
        except IndexError:
            raise RuntimeError("the model is in use by another call") from None
        try:
            yield
        finally:
            self._free.append(token)

    def canary(self) -> int:
        """CRC-32 of the frequencies that the model gives the next block's first byte.

        A machine that computes differently is found out by it before it decodes anything.
        """
        # Where the transformer has to be compiled, the bit coder is compiled beside it.
        ahead = watched(lambda kernel: compile_ahead()) if self._beside else nullcontext()
        with self._alone(), ahead:
            return zlib.crc32(self.engine.first_frequencies().astype("<u4").tobytes())

    def encode(self, block: bytes, code_bytes: Callable[..., None] = code_bytes) -> bytes:
        """Payload of a block of 1 to BLOCK_SIZE bytes; learns from it.

        Instead of `code_bytes`, a function can be given that does the same and takes notes.
        """
        with self._alone():
            buffer = np.zeros(len(block) * LONGEST + 16, dtype=np.uint8)
            coder = rangecoder.encoder_state()
            data = np.frombuffer(block, dtype=np.uint8)
            bits = self._start(len(block))
            # The transformer need not wait for the coder: it runs ahead, beside it.
            with Beside(self._beside) as beside:

                def code(part: np.ndarray, left: np.ndarray) -> None:
                    active = (np.arange(self.preset.segment)[:, None] < left).nonzero()
                    freq = self.engine.predict(part, left).transpose(1, 0, 2)[active]
                    symbols = part[:, HISTORY:].T[active]
                    beside.run(code_bytes, bits, freq, symbols, coder, buffer, 0)

                self._run(data, code)
                beside.wait()
            return buffer[: rangecoder.finish(coder, buffer)].tobytes()

    def decode(self, payload: bytes, size: int) -> bytes:
        """The block of `size` bytes that `encode` made the payload from; learns from it.

        A damaged payload gives other bytes, never an exception.
        """
        with self._alone():
            buffer = np.frombuffer(bytearray(payload), dtype=np.uint8)
            coder = rangecoder.decoder_state(buffer)
            bits = self._start(size)
            data = np.zeros(size, dtype=np.uint8)
            self._run(data, lambda part, left: self.engine.decode(bits, part, left, coder, buffer))
            return data.tobytes()

    def _start(self, size: int) -> Bits:
        if not 0 < size <= BLOCK_SIZE:
            raise ValueError(f"a block has 1 to {BLOCK_SIZE} bytes, not {size}")
        if self.bits is None:
            self.bits = empty_bits(self.preset, size)
        return self.bits

    def _run(self, data: np.ndarray, code: Callable[[np.ndarray, np.ndarray], None]) -> None:
        """Cut `data` (uint8 [size]) into streams; code each segment, and learn from it.

        code(part, left): part is uint8 [B, 3 + T], which a decoder fills in; left is int64 [B],
        the bytes left of each stream. What it changed goes back to `data`.
        """
        segment = self.preset.segment
        streams = min(self.preset.streams, -(-len(data) // segment))
        length = -(-len(data) // streams)
        ends = np.clip(len(data) - length * np.arange(streams), 0, length)
        # Zeros stand before each stream, and behind it to the end of its last segment.
        text = np.zeros((streams, HISTORY + -(-length // segment) * segment), dtype=np.uint8)
        for stream, end in enumerate(ends):
            text[stream, HISTORY:][:end] = data[stream * length :][:end]
        self.engine.start_block(streams)
        for start in range(0, length, segment):
            left = ends - start
            window = slice(start, start + HISTORY + segment)
            part = np.ascontiguousarray(text[:, window])
            code(part, left)
            text[:, window] = part
            # Only a block's last segment can be incomplete, and nothing is left to learn for.
            if left.min() >= segment:
                self.engine.learn(part)
            if self.progress is not None:
                self.progress(int(np.clip(left, 0, segment).sum()))
        if data.flags.writeable:
            for stream, end in enumerate(ends):
                data[stream * length :][:end] = text[stream, HISTORY:][:end]
