"""predict -> code -> learn: one loop for both directions.

A block is cut into segments. Encoder and decoder differ in one step: the one predicts a segment of
known bytes at once and codes them, the other decodes byte by byte. Learning is one segment behind,
and so may run at the same time: a segment is predicted with what was learned from all but the one
before it.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np

from lmzip.interface import processors, watched

from .beside import Beside, Wait, nothing
from .coder import range_coder as rangecoder
from .coder.bit_coder import (
    LONGEST_BYTE,
    Bits,
    compile_ahead,
    empty_bits,
    encode_segment,
)
from .engine import make_engine
from .foresight.expect import look_ahead, point_match
from .foresight.tables import ASKED, POSITION, SIZE, Foresight, empty_foresight
from .learned.prior import NONE, Differences
from .levels import BLOCK_SIZE, preset_of
from .memory.matches import point_matches
from .priming import prime

Progress = Callable[[int], object]

RECENT = 1 << 16
"""Bytes at the end of a text that are read as if they were coded; those before them prime the
memory only."""
AGAIN = 1 << 14
"""Bytes of a text that are read again if its revision is to come."""
AHEAD = 3
"""Segments that may wait to be coded, or be coded."""


class Codec:
    """A model, and the state of what it has learned so far; goes on from block to block.

    `from_scratch`: it begins with nothing learned. `prior`: what it begins with differs from what
    was learned beforehand. `threads` bounds the processor threads, else `processors` does, asked
    again and again; neither ever changes a bit.
    `progress` is called with the number of bytes done since the last call. Raises EngineError if
    this machine has no exact engine, ValueError if a part of the prior is no file of differences.

    One call at a time: another one, of a thread or of the progress callback, raises RuntimeError.
    After an exception within a call the model is in a state that nobody knows.
    """

    def __init__(
        self,
        level: int,
        *,
        from_scratch: bool = False,
        prior: Differences = NONE,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.preset = preset_of(level, from_scratch)
        self.prior = prior
        self.progress = progress
        self.engine = make_engine(self.preset, threads=threads, differences=prior.network)
        self.bits: Bits | None = None
        self.foresight = empty_foresight(self.preset)
        self._threads = threads
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

    def _room(self, threads: int) -> bool:
        """Whether there may be so many threads now."""
        return (self._threads or processors()) >= threads

    def _beside(self, threads: int) -> Beside:
        """One thread more, while there may be so many."""
        return Beside(lambda: self._room(threads))

    def canary(self) -> int:
        """CRC-32 of the frequencies that the model gives the next block's first byte.

        A machine that computes differently is found out by it before it decodes anything.
        """
        # Where the transformer has to be compiled, the bit coder is compiled beside it.
        ahead = watched(lambda kernel: compile_ahead()) if self._room(2) else nullcontext()
        with self._alone(), ahead:
            return zlib.crc32(self.engine.first_frequencies().astype("<u4").tobytes())

    def read(self, text: bytes, size: int) -> None:
        """Learn from `text`, of any length, before the first block.

        `size`: bytes of what else is read before that, and of the block. All but the last RECENT
        bytes are only taken into the memory; these are read as a block that is coded. The memory is
        made large enough for all, as far as the level allows.
        """
        with self._alone():
            bits, foresight = self._start(min(len(text) + size, BLOCK_SIZE))
            long_ago = max(len(text) - RECENT, 0)
            if long_ago > 0:
                self.engine.start_block()
                slots = self.engine.slots
                assert slots is not None
                data = np.frombuffer(text[:long_ago], dtype=np.uint8).copy()
                with self._beside(2) as other:
                    prime(bits.memory, bits.jpeg, slots, foresight, data, other, self.progress)
        if text:
            self.encode(text[long_ago:])

    def expect_revision(self, text: bytes) -> None:
        """Expect a revision of `text`, which was read last.

        Matches begin at its start, and its first AGAIN bytes are read a second time: so it is known
        how far a long match can be trusted before bits depend on it. Then they begin there anew.
        """
        if not text:
            return
        start, progress = int(self.foresight.at[POSITION]) - len(text), self.progress
        self._match(start)
        self.progress = None
        self.encode(text[:AGAIN])
        self.progress = progress
        self._match(start)

    def _match(self, place: int) -> None:
        """Expect next what was read at a place, as if AGAIN bytes before it were the last."""
        with self._alone():
            assert self.bits is not None
            point_matches(self.bits.memory, place, AGAIN)
            point_match(self.foresight, place, AGAIN)

    def encode(self, block: bytes, code: Callable[..., None] = encode_segment) -> bytes:
        """Payload of a block of 1 to BLOCK_SIZE bytes; learns from it.

        Instead of `encode_segment`, a function can be given that does the same and takes notes.
        """
        with self._alone():
            buffer = np.zeros(len(block) * LONGEST_BYTE + 16, dtype=np.uint8)
            coder = rangecoder.encoder_state()
            data = np.frombuffer(block, dtype=np.uint8).copy()
            bits, foresight = self._start(len(block))
            chance, expected = np.zeros(len(block), np.int32), np.zeros(len(block), np.int16)
            # The transformer need not wait for the coder: it runs ahead, beside it. On two
            # processors the coder has the thread that learns, which is done here when that one is
            # busy: a third would be in the way.
            with self._beside(2) as learning, self._beside(3) as third:
                coding = third if self._room(3) else learning
                predicted: deque[tuple[np.ndarray, ...]] = deque()  # one at most
                coded: deque[Wait] = deque()

                def code_predicted() -> None:
                    if len(coded) == AHEAD:
                        coded.popleft()()
                    coded.append(coding.run(code, bits, *predicted.popleft(), coder, buffer))

                def segment(number: int, start: int) -> None:
                    # Only now: learning from it, which predicting waits for, has gone first.
                    if predicted:
                        code_predicted()
                    look_ahead(foresight, number, data[start:], chance[start:], expected[start:])
                    part = slice(start, start + int(foresight.at[SIZE]))
                    freq = self.engine.predict(number, data[part], expected[part])
                    predicted.append((freq, data[part], chance[part], expected[part]))

                self._run(len(block), segment, learning)
                code_predicted()
                for wait in coded:
                    wait()
            return buffer[: rangecoder.finish(coder, buffer)].tobytes()

    def decode(self, payload: bytes, size: int) -> bytes:
        """The block of `size` bytes that `encode` made the payload from; learns from it.

        A damaged payload gives other bytes, never an exception.
        """
        with self._alone():
            buffer = np.frombuffer(bytearray(payload), dtype=np.uint8)
            coder = rangecoder.decoder_state(buffer)
            bits, foresight = self._start(size)
            data = np.zeros(size, dtype=np.uint8)
            with self._beside(2) as learning:
                self._run(
                    size,
                    lambda number, start: self.engine.decode(
                        number, bits, foresight, data[start:], coder, buffer
                    ),
                    learning,
                )
            return data.tobytes()

    def _start(self, size: int) -> tuple[Bits, Foresight]:
        if not 0 < size <= BLOCK_SIZE:
            raise ValueError(f"a block has 1 to {BLOCK_SIZE} bytes, not {size}")
        if self.bits is None:
            self.bits = empty_bits(self.preset, size, self.prior)
        return self.bits, self.foresight

    def _run(self, size: int, code: Callable[[int, int], None], learning: Beside) -> None:
        """Code `size` bytes, segment by segment, and learn from each, there.

        code(segment, start): its number, and where it starts; foresight tells how long it is.
        """
        at, asked = self.foresight.at, self.foresight.asked
        self.engine.start_block()
        learned, segment, start = nothing, 0, 0
        while start < size:
            learned()
            self.engine.refresh()
            if segment > 0:
                learned = learning.offer(self.engine.learn, segment - 1, asked[(segment - 1) & 1])
            code(segment, start)
            if self.progress is not None:
                self.progress(int(at[SIZE]))
            start += int(at[SIZE])
            segment += 1
        learned()
        if at[ASKED] == self.preset.segment:
            self.engine.learn(segment - 1, asked[(segment - 1) & 1])
        self.engine.refresh()
