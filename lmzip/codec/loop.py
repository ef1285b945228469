"""predict -> code -> learn: one loop for both directions.

A block is cut into B contiguous streams that advance in lock step. After every segment of
T positions the model learns from what was coded. Encoder and decoder differ in the coder
that they hand to the loop: one writes the symbols that are there, the other fills them in.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import torch

from lmzip.codec import rangecoder
from lmzip.codec.exact import choose_engine
from lmzip.codec.learner import Learner
from lmzip.codec.mixing import SYMBOLS, frequencies, loss_gradient
from lmzip.codec.model import HISTORY, Model
from lmzip.codec.presets import BLOCK_SIZE, PRESETS
from lmzip.codec.tables import FREQUENCY_BITS

Progress = Callable[[int], None]


class Encoder:
    """Writes the symbols of whole segments."""

    def __init__(self, size: int) -> None:
        # A symbol costs at most 24 bits, each of them charged to a symbol.
        self.buffer = np.zeros(size * 3 + 16, dtype=np.uint8)
        self.state = rangecoder.encoder_state()

    def span(self, segment: int) -> int:
        """All symbols are known: a segment is evaluated at once."""
        return segment

    def code(self, freq: np.ndarray, symbols: np.ndarray) -> None:
        rangecoder.encode_symbols(self.state, self.buffer, freq, symbols, FREQUENCY_BITS)

    def payload(self) -> bytes:
        return self.buffer[: rangecoder.finish(self.state, self.buffer)].tobytes()


class Decoder:
    """Fills in the symbols, position by position."""

    def __init__(self, payload: bytes) -> None:
        self.buffer = np.frombuffer(payload, dtype=np.uint8)
        self.state = rangecoder.decoder_state(self.buffer)

    def span(self, segment: int) -> int:
        """Each position waits for the symbols before it."""
        return 1

    def code(self, freq: np.ndarray, symbols: np.ndarray) -> None:
        rangecoder.decode_symbols(self.state, self.buffer, freq, symbols, FREQUENCY_BITS)


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
        if threads is not None:
            torch.set_num_threads(threads)
        self.model = Model(self.preset, choose_engine())
        self.learner = Learner(self.model.weights)

    def encode(self, block: bytes) -> bytes:
        """Payload of a block of 1 to BLOCK_SIZE bytes; learns from it."""
        encoder = Encoder(len(block))
        self._run(encoder, np.frombuffer(block, dtype=np.uint8))
        return encoder.payload()

    def decode(self, payload: bytes, size: int) -> bytes:
        """The block of `size` bytes that `encode` made the payload from; learns from it.

        A damaged payload gives other bytes, never an exception.
        """
        data = np.zeros(size, dtype=np.uint8)
        self._run(Decoder(payload), data)
        return data.tobytes()

    def canary(self) -> int:
        """CRC-32 of the frequencies that the model gives the next block's first byte.

        A machine that computes differently is found out by it before it decodes anything.
        """
        self.model.start_block(1)
        self.model.start_segment()
        freq = frequencies(self.model.forward(torch.zeros(1, 1, HISTORY, dtype=torch.int64), 0))
        return zlib.crc32(freq.numpy().astype("<u4").tobytes())

    def _run(self, coder: Encoder | Decoder, data: np.ndarray) -> None:
        """Code `data` (uint8 [size]; the decoder's is filled in) and learn from it."""
        if not 0 < len(data) <= BLOCK_SIZE:
            raise ValueError(f"a block has 1 to {BLOCK_SIZE} bytes, not {len(data)}")
        segment = self.preset.segment
        streams = min(self.preset.streams, -(-len(data) // segment))
        length = -(-len(data) // streams)
        ends = np.clip(len(data) - length * np.arange(streams), 0, length)
        # The bytes before each stream count as zeros.
        text = np.zeros((streams, HISTORY + -(-length // segment) * segment), dtype=np.uint8)
        for stream, end in enumerate(ends):
            text[stream, HISTORY:][:end] = data[stream * length :][:end]
        self.model.start_block(streams)
        with torch.no_grad():
            for start in range(0, length, segment):
                self._segment(coder, text[:, start : start + HISTORY + segment], ends - start)
                if self.progress is not None:
                    self.progress(int(np.clip(ends - start, 0, segment).sum()))
        for stream, end in enumerate(ends):
            data_part = text[stream, HISTORY:][:end]
            if isinstance(coder, Decoder):
                data[stream * length :][:end] = data_part

    def _segment(self, coder: Encoder | Decoder, text: np.ndarray, left: np.ndarray) -> None:
        """predict -> code -> learn. text: uint8 [B, 3 + T]; left: bytes left per stream."""
        model, segment = self.model, self.preset.segment
        symbols = text[:, HISTORY:]
        coded = np.arange(segment)[None] < left[:, None]
        model.start_segment()
        freqs = []
        span = coder.span(segment)
        for at in range(0, segment, span):
            back = [text[:, HISTORY - k + at : HISTORY - k + at + span] for k in range(1, 4)]
            history = torch.from_numpy(np.stack(back, axis=-1).astype(np.int64))
            freq = frequencies(model.forward(history, at)).view(-1, span, SYMBOLS)
            freqs.append(freq)
            # Position by position, and at each position stream by stream.
            order = coded[:, at : at + span].T
            chosen = symbols[:, at : at + span].T[order]
            coder.code(freq.transpose(0, 1).numpy()[order], chosen)
            symbols[:, at : at + span].T[order] = chosen
        if not coded.all():
            return  # only a block's last segment is incomplete: nothing left to learn for
        targets = torch.from_numpy(symbols.reshape(-1).astype(np.int64))
        gradient = loss_gradient(torch.cat(freqs, dim=1).view(-1, SYMBOLS), targets)
        self.learner.step(model.backward(gradient))
        model.requantise()
