"""The engine of compiled kernels: predicts and decodes a segment in one call each, and learns.

The same arithmetic as the torch reference, bit for bit; the tests compare them. Nothing is
allocated while coding.
"""

from __future__ import annotations

import numpy as np

from ...coder.bit_coder import Bits, code_bit, code_byte, note, prepare
from ...entry import entry
from ...foresight.expect import expect, is_sure
from ...foresight.expect import read as see
from ...foresight.tables import (
    ASKED,
    CHANCE,
    EXPECTED,
    SIZE,
    Foresight,
)
from ...levels import Preset
from ...memory.slots import (
    FORESEEN,
    Slots,
    empty_slots,
    expected_of,
    look_up,
    pass_byte,
    read,
    read_known,
)
from ..schedule import Adam
from ..weights import learning_rate
from . import attention, gradients, heads, products
from .arithmetic import F
from .backward import learn_segment, refresh
from .forward import forward
from .state import State, first_state


@entry
def decode_segment(s, bits, f, segment, text, coder, buffer):
    """Decode the bytes of a segment, which fills in the first of `text`, uint8 [n].

    It ends with its T-th byte that the transformer is asked for, or with the text.
    """
    at, asked, first = f.at, f.asked[segment & 1], segment % 2 * s.keys.shape[4]
    at[SIZE] = at[ASKED] = 0
    while at[SIZE] < text.shape[0] and at[ASKED] < asked.shape[0]:
        expect(f)
        c, excluded, is_it = np.int64(0), np.int64(-1), np.int64(0)
        if is_sure(f):
            excluded = at[EXPECTED]
            is_it = code_bit(at[CHANCE], is_it, coder, buffer, 1)
        if is_it:
            c = excluded
            pass_byte(s.slots, c)
        else:
            prepare(bits)
            row = first + at[ASKED]
            look_up(s.slots, row)
            s.excluded[row] = excluded
            forward(s, segment, at[ASKED], 1)
            c = code_byte(bits, s.freq[row], c, excluded, coder, buffer, 1)
            read(s.slots, c)
            asked[at[ASKED]] = c
            at[ASKED] += 1
        note(bits, c)
        text[at[SIZE]] = c
        at[SIZE] += 1
        see(f, c)


@entry
def read_segment(s, segment, text, expected):
    """Fill the rows of a segment of known bytes; see `slots.read_known`."""
    read_known(s.slots, segment % 2 * s.keys.shape[4], text, expected, s.excluded)


def predict_segment(s: State, segment: int, text: np.ndarray, expected: np.ndarray) -> int:
    """Frequencies of the bytes of a segment, uint8 [n], that are asked for; return how many.

    Without any bytes, those of the byte that would come. In Python, for the encoder and the decoder
    to share the machine code of `forward`.
    """
    read_segment(s, segment, text, expected)
    asked = int(np.count_nonzero(expected != FORESEEN))
    if asked > 0 or len(text) == 0:
        forward(s, segment, 0, max(asked, 1))
    return asked


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

    @property
    def slots(self) -> Slots:
        """Those of the block that was started."""
        return self.state.slots

    def start_block(self) -> None:
        """Forget the context, not what was learned."""
        self.state = self.state._replace(slots=empty_slots(self.preset, self.state.slots))

    def first_frequencies(self) -> np.ndarray:
        """What the model gives the next block's first byte: int32 [256]."""
        self.start_block()
        text = np.zeros(0, dtype=np.uint8)
        predict_segment(self.state, 0, text, expected_of(text))
        return self.state.freq[0]

    def refresh(self) -> None:
        """Use what was learned, from now on."""
        refresh(self.learner, self.state)

    def predict(
        self, segment: int, text: np.ndarray, expected: np.ndarray | None = None
    ) -> np.ndarray:
        """Frequencies int32 [asked, 256], a copy, of a segment of known bytes, uint8 [n]."""
        asked = predict_segment(self.state, segment, text, expected_of(text, expected))
        first = segment % 2 * self.preset.segment
        return self.state.freq[first : first + asked].copy()

    def decode(
        self,
        segment: int,
        bits: Bits,
        foresight: Foresight,
        text: np.ndarray,
        coder: np.ndarray,
        buffer: np.ndarray,
    ) -> None:
        """Decode a segment, the first bytes of `text`, uint8 [n]."""
        decode_segment(self.state, bits, foresight, segment, text, coder, buffer)

    def learn(self, segment: int, text: np.ndarray) -> None:
        """One learning step from a segment, uint8 [T], that has been predicted."""
        learn_segment(self.learner, self.state, segment, text, self.steps.next(), self.rates)
