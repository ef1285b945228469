"""The torch engine: the reference for every kernel, and what runs on a GPU or without Numba.

Its operations are eager tensor calls, checked one by one in the tests; see `arithmetic.py`.
"""

from __future__ import annotations

import numpy as np
import torch

from lmzip.codec.coder.bit_coder import Bits, code_bytes
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import (
    HISTORY,
    SYMBOLS,
    Slots,
    empty_slots,
    look_up,
    read,
    read_segment,
)
from lmzip.codec.transformer.reference.adam import Learner
from lmzip.codec.transformer.reference.arithmetic import Products
from lmzip.codec.transformer.reference.frequencies import Seen, frequencies, loss_gradient
from lmzip.codec.transformer.reference.model import Model


class TorchEngine:
    """Model, learner and coding loop of one level, as tensors."""

    def __init__(self, preset: Preset, products: Products) -> None:
        self.preset = preset
        self.model = Model(preset, products)
        self.learner = Learner(self.model.weights, preset.width)
        self.freqs: list[torch.Tensor] = []
        self.slots: Slots | None = None

    def start_block(self, streams: int) -> None:
        """Forget the context (not what was learned) and make room for `streams` streams."""
        self.model.start_block(streams)
        self.slots = empty_slots(self.preset, streams, self.slots)

    def first_frequencies(self) -> np.ndarray:
        """What the model gives the next block's first byte: int64 [256]."""
        self.start_block(1)
        self._start_segment()
        look_up(self.slots, 0, 0)
        return self._forward(0, 1)[0, 0]

    def _forward(self, at: int, span: int) -> np.ndarray:
        """Frequencies of positions at .. at+span of all streams: int64 [B, span, 256]."""
        streams, segment = len(self.slots.registers), self.preset.segment
        arrays = [torch.from_numpy(getattr(self.slots, name)).long() for name in Seen._fields]
        parts = [x.view(streams, segment, *x.shape[1:])[:, at : at + span] for x in arrays]
        seen = Seen(*(x.flatten(0, 1) for x in parts))
        freq = frequencies(self.model.forward(seen, at)).view(-1, span, SYMBOLS)
        self.freqs.append(freq)
        return freq.numpy()

    def _start_segment(self) -> None:
        self.model.start_segment()
        self.freqs = []

    def predict(self, text: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Frequencies of a segment whose bytes are known: int64 [B, T, 256]."""
        self._start_segment()
        read_segment(self.slots, self.preset.segment, text, left)
        return self._forward(0, self.preset.segment)

    def decode(
        self, bits: Bits, text: np.ndarray, left: np.ndarray, coder: np.ndarray, buffer: np.ndarray
    ) -> None:
        """predict -> decode for a segment of all streams, which fills in the last T of `text`.

        text: uint8 [B, 3 + T]; left: bytes left per stream. Position by position and, at each,
        stream by stream.
        """
        self._start_segment()
        for at in range(self.preset.segment):
            active = np.flatnonzero(left > at)
            for stream in active:
                look_up(self.slots, stream, stream * self.preset.segment + at)
            freq = self._forward(at, 1)
            for stream in active:
                symbol = text[stream, HISTORY + at : HISTORY + at + 1]
                code_bytes(bits, freq[stream], symbol, coder, buffer, True)
            for stream in active:
                read(self.slots, stream, int(text[stream, HISTORY + at]))

    def learn(self, text: np.ndarray) -> None:
        """One learning step from a segment whose every byte has been coded."""
        targets = torch.from_numpy(text[:, HISTORY:].astype(np.int64)).reshape(-1)
        freq = torch.cat(self.freqs, dim=1).view(-1, SYMBOLS)
        self.learner.step(self.model.backward(loss_gradient(freq, targets)))
        self.model.requantise()
