"""Everything that the kernels read and write, and nothing else that lasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import SYMBOLS, Slots, empty_slots, kind_count
from lmzip.codec.native.structs import Struct
from lmzip.codec.transformer.kernels.arithmetic import LEVELS, TINY, F, requantise
from lmzip.codec.transformer.softmax import ATTENTION_WEIGHTS, LOGIT_WEIGHTS
from lmzip.codec.transformer.weights import initial_weights, output_count


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


def next_state(preset: Preset, streams: int, old: State | None) -> State:
    """State before a block of so many streams. What `old` has learned is kept, not its context."""
    d, heads, layers, window = preset.width, preset.heads, preset.layers, preset.window
    rows, span = streams * preset.segment, preset.window + preset.segment
    if old is None:
        weights = initial_weights(preset)

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

    outputs, tokens = output_count(preset), len(learned["embedding"])
    largest = max(rows * 4 * d, 4 * d * d, outputs * d, tokens * d, rows * outputs)
    largest = max(largest, preset.segment * (preset.segment + 4 * d) + d * span)
    largest = max(largest, 2 * span + 8 * d, 4 * outputs)
    return State(
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
        slots=empty_slots(preset, streams, None if old is None else old.slots),
        gates=zeros(rows, kind_count(preset)),
        freq=np.zeros((rows, SYMBOLS), dtype=np.int64),
        residual=zeros(rows, d),
        flat=tuple(zeros(largest) for _ in range(7)),
        attention_table=ATTENTION_WEIGHTS.astype(F),
        logit_table=LOGIT_WEIGHTS.astype(np.float64),
    )
