"""The CPU engine: the whole segment - forward, coding, backward, Adam - in compiled kernels.

One call codes a segment, one call learns from it; nothing is allocated in between.
"""

from __future__ import annotations

import numpy as np

from lmzip.codec.coder.bit_coder import Bits, code_bytes
from lmzip.codec.entry import entry
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import HISTORY, SYMBOLS, look_up, read, read_segment
from lmzip.codec.transformer.kernels.backward import learn_segment
from lmzip.codec.transformer.kernels.forward import forward, slide
from lmzip.codec.transformer.kernels.state import State, next_state
from lmzip.codec.transformer.schedule import Adam


@entry
def decode_segment(s, bits, segment, text, left, coder, buffer):
    """predict -> decode for a segment of all streams, which fills in the last T of `text`.

    text: uint8 [B, 3 + T]; left: bytes left per stream. Position by position and, at each,
    stream by stream.
    """
    slide(s, segment)
    for at in range(segment):
        for b in range(text.shape[0]):
            if at < left[b]:
                look_up(s.slots, b, b * segment + at)
                forward(s, b, segment, at, 1)
                freq = s.freq[b * segment + at : b * segment + at + 1]
                code_bytes(bits, freq, text[b, 3 + at : 4 + at], coder, buffer, 1)
        for b in range(text.shape[0]):
            if at < left[b]:
                read(s.slots, b, np.int64(text[b, 3 + at]))


@entry
def read_known(s, segment, text, left):
    """Make room for a segment of known bytes, and fill its rows; see `read_segment`."""
    slide(s, segment)
    read_segment(s.slots, segment, text, left)


def predict_segment(s: State, segment: int, text: np.ndarray, left: np.ndarray) -> None:
    """Frequencies of a whole segment of known bytes, of all streams; left: bytes left of each.

    Where none is left, only those of the byte that would come first. In Python, for the encoder
    and the decoder to share the machine code of `forward`.
    """
    read_known(s, segment, text, left)
    for b in range(len(text)):
        forward(s, b, segment, 0, segment if left[b] > 0 else 1)


class CpuEngine:
    """Model, learner and coding loop of one level, compiled."""

    def __init__(self, preset: Preset) -> None:
        self.preset = preset
        self.steps = Adam(preset.width)
        self.state: State | None = None

    def start_block(self, streams: int) -> None:
        """Forget the context (not what was learned) and make room for `streams` streams."""
        self.state = next_state(self.preset, streams, self.state)

    def first_frequencies(self) -> np.ndarray:
        """What the model gives the next block's first byte: int64 [256]."""
        self.start_block(1)
        nothing = np.zeros((1, HISTORY + self.preset.segment), dtype=np.uint8)
        predict_segment(self.state, self.preset.segment, nothing, np.zeros(1, dtype=np.int64))
        return self.state.freq[0]

    def predict(self, text: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Frequencies of a segment whose bytes are known: int64 [B, T, 256], a copy."""
        predict_segment(self.state, self.preset.segment, text, left)
        return self.state.freq.reshape(len(text), -1, SYMBOLS).copy()

    def decode(
        self, bits: Bits, text: np.ndarray, left: np.ndarray, coder: np.ndarray, buffer: np.ndarray
    ) -> None:
        """predict -> decode for one segment; see `decode_segment`."""
        decode_segment(self.state, bits, self.preset.segment, text, left, coder, buffer)

    def learn(self, text: np.ndarray) -> None:
        """One learning step from a segment whose every byte has been coded."""
        powers, rates = self.steps.next()
        learn_segment(self.state, self.preset.segment, text, powers, rates)
