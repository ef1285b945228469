"""The CPU engine: the whole segment - forward, coding, backward, Adam - in compiled kernels.

The same arithmetic as `model.py`, `mixing.py` and `learner.py`, bit for bit; the tests compare
them. One call codes a segment, one call learns from it; nothing is allocated in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lmzip.codec.coder.bit_coder import Bits, code_bytes
from lmzip.codec.jit import kernel
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import Slots, add_candidates, empty_slots, look_up, read, read_segment
from lmzip.codec.native.entry import entry
from lmzip.codec.native.structs import Struct, matrix
from lmzip.codec.transformer.kernels.arithmetic import (
    LEVELS,
    TINY,
    F,
    attention_weights,
    frequencies,
    key_products,
    mix_values,
    norm,
    product,
    quantise,
    requantise,
    rescale,
)
from lmzip.codec.transformer.kernels.backward import learn_segment
from lmzip.codec.transformer.schedule import Adam
from lmzip.codec.transformer.softmax import ATTENTION_WEIGHTS, LOGIT_WEIGHTS
from lmzip.codec.transformer.weights import (
    HISTORY,
    SYMBOLS,
    initial_weights,
    kind_count,
    output_count,
)


@dataclass(frozen=True, eq=False)
class Matrix(Struct):
    """A stack of learned matrices [L, in, out], quantised along `in`, and Adam's moments."""

    w: np.ndarray
    m: np.ndarray
    v: np.ndarray
    codes: np.ndarray
    """[L, in, out]"""
    codes_t: np.ndarray
    """[L, out, in]"""
    scale: np.ndarray
    """[L, out]"""
    x: np.ndarray
    """Codes of the segment's inputs, [L, N, in]."""
    x_scale: np.ndarray
    """[L, N]"""


@dataclass(frozen=True, eq=False)
class State(Struct):
    """Everything that the kernels read and write. N = B*T rows, stream-major."""

    qkv: Matrix
    out: Matrix
    up: Matrix
    down: Matrix
    head: Matrix
    embedding: np.ndarray
    """[rows, d]; then Adam's moments."""
    embedding_m: np.ndarray
    embedding_v: np.ndarray
    table: np.ndarray
    """[K * 144], of the slots; then Adam's moments."""
    table_m: np.ndarray
    table_v: np.ndarray
    bias: np.ndarray
    """[L, H, W], by slot: the farthest first; then Adam's moments."""
    bias_m: np.ndarray
    bias_v: np.ndarray
    rate: np.ndarray
    """Of the norms, [2L + 1, N]."""
    hidden: np.ndarray
    """[L, N, 4d]"""
    q: np.ndarray
    """[L, N, d]"""
    q_scale: np.ndarray
    """[L, N, H]"""
    keys: np.ndarray
    """[L, B, H, c, W + T]"""
    k_scale: np.ndarray
    """[L, B, H, W + T]"""
    values: np.ndarray
    """[L, B, H, W + T, c]"""
    weights: np.ndarray
    """[L, N, H, W]"""
    total: np.ndarray
    """[L, N, H]"""
    slots: Slots
    gates: np.ndarray
    """[N, K]"""
    freq: np.ndarray
    """int64 [N, 256]"""
    residual: np.ndarray
    """[N, d]"""
    flat: tuple[np.ndarray, ...]
    """Seven flat scratch arrays."""
    attention_table: np.ndarray
    logit_table: np.ndarray


@kernel
def linear(x, x_scale, codes, scale, y):
    """y [n, O] = x [n, I] (codes, times x_scale [n]) times a quantised matrix."""
    product(x, codes, y)
    for r in range(x.shape[0]):
        rescale(y[r], x_scale[r], scale, y[r])


@kernel
def attend(s, layer, stream, at, row, scores, mixed):
    """Attention of one position: fills its weights and `mixed` [d]."""
    heads, channels = s.keys.shape[2], s.keys.shape[3]
    window = s.bias.shape[2]
    for h in range(heads):
        part = slice(h * channels, (h + 1) * channels)
        first = at + 1
        key_products(s.q[layer, row, part], s.keys[layer, stream, h], first, window, scores)
        weights = s.weights[layer, row, h]
        total = attention_weights(
            scores,
            s.q_scale[layer, row, h],
            s.k_scale[layer, stream, h],
            first,
            s.bias[layer, h],
            s.attention_table,
            weights,
        )
        s.total[layer, row, h] = total
        out = mixed[part]
        mix_values(weights, s.values[layer, stream, h], first, window, out)
        for c in range(channels):
            out[c] = out[c] / total * F(1 / 16)


@kernel
def forward(s, stream, segment, at, n):
    """Frequencies of positions at .. at+n of one stream, whose slots have been looked up."""
    layers, heads, channels = s.keys.shape[0], s.keys.shape[2], s.keys.shape[3]
    width, window = s.residual.shape[1], s.bias.shape[2]
    gain = F(1 / math.sqrt(channels))
    first = stream * segment + at
    rows = slice(first, first + n)
    x = s.residual[rows]
    scores = s.flat[1][:window]
    mixed = s.flat[1][window : window + width]
    for r in range(n):
        tokens = s.slots.tokens[first + r]
        for c in range(width):
            x[r, c] = s.embedding[tokens[0], c]
        for i in range(1, tokens.shape[0]):
            for c in range(width):
                x[r, c] = x[r, c] + s.embedding[tokens[i], c]
    for layer in range(layers):
        m = s.qkv
        for r in range(n):
            row = first + r
            m.x_scale[layer, row], s.rate[2 * layer, row] = norm(x[r], m.x[layer, row])
        y = matrix(s.flat[0], n, 3 * width)
        linear(m.x[layer, rows], m.x_scale[layer, rows], m.codes[layer], m.scale[layer], y)
        for r in range(n):
            row, slot = first + r, window + at + r
            for h in range(heads):
                q = y[r, h * channels : (h + 1) * channels]
                scale, _ = quantise(q, s.q[layer, row, h * channels : (h + 1) * channels], LEVELS)
                s.q_scale[layer, row, h] = scale * gain
                k = y[r, width + h * channels : width + (h + 1) * channels]
                s.k_scale[layer, stream, h, slot], _ = quantise(k, k, LEVELS)
                for c in range(channels):
                    s.keys[layer, stream, h, c, slot] = k[c]
                    v = np.rint(y[r, 2 * width + h * channels + c] * F(16))
                    s.values[layer, stream, h, slot, c] = min(max(v, -LEVELS), LEVELS)
        m = s.out
        for r in range(n):
            row = first + r
            attend(s, layer, stream, at + r, row, scores, mixed)
            m.x_scale[layer, row], _ = quantise(mixed, m.x[layer, row], LEVELS)
        y = matrix(s.flat[0], n, width)
        linear(m.x[layer, rows], m.x_scale[layer, rows], m.codes[layer], m.scale[layer], y)
        add(x, y)
        m = s.up
        for r in range(n):
            row = first + r
            m.x_scale[layer, row], s.rate[2 * layer + 1, row] = norm(x[r], m.x[layer, row])
        hidden = s.hidden[layer, rows]
        linear(m.x[layer, rows], m.x_scale[layer, rows], m.codes[layer], m.scale[layer], hidden)
        m = s.down
        square = s.flat[1][: 4 * width]
        for r in range(n):
            for o in range(4 * width):
                hidden[r, o] = max(hidden[r, o], F(0))
                square[o] = hidden[r, o] * hidden[r, o]
            m.x_scale[layer, first + r], _ = quantise(square, m.x[layer, first + r], LEVELS)
        linear(m.x[layer, rows], m.x_scale[layer, rows], m.codes[layer], m.scale[layer], y)
        add(x, y)
    m = s.head
    for r in range(n):
        m.x_scale[0, first + r], s.rate[2 * layers, first + r] = norm(x[r], m.x[0, first + r])
    logits = matrix(s.flat[0], n, m.scale.shape[1])
    linear(m.x[0, rows], m.x_scale[0, rows], m.codes[0], m.scale[0], logits)
    for r in range(n):
        add_candidates(s.slots, first + r, s.table, logits[r], s.gates[first + r])
        frequencies(logits[r, :256], s.logit_table, s.flat[1][:256], s.freq[first + r])


@kernel
def add(x, y):
    """x += y, [n, d]."""
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            x[r, c] += y[r, c]


@kernel
def slide(s, segment):
    """Keep the keys and values of the last W positions, and free T slots behind them."""
    layers, streams, heads, channels = s.keys.shape[:4]
    window = s.bias.shape[2]
    for layer in range(layers):
        for b in range(streams):
            for h in range(heads):
                for j in range(window):
                    s.k_scale[layer, b, h, j] = s.k_scale[layer, b, h, segment + j]
                    for c in range(channels):
                        s.values[layer, b, h, j, c] = s.values[layer, b, h, segment + j, c]
                for c in range(channels):
                    row = s.keys[layer, b, h, c]
                    for j in range(window):
                        row[j] = row[segment + j]


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
def predict_segment(s, segment, text, left):
    """Frequencies of a whole segment of known bytes, of all streams; left: bytes left of each.

    Where none is left, only those of the byte that would come first.
    """
    slide(s, segment)
    read_segment(s.slots, segment, text, left)
    for b in range(text.shape[0]):
        forward(s, b, segment, 0, segment if left[b] > 0 else 1)


def _matrix(weights: list[np.ndarray], rows: int) -> Matrix:
    """The stack of the layers' matrices, given output-major, and room for `rows` inputs."""
    w = np.ascontiguousarray(np.stack(weights).transpose(0, 2, 1))
    layers, inner, outer = w.shape
    matrix = Matrix(
        w=w,
        m=np.zeros_like(w),
        v=np.zeros_like(w),
        codes=np.zeros_like(w),
        codes_t=np.zeros((layers, outer, inner), dtype=F),
        scale=np.zeros((layers, outer), dtype=F),
        x=np.zeros((layers, rows, inner), dtype=F),
        x_scale=np.zeros((layers, rows), dtype=F),
    )
    for layer in range(layers):
        top = np.maximum(np.abs(w[layer]).max(0), TINY)
        matrix.scale[layer] = top / LEVELS
        requantise(w[layer], LEVELS / top, matrix.codes[layer], matrix.codes_t[layer])
    return matrix


class CpuEngine:
    """Model, learner and coding loop of one level, compiled."""

    def __init__(self, preset: Preset) -> None:
        self.preset = preset
        self.steps = Adam(preset.width)
        self.state: State | None = None

    def start_block(self, streams: int) -> None:
        """Forget the context (not what was learned) and make room for `streams` streams."""
        p = self.preset
        d, heads, layers, window = p.width, p.heads, p.layers, p.window
        rows, span = streams * p.segment, p.window + p.segment
        old = self.state
        if old is None:
            weights = initial_weights(p)

            def stack(part: str) -> Matrix:
                return _matrix([weights[f"{layer}.{part}"] for layer in range(layers)], rows)

            bias = np.stack([weights[f"{layer}.bias"][:, ::-1] for layer in range(layers)])
            learned = {
                **{part: stack(part) for part in ("qkv", "out", "up", "down")},
                "head": _matrix([weights["head"]], rows),
                "embedding": weights["embedding"],
                "table": weights["table"],
                "bias": np.ascontiguousarray(bias),
            }
            for name in ("embedding", "bias", "table"):
                learned[f"{name}_m"] = np.zeros_like(learned[name])
                learned[f"{name}_v"] = np.zeros_like(learned[name])
        else:
            learned = {
                name + moment: getattr(old, name + moment)
                for name in ("embedding", "bias", "table")
                for moment in ("", "_m", "_v")
            }
            for name in ("qkv", "out", "up", "down", "head"):
                matrix = getattr(old, name)
                x = np.zeros((matrix.x.shape[0], rows, matrix.x.shape[2]), dtype=F)
                learned[name] = matrix._replace(x=x, x_scale=np.zeros(x.shape[:2], dtype=F))

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros(shape, dtype=F)

        outputs, tokens = output_count(p), len(learned["embedding"])
        largest = max(rows * 4 * d, 4 * d * d, outputs * d, tokens * d, rows * outputs)
        largest = max(largest, p.segment * (p.segment + 4 * d) + d * span)
        largest = max(largest, 2 * span + 8 * d, 4 * outputs)
        self.state = State(
            **learned,
            rate=zeros(2 * layers + 1, rows),
            hidden=zeros(layers, rows, 4 * d),
            q=zeros(layers, rows, d),
            q_scale=zeros(layers, rows, heads),
            keys=zeros(layers, streams, heads, d // heads, span),
            k_scale=zeros(layers, streams, heads, span),
            values=zeros(layers, streams, heads, span, d // heads),
            weights=zeros(layers, rows, heads, window),
            total=zeros(layers, rows, heads),
            slots=empty_slots(p, streams, None if old is None else old.slots),
            gates=zeros(rows, kind_count(p)),
            freq=np.zeros((rows, SYMBOLS), dtype=np.int64),
            residual=zeros(rows, d),
            flat=tuple(zeros(largest) for _ in range(7)),
            attention_table=ATTENTION_WEIGHTS.astype(F),
            logit_table=LOGIT_WEIGHTS.astype(np.float64),
        )

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
