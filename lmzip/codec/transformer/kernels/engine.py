"""The engine of compiled kernels: predicts and decodes a segment in one call each, and learns.

The same arithmetic as the torch reference, bit for bit; the tests compare them. Nothing is
allocated while coding.
"""

from __future__ import annotations

import numpy as np

from lmzip.codec.coder.bit_coder import Bits, code_bytes
from lmzip.codec.jit import kernel
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import empty_slots, look_up, read, read_segment
from lmzip.codec.transformer import rotary
from lmzip.codec.transformer.kernels.arithmetic import F, place_row, quantise
from lmzip.codec.transformer.kernels.backward import Learned, Learner, learn_segment, refresh
from lmzip.codec.transformer.kernels.forward import Linear, State, forward
from lmzip.codec.transformer.schedule import Adam
from lmzip.codec.transformer.softmax import ATTENTION_WEIGHTS, LOGIT_ROOTS, LOGIT_WEIGHTS
from lmzip.codec.transformer.weights import (
    SYMBOLS,
    initial_weights,
    kind_count,
    learning_rate,
    matrix_shapes,
)


@kernel
def decode_segment(s, bits, segment, text, coder, buffer):
    """predict -> decode for the positions of a segment, which fills in `text`, uint8 [n]."""
    first = segment % 2 * s.keys.shape[4]
    for at in range(text.shape[0]):
        row = first + at
        look_up(s.slots, row)
        forward(s, segment, at, 1)
        code_bytes(bits, s.freq[row : row + 1], text[at : at + 1], coder, buffer, True)
        read(s.slots, np.int64(text[at]))


@kernel
def predict_segment(s, segment, text):
    """Frequencies of the positions of a segment of known bytes, uint8 [n]."""
    read_segment(s.slots, segment % 2 * s.keys.shape[4], text)
    forward(s, segment, 0, text.shape[0])


@kernel
def quantise_matrix(w, line, codes, back, scale):
    """Codes of w [out, in]: codes [in / 4, out, 4], back [out / 4, in, 4], scale [out]."""
    for o in range(w.shape[0]):
        scale[o], _ = quantise(w[o], line)
        place_row(line, o, codes, back)


class CpuEngine:
    """Model, learner and coding loop of one level, compiled."""

    def __init__(self, preset: Preset) -> None:
        self.preset = preset
        self.steps = Adam()
        self.rates = np.array(
            [learning_rate(preset, name) for name in ("0.up", "head", "table")], dtype=F
        )
        weights = initial_weights(preset)
        shapes = matrix_shapes(preset)
        quantised = {
            name: _quantised(weights[name]) if name in shapes else None for name in weights
        }

        def layers(part: str, first: int = 0) -> list[str]:
            return [f"{layer}.{part}" for layer in range(first, preset.layers)]

        def used(names: list[str], inputs: int, outputs: int) -> Linear:
            rows = 2 * preset.segment
            codes = [quantised[name][0] for name in names]
            return Linear(
                codes=np.stack(codes) if names else np.zeros((0, 1, outputs, 4), dtype=np.int8),
                scale=np.stack([quantised[name][2] for name in names]) if names else _zeros(0, 1),
                x=np.zeros((len(names), rows, inputs), dtype=np.int8),
                x_scale=_zeros(len(names), rows),
            )

        def learned(names: list[str]) -> Learned:
            w = np.stack([weights[name] for name in names])
            codes, back, scale = (
                np.stack([quantised[name][i] for name in names]) for i in range(3)
            )
            inner = w.shape[2]
            return Learned(
                w, np.zeros_like(w), np.zeros_like(w), codes, back, scale,
                _zeros(inner), np.zeros(inner, dtype=np.int8),
            )  # fmt: skip

        d, heads, segment = preset.width, preset.heads, preset.segment
        channels, outputs, rows = d // heads, shapes["head"][0], 2 * segment
        parts = preset.window // segment + 1
        kinds, top = kind_count(preset), max(shapes["head"][0], 4 * d)
        attention = (preset.layers, heads)
        self.state = State(
            qkv=used(layers("qkv"), d, 3 * d),
            out=used(layers("out"), d, d),
            up=used(layers("up"), d, 4 * d),
            down=used(layers("down"), 4 * d, d),
            head=used(["head"], d, outputs),
            memory=used(["memory"] if kinds else [], SYMBOLS, d),
            embedding=weights["embedding"],
            table=weights["table"].copy(),
            rate=_zeros(2 * preset.layers + 1, rows),
            hidden=_zeros(preset.layers, rows, 4 * d),
            q=np.zeros((*attention, rows, channels), dtype=np.int8),
            q_scale=_zeros(*attention, rows),
            keys=np.zeros((*attention, parts, channels // 4, segment, 4), dtype=np.int8),
            k_scale=_zeros(*attention, parts, segment),
            values=np.zeros((*attention, parts, segment // 4, channels, 4), dtype=np.int8),
            weights=np.zeros((*attention, parts, rows, segment), dtype=np.int8),
            total=_zeros(*attention, rows),
            slots=empty_slots(preset),
            gates=_zeros(rows, kinds),
            freq=np.zeros((rows, SYMBOLS), dtype=np.int64),
            turns=_zeros(rows, 2, channels // 2),
            rotary_tables=rotary.tables(channels),
            attention_table=ATTENTION_WEIGHTS.astype(np.int32),
            logit_table=LOGIT_WEIGHTS.astype(np.float64),
            root_table=LOGIT_ROOTS.astype(np.int32),
            residual=_zeros(segment, d),
            sums=np.zeros(segment * (top + segment), dtype=np.int32),
            floats=_zeros(segment * (parts * segment + d + 1) + 8 * d + 1024),
            bytes=np.zeros(channels, dtype=np.int8),
        )
        first = preset.layers - preset.learning
        table = weights["table"]
        self.learner = Learner(
            up=learned(layers("up", first)),
            down=learned(layers("down", first)),
            head=learned(["head"]),
            table=table,
            table_m=np.zeros_like(table),
            table_v=np.zeros_like(table),
            codes=np.zeros(segment * top, dtype=np.int8),
            turned=np.zeros(segment * top, dtype=np.int8),
            packed=np.zeros(segment * 4 * d, dtype=np.int8),
            sums=np.zeros(max(segment, outputs, 4 * d) * 4 * d, dtype=np.int32),
            residual=_zeros(segment, d),
            inner=_zeros(segment, d),
            wide=_zeros(segment * top),
            lines=_zeros(max(2 * top + segment, len(table))),
        )

    def start_block(self) -> None:
        """Forget the context, not what was learned."""
        self.state = self.state._replace(slots=empty_slots(self.preset, self.state.slots))

    def first_frequencies(self) -> np.ndarray:
        """What the model gives the next block's first byte: int64 [256]."""
        self.start_block()
        look_up(self.state.slots, 0)
        forward(self.state, 0, 0, 1)
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


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=F)


def _quantised(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, codes of the transpose, and scale of a matrix; see `quantise_matrix`."""
    outputs, inputs = w.shape
    codes = np.zeros((inputs // 4, outputs, 4), dtype=np.int8)
    back = np.zeros((outputs // 4, inputs, 4), dtype=np.int8)
    scale = np.zeros(outputs, dtype=F)
    quantise_matrix(w, np.zeros(inputs, dtype=np.int8), codes, back, scale)
    return codes, back, scale
