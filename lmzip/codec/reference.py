"""The torch engine: the reference for every kernel, and what runs on a GPU or without Numba.

Its operations are eager tensor calls, checked one by one in the tests; see `exact.py`.
"""

from __future__ import annotations

import numpy as np
import torch

from lmzip.codec.bitcoder import Bits, code_bytes
from lmzip.codec.exact import Products
from lmzip.codec.initial import HISTORY, SYMBOLS
from lmzip.codec.learner import Learner
from lmzip.codec.mixing import frequencies, loss_gradient
from lmzip.codec.model import Model
from lmzip.codec.presets import Preset


class TorchEngine:
    """Model, learner and coding loop of one level, as tensors."""

    def __init__(self, preset: Preset, products: Products) -> None:
        self.preset = preset
        self.model = Model(preset, products)
        self.learner = Learner(self.model.weights, preset.width)
        self.freqs: list[torch.Tensor] = []

    def start_block(self, streams: int) -> None:
        """Forget the context (not what was learned) and make room for `streams` streams."""
        self.model.start_block(streams)

    def first_frequencies(self) -> np.ndarray:
        """What the model gives the next block's first byte: int64 [256]."""
        self.start_block(1)
        self.model.start_segment()
        history = torch.zeros(1, 1, HISTORY, dtype=torch.int64)
        return frequencies(self.model.forward(history, 0))[0].numpy()

    def _forward(self, text: np.ndarray, at: int, span: int) -> np.ndarray:
        """Frequencies of positions at .. at+span of all streams: int64 [B, span, 256]."""
        back = [text[:, HISTORY - k + at : HISTORY - k + at + span] for k in (1, 2, 3)]
        history = torch.from_numpy(np.stack(back, axis=-1).astype(np.int64))
        freq = frequencies(self.model.forward(history, at)).view(-1, span, SYMBOLS)
        self.freqs.append(freq)
        return freq.numpy()

    def _start_segment(self) -> None:
        self.model.start_segment()
        self.freqs = []

    def predict(self, text: np.ndarray) -> np.ndarray:
        """Frequencies of a segment whose bytes are known: int64 [B, T, 256]."""
        self._start_segment()
        return self._forward(text, 0, self.preset.segment)

    def decode(
        self, bits: Bits, text: np.ndarray, left: np.ndarray, coder: np.ndarray, buffer: np.ndarray
    ) -> None:
        """predict -> decode for a segment of all streams, which fills in the last T of `text`.

        text: uint8 [B, 3 + T]; left: bytes left per stream. Position by position and, at each,
        stream by stream.
        """
        self._start_segment()
        for at in range(self.preset.segment):
            freq = self._forward(text, at, 1)
            for stream in np.flatnonzero(left > at):
                symbol = text[stream, HISTORY + at : HISTORY + at + 1]
                code_bytes(bits, freq[stream], symbol, coder, buffer, True)

    def learn(self, text: np.ndarray) -> None:
        """One learning step from a segment whose every byte has been coded."""
        targets = torch.from_numpy(text[:, HISTORY:].astype(np.int64)).reshape(-1)
        freq = torch.cat(self.freqs, dim=1).view(-1, SYMBOLS)
        self.learner.step(self.model.backward(loss_gradient(freq, targets)))
        self.model.requantise()
