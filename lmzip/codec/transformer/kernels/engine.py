"""The engine of compiled kernels: predicts and decodes a segment in one call each, and learns.

The same arithmetic as the torch reference, bit for bit; the tests compare them. Nothing is
allocated while coding.
"""

from __future__ import annotations

import numpy as np

from lmzip.codec.coder.bit_coder import Bits, code_bytes
from lmzip.codec.entry import entry
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import empty_slots, look_up, read, read_segment
from lmzip.codec.transformer.kernels import attention, gradients, heads, products
from lmzip.codec.transformer.kernels.arithmetic import F
from lmzip.codec.transformer.kernels.backward import learn_segment, refresh
from lmzip.codec.transformer.kernels.forward import forward
from lmzip.codec.transformer.kernels.state import State, first_state
from lmzip.codec.transformer.schedule import Adam
from lmzip.codec.transformer.weights import learning_rate


@entry
def decode_segment(s, bits, segment, text, coder, buffer):
    """predict -> decode for the positions of a segment, which fills in `text`, uint8 [n]."""
    first = segment % 2 * s.keys.shape[4]
    for at in range(text.shape[0]):
        row = first + at
        look_up(s.slots, row)
        forward(s, segment, at, 1)
        code_bytes(bits, s.freq[row : row + 1], text[at : at + 1], coder, buffer, 1)
        read(s.slots, np.int64(text[at]))


@entry
def read_known(s, segment, text):
    """Fill the rows of a segment of known bytes, uint8 [n]; without any, that of the next byte."""
    first = segment % 2 * s.keys.shape[4]
    read_segment(s.slots, first, text)
    if text.shape[0] == 0:
        look_up(s.slots, first)


def predict_segment(s: State, segment: int, text: np.ndarray) -> None:
    """Frequencies of the positions of a segment of known bytes, uint8 [n].

    Without any, those of the byte that would come first. In Python, for the encoder and the decoder
    to share the machine code of `forward`.
    """
    read_known(s, segment, text)
    forward(s, segment, 0, max(len(text), 1))


class CpuEngine:
    """Model, learner and coding loop of one level, compiled. differences: see `initial_weights`.

    Raises EngineError if products are not exact on this processor.
    """

    def __init__(self, preset: Preset, differences: bytes = b"") -> None:
        products.check()
        attention.check()
        gradients.check()
        heads.check()
        self.preset = preset
        self.steps = Adam()
        self.rates = np.array(
            [learning_rate(preset, name) for name in ("0.up", "head", "table")], dtype=F
        )
        self.state, self.learner = first_state(preset, differences)

    def start_block(self) -> None:
        """Forget the context, not what was learned."""
        self.state = self.state._replace(slots=empty_slots(self.preset, self.state.slots))

    def first_frequencies(self) -> np.ndarray:
        """What the model gives the next block's first byte: int64 [256]."""
        self.start_block()
        predict_segment(self.state, 0, np.zeros(0, dtype=np.uint8))
        return self.state.freq[0]

    def refresh(self) -> None:
        """Use what was learned, from now on."""
        refresh(self.learner, self.state)

    def predict(self, segment: int, text: np.ndarray) -> np.ndarray:
        """Frequencies of a segment's bytes, uint8 [n], which are known: int64 [n, 256], a copy."""
        predict_segment(self.state, segment, text)
        first = segment % 2 * self.preset.segment
        return self.state.freq[first : first + len(text)].copy()

    def decode(
        self, segment: int, bits: Bits, text: np.ndarray, coder: np.ndarray, buffer: np.ndarray
    ) -> None:
        """predict -> decode for one segment, whose bytes fill `text`, uint8 [n]."""
        decode_segment(self.state, bits, segment, text, coder, buffer)

    def learn(self, segment: int, text: np.ndarray) -> None:
        """One learning step from a segment, uint8 [T], that has been predicted."""
        learn_segment(self.learner, self.state, segment, text, self.steps.next(), self.rates)
