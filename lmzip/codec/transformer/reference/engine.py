"""The torch engine: the reference for every kernel, and what runs on a GPU or without Numba.

Its operations are eager tensor calls, checked one by one in the tests; see `arithmetic.py`.
"""

from __future__ import annotations

import numpy as np
import torch

from ...coder.bit_coder import Bits, code_bit, code_byte, note, prepare
from ...foresight.expect import expect, is_sure
from ...foresight.expect import read as see
from ...foresight.tables import ASKED, CHANCE, EXPECTED, SIZE, Foresight
from ...levels import Preset
from ...memory.slots import (
    FORESEEN,
    NOBODY,
    SYMBOLS,
    Slots,
    empty_slots,
    expected_of,
    look_up,
    pass_byte,
    read,
    read_known,
)
from .adam import Learner
from .arithmetic import Products
from .frequencies import Seen, exclude, frequencies, loss_gradient
from .model import Model


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
        self.excluded = np.full(2 * preset.segment, NOBODY, dtype=np.int64)

    def start_block(self) -> None:
        """Forget the context: positions, keys, values and the last bytes; not what was learned."""
        self.model.start_block()
        self.slots = empty_slots(self.preset, self.slots)

    def first_frequencies(self) -> np.ndarray:
        """What the weights in use give the next block's first byte: int32 [256]."""
        self.start_block()
        return self.predict(0, np.zeros(0, dtype=np.uint8))[0]

    def refresh(self) -> None:
        """Predict with the weights that learning has reached from now on."""
        self.model.refresh()

    def predict(
        self, segment_number: int, text: np.ndarray, expected: np.ndarray | None = None
    ) -> np.ndarray:
        """Frequencies int64 [asked, 256] of the next segment, whose bytes are known: uint8 [n]."""
        position = self._start_segment(segment_number)
        expected = expected_of(text, expected)
        read_known(self.slots, self._row(position), text, expected, self.excluded)
        asked = np.count_nonzero(expected != FORESEEN)
        if asked == 0 and len(text) > 0:
            return np.zeros((0, SYMBOLS), dtype=np.int64)
        return self._forward(position, max(asked, 1))

    def decode(
        self,
        segment_number: int,
        bits: Bits,
        foresight: Foresight,
        text: np.ndarray,
        coder: np.ndarray,
        buffer: np.ndarray,
    ) -> None:
        """Decode the next segment into the first of text, uint8 [n]; see `decode_segment`."""
        position = self._start_segment(segment_number)
        at, asked = foresight.at, foresight.asked[segment_number % 2]
        at[SIZE] = at[ASKED] = 0
        while at[SIZE] < len(text) and at[ASKED] < len(asked):
            expect(foresight)
            c, excluded, is_it = 0, NOBODY, 0
            if is_sure(foresight):
                excluded = int(at[EXPECTED])
                is_it = code_bit(int(at[CHANCE]), 0, coder, buffer, 1)
            if is_it:
                c = excluded
                pass_byte(self.slots, c)
            else:
                prepare(bits)
                row = self._row(position + int(at[ASKED]))
                look_up(self.slots, row)
                self.excluded[row] = excluded
                freq = self._forward(position + int(at[ASKED]), 1)
                c = int(code_byte(bits, freq[0], 0, excluded, coder, buffer, 1))
                read(self.slots, c)
                asked[at[ASKED]] = c
                at[ASKED] += 1
            note(bits, c)
            text[at[SIZE]] = c
            at[SIZE] += 1
            see(foresight, c)

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
        excluded = torch.from_numpy(self.excluded[row : row + count])
        freq = frequencies(exclude(self.model.forward(seen, position), excluded))
        self.freqs[position // self.preset.segment % 2].append(freq)
        return freq.to(torch.int32).numpy()
