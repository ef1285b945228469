"""Everything that the kernels read and write, and nothing else that lasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...entry import entry
from ...levels import Preset
from ...memory.slots import SYMBOLS, Slots, empty_slots, kind_count
from ...native.structs import Struct, aligned, zeros
from .. import rotary
from ..softmax import LOGIT_ROOTS, LOGIT_WEIGHTS
from ..weights import initial_weights, learned_names, matrix_shapes
from .arithmetic import (
    COARSE_LEVELS,
    MATRIX_LEVELS,
    SUMS,
    F,
    quantise_to,
)
from .attention import AT_ONCE
from .packing import interleaved, place_rows
from .products import raise_sums

COARSER = int(MATRIX_LEVELS / COARSE_LEVELS)
"""Codes of a matrix are multiples of this as long as it has not learned since it was read from its
file, whose codes lie in [-15, 15]."""


@dataclass(frozen=True, eq=False)
class Linear(Struct):
    """Matrices of the layers as prediction uses them, and what they were last applied to."""

    codes: np.ndarray
    """int8 [L, out / 16, 16 in], as `stream_product` has them."""
    coarse: np.ndarray
    """int8 [L]: 1 where codes lie in [-15, 15], and scales are four times as large."""
    raised: np.ndarray
    """int32 [L, out], see `raise_sums`."""
    scale: np.ndarray
    """float32 [L, out]"""
    x: np.ndarray
    """Codes of the inputs, int8 [M + 1, N, in]: of the M layers that learn, the last ones, behind
    those of a layer that does not, which are at rows 0 .. T."""
    x_scale: np.ndarray
    """float32 [M + 1, N]"""


@dataclass(frozen=True, eq=False)
class State(Struct):
    """Everything that prediction reads and writes; floats are float32."""

    qkv: Linear
    out: Linear
    up: Linear
    down: Linear
    head: Linear
    memory: Linear
    embedding: np.ndarray
    """[rows, d]"""
    table: np.ndarray
    """[K * 144], of the slots."""
    rate: np.ndarray
    """Of the norms, [2L + 1, N]."""
    hidden: np.ndarray
    """[M + 1, N, 4d], as the inputs of `down`."""
    q: np.ndarray
    """int8, scratch: [H, T, c]."""
    q_scale: np.ndarray
    """Scratch: [H, T]."""
    keys: np.ndarray
    """int8 [L, H, P, c / 4, T, 4], P = W/T + 1 segments: number s is at s mod P."""
    k_scale: np.ndarray
    """[L, H, P, T]"""
    values: np.ndarray
    """int8 [L, H, P, T / 4, c, 4]"""
    weights: np.ndarray
    """int8, scratch: of the positions that one position sees, [H, W + T], and up to a
    multiple of `AT_ONCE`."""
    totals: np.ndarray
    """int32, scratch: [H]."""
    slots: Slots
    gates: np.ndarray
    """[N, K]"""
    excluded: np.ndarray
    """int64 [N]: a byte that is known not to come, or a negative number."""
    freq: np.ndarray
    """int32 [N, 256]"""
    turns: np.ndarray
    """Cosines and sines of the positions, [N, 2, c / 2]."""
    rotary_tables: np.ndarray
    """[2, 1024, 2, c / 2]"""
    logit_table: np.ndarray
    """float64 [1024]"""
    root_table: np.ndarray
    """int32 [1024]"""
    residual: np.ndarray
    """[T, d]"""
    sums: np.ndarray
    """int32, flat scratch."""
    floats: np.ndarray
    """Flat scratch."""
    bytes: np.ndarray
    """int8, scratch: [c]."""


@dataclass(frozen=True, eq=False)
class Learned(Struct):
    """Matrices of M layers that learn, Adam's moments, and their codes after the last step."""

    w: np.ndarray
    """float32 [M, out, in], as the two moments."""
    m: np.ndarray
    v: np.ndarray
    codes: np.ndarray
    """int8 [M, out / 16, 16 in]"""
    back: np.ndarray
    """int8 [M, in / 16, 16 out]: the operand of the product with the transpose."""
    raised: np.ndarray
    """int32 [M, out]"""
    scale: np.ndarray
    """float32 [M, out]"""
    back_raised: np.ndarray
    """int32 [M, in], of `back`."""
    rows: np.ndarray
    """int8 [16, in], scratch: codes of a block of rows."""
    packed: np.ndarray
    """int8 [in / 16, 16 T], scratch: the inputs of a segment."""


@dataclass(frozen=True, eq=False)
class Learner(Struct):
    """What learning owns. M layers learn, the last ones; N rows are those of a segment."""

    up: Learned
    down: Learned
    head: Learned
    table: np.ndarray
    """float32 [K * 144], and Adam's moments."""
    table_m: np.ndarray
    table_v: np.ndarray
    codes: np.ndarray
    """int8, flat scratch; so is the next."""
    packed: np.ndarray
    sums: np.ndarray
    """int32, flat scratch."""
    residual: np.ndarray
    """float32 [T, d], gradient."""
    inner: np.ndarray
    """float32 [T, d], gradient."""
    wide: np.ndarray
    """float32, flat scratch of [T, out]."""
    lines: np.ndarray
    """float32, flat scratch."""


def first_state(preset: Preset, differences: bytes = b"") -> tuple[State, Learner]:
    """What prediction and what learning begin with; see `initial_weights`."""
    weights = initial_weights(preset, differences)
    shapes = matrix_shapes(preset)
    quantised = {name: _quantised(weights[name]) if name in shapes else None for name in weights}

    def layers(part: str, first: int = 0) -> list[str]:
        return [f"{layer}.{part}" for layer in range(first, preset.layers)]

    def used(names: list[str], inputs: int, outputs: int) -> Linear:
        count, rows = len(names), 2 * preset.segment
        kept = 1 + sum(name in learned_names(preset) for name in names)
        linear = Linear(
            codes=zeros((count, outputs // SUMS, SUMS * inputs), np.int8),
            coarse=zeros(count, np.int8),
            raised=zeros((count, outputs), np.int32),
            scale=_zeros(count, outputs),
            x=zeros((kept, rows, inputs), np.int8),
            x_scale=_zeros(kept, rows),
        )
        for i, name in enumerate(names):
            codes, _, raised, scale, _ = quantised[name]
            coarse = name not in learned_names(preset) and not (codes % COARSER).any()
            step = COARSER if coarse else 1
            linear.coarse[i] = step > 1
            # The same numbers come out of the product: only powers of two change their places.
            linear.codes[i] = interleaved(codes // step)
            linear.raised[i] = raised // step
            linear.scale[i] = scale * F(step)
        return linear

    def learned(names: list[str]) -> Learned:
        w = aligned(np.stack([weights[name] for name in names]))
        parts = (aligned(np.stack([quantised[name][i] for name in names])) for i in range(5))
        inner = w.shape[2]
        return Learned(
            w, zeros(w.shape, F), zeros(w.shape, F), *parts,
            zeros((SUMS, inner), np.int8),
            zeros((inner // SUMS, SUMS * preset.segment), np.int8),
        )  # fmt: skip

    d, heads, segment = preset.width, preset.heads, preset.segment
    channels, outputs, rows = d // heads, shapes["head"][0], 2 * segment
    parts = preset.window // segment + 1
    seen = -(-parts * segment // AT_ONCE) * AT_ONCE
    kinds, top = kind_count(preset), max(shapes["head"][0], 4 * d)
    attention = (preset.layers, heads)
    state = State(
        qkv=used(layers("qkv"), d, 3 * d),
        out=used(layers("out"), d, d),
        up=used(layers("up"), d, 4 * d),
        down=used(layers("down"), 4 * d, d),
        head=used(["head"], d, outputs),
        memory=used(["memory"] if kinds else [], SYMBOLS, d),
        embedding=aligned(weights["embedding"]),
        table=aligned(weights["table"]),
        rate=_zeros(2 * preset.layers + 1, rows),
        hidden=_zeros(preset.learning + 1, rows, 4 * d),
        q=zeros((heads, segment, channels), np.int8),
        q_scale=_zeros(heads, segment),
        keys=zeros((*attention, parts, channels // 4, segment, 4), np.int8),
        k_scale=_zeros(*attention, parts, segment),
        values=zeros((*attention, parts, segment // 4, channels, 4), np.int8),
        weights=zeros((heads, seen), np.int8),
        totals=zeros(heads, np.int32),
        slots=empty_slots(preset),
        gates=_zeros(rows, kinds),
        excluded=zeros(rows, np.int64) - 1,
        freq=zeros((rows, SYMBOLS), np.int32),
        turns=_zeros(rows, 2, channels // 2),
        rotary_tables=aligned(rotary.tables(channels)),
        logit_table=aligned(LOGIT_WEIGHTS.astype(np.float64)),
        root_table=aligned(LOGIT_ROOTS.astype(np.int32)),
        residual=_zeros(segment, d),
        sums=zeros(segment * top, np.int32),
        floats=_zeros(segment * d + heads * seen + 8 * d + 1024),
        bytes=zeros(channels, np.int8),
    )
    first = preset.layers - preset.learning
    table = aligned(weights["table"])
    learner = Learner(
        up=learned(layers("up", first)),
        down=learned(layers("down", first)),
        head=learned(["head"]),
        table=table,
        table_m=zeros(table.shape, F),
        table_v=zeros(table.shape, F),
        codes=zeros(segment * top, np.int8),
        packed=zeros(segment * top, np.int8),
        sums=zeros(max(segment * 4 * d, SUMS * 4 * d + top, len(table)), np.int32),
        residual=_zeros(segment, d),
        inner=_zeros(segment, d),
        wide=_zeros(segment * top),
        lines=_zeros(2 * top + segment),
    )
    return state, learner


@entry
def quantise_matrix(w, rows, codes, back, raised, scale, back_raised):
    """Codes of w [out, in]: codes [out / 16, 16 in], back [in / 16, 16 out], raised and scale
    [out], back_raised [in]; rows, int8 [16, in], is scratch."""
    for block in range(codes.shape[0]):
        for r in range(SUMS):
            o = SUMS * block + r
            scale[o], _ = quantise_to(MATRIX_LEVELS, w[o], rows[r])
        place_rows(rows, block, codes, back)
    raise_sums(codes, raised)
    raise_sums(back, back_raised)


def _zeros(*shape: int) -> np.ndarray:
    return zeros(shape, F)


def _quantised(w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Codes, those of the transpose, raised, scale and back_raised of a matrix; see
    `quantise_matrix`."""
    outputs, inputs = w.shape
    codes = zeros((outputs // SUMS, SUMS * inputs), np.int8)
    back = zeros((inputs // SUMS, SUMS * outputs), np.int8)
    raised, scale = zeros(outputs, np.int32), zeros(outputs, F)
    rows, back_raised = zeros((SUMS, inputs), np.int8), zeros(inputs, np.int32)
    quantise_matrix(w, rows, codes, back, raised, scale, back_raised)
    return codes, back, raised, scale, back_raised
