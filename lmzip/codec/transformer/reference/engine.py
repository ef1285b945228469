"""The torch engine: the reference for every kernel, and what runs on a GPU or without Numba.

Its operations are eager tensor calls, checked one by one in the tests; see `arithmetic.py`.
"""

from __future__ import annotations

import numpy as np
import torch

from lmzip.codec.coder.bit_coder import Bits, code_bytes
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import (
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
    """Model, learner and coding loop of one level, as tensors. See `Engine` for the protocol.

    differences: see `initial_weights`.
    """

    def __init__(self, preset: Preset, products: Products, differences: bytes = b"") -> None:
        self.preset = preset
        self.model = Model(preset, products, differences)
        self.learner = Learner(self.model.weights, preset)
        # As the activations: of the even and of the odd segment, read by learning.
        self.freqs: list[list[torch.Tensor]] = [[], []]
        self.slots: Slots | None = None

    def start_block(self) -> None:
        """Forget the context: positions, keys, values and the last bytes; not what was learned."""
        self.model.start_block()
        self.slots = empty_slots(self.preset, self.slots)

    def first_frequencies(self) -> np.ndarray:
        """What the weights in use give the next block's first byte: int64 [256]."""
        self.start_block()
        self._start_segment(0)
        look_up(self.slots, 0)
        return self._forward(0, 1)[0]

    def refresh(self) -> None:
        """Predict with the weights that learning has reached from now on."""
        self.model.refresh()

    def predict(self, segment_number: int, text: np.ndarray) -> np.ndarray:
        """Frequencies int64 [n, 256] of the next segment, whose bytes are known: uint8 [n]."""
        position = self._start_segment(segment_number)
        read_segment(self.slots, self._row(position), text)
        return self._forward(position, len(text))

    def decode(
        self,
        segment_number: int,
        bits: Bits,
        text: np.ndarray,
        coder: np.ndarray,
        buffer: np.ndarray,
    ) -> None:
        """Decode the next segment into text, uint8 [n]; coder and buffer as in `code_bytes`."""
        position = self._start_segment(segment_number)
        for at in range(len(text)):
            look_up(self.slots, self._row(position + at))
            freq = self._forward(position + at, 1)
            code_bytes(bits, freq, text[at : at + 1], coder, buffer, True)
            read(self.slots, int(text[at]))

    def learn(self, segment_number: int, text: np.ndarray) -> None:
        """One learning step from a whole segment, the last or the last but one predicted."""
        targets = torch.from_numpy(text.astype(np.int64))
        freq = torch.cat(self.freqs[segment_number % 2])
        self.learner.step(self.model.backward(segment_number, loss_gradient(freq, targets)))
        self.model.requantise()

    def _start_segment(self, segment_number: int) -> int:
        """Make room for its activations; return its first position in the block."""
        self.model.start_segment(segment_number)
        self.freqs[segment_number % 2] = []
        return segment_number * self.preset.segment

    def _row(self, position: int) -> int:
        """Where the slots keep what a position sees."""
        return position % (2 * self.preset.segment)

    def _forward(self, position: int, count: int) -> np.ndarray:
        """Frequencies of `count` positions of one segment: int64 [count, 256]."""
        row = self._row(position)
        arrays = (getattr(self.slots, name)[row : row + count] for name in Seen._fields)
        seen = Seen(*(torch.from_numpy(array.astype(np.int64)) for array in arrays))
        freq = frequencies(self.model.forward(seen, position))
        self.freqs[position // self.preset.segment % 2].append(freq)
        return freq.numpy()
