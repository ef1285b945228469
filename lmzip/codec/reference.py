"""The torch engine: the reference for every kernel, and what runs on a GPU or without Numba.

Its operations are eager tensor calls, checked one by one in the tests; see `exact.py`.
"""

from __future__ import annotations

import numpy as np
import torch

from lmzip.codec.bitmixer import code_bytes, empty_bits
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
        self.learner = Learner(self.model.weights)
        self.bits = empty_bits(preset.log_buckets)
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

    def code(
        self,
        text: np.ndarray,
        left: np.ndarray,
        coder: np.ndarray,
        buffer: np.ndarray,
        decode: bool,
    ) -> None:
        """predict -> code for one segment of all streams.

        text: uint8 [B, 3 + T], where the decoder fills in the last T; left: bytes left per
        stream. The encoder evaluates the segment at once, the decoder position by position;
        both then code position by position and, at each, stream by stream.
        """
        segment = self.preset.segment
        symbols = text[:, HISTORY:]
        active = np.arange(segment)[None] < left[:, None]
        span = 1 if decode else segment
        self.model.start_segment()
        self.freqs = []
        for at in range(0, segment, span):
            back = [text[:, HISTORY - k + at : HISTORY - k + at + span] for k in (1, 2, 3)]
            history = torch.from_numpy(np.stack(back, axis=-1).astype(np.int64))
            freq = frequencies(self.model.forward(history, at)).view(-1, span, SYMBOLS)
            self.freqs.append(freq)
            order = active[:, at : at + span].T
            chosen = symbols[:, at : at + span].T[order]
            rows = np.ascontiguousarray(freq.transpose(0, 1).numpy()[order])
            code_bytes(self.bits, rows, chosen, coder, buffer, decode)
            symbols[:, at : at + span].T[order] = chosen

    def learn(self, text: np.ndarray) -> None:
        """One learning step from a segment whose every byte has been coded."""
        targets = torch.from_numpy(text[:, HISTORY:].astype(np.int64)).reshape(-1)
        freq = torch.cat(self.freqs, dim=1).view(-1, SYMBOLS)
        self.learner.step(self.model.backward(loss_gradient(freq, targets)))
        self.model.requantise()
