"""Gated logistic mixing: the probability of a bit from all that is known.

The transformer's byte distribution gives P(bit | bits so far); so does every context of the
memory. Their stretches are summed with learned weights (gated logistic mixing: Mahoney 2005;
Mattern 2012): several sets of weights, each with its row picked by a small context
(`sets.py`), then final mixers over the sets, then adaptive maps (`maps.py`).

Everything is integers: inputs are stretches in units of 1/256, weights are in units of 2^-16
and bounded by 2^19, so that no product and no sum leaves an int32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..jit import kernel
from ..memory.probabilities import adapt
from ..memory.sample_distribution import DISTRIBUTIONS
from ..memory.tables import FIRST_CONTEXTS
from ..native.structs import Struct, aligned, zeros
from .first_weights import BOUND, FINAL_OTHERS, FirstWeights, formula, rows_of
from .inputs import fill_inputs, input_count, tell_final_mixers
from .logistic import bounded, divided, squash_table, stretch_table
from .maps import MAP_LIMIT, MAPS, add_maps, ask_for_maps, choose_maps, empty_maps
from .sets import ROWS

RATE, FALLING_RATE, FALL = (75, 40), (983, 690), 512
"""Learning rate of a row in units of 2^-14 / 2^16, what it has more at first, and half of that
after so many uses. The second of each is for more than 31 contexts: many inputs ask for small
steps."""
FINAL_RATE, FINAL_FALLING_RATE, FINAL_FALL = (150, 96), (600, 300), 256
SAMPLE_WEIGHT = 1 << 12
"""First weight of the inputs of samples and operands: no file of weights holds any."""
MOST_USES = 1 << 20
"""Uses are counted so far; by then the rates have long settled."""
LEAST = 32
"""The least probability of a bit that is coded, of 2^22."""
LONGEST = 17
"""Bytes that a byte can cost: 8 bits of -log2(LEAST / 2^22) = 17 bits each."""


@dataclass(frozen=True, eq=False)
class Mixer(Struct):
    """Weights and inputs. S sets of weights, F final mixers, M maps."""

    inputs: np.ndarray
    """int32 [I]: three of each context, two of each direct one, order 0, two of each match, the
    transformer's two, the sum of all contexts, a bias, the two of samples or operands; filled up
    with zeros."""
    weights: np.ndarray
    """int32 [rows of all sets, I]"""
    uses: np.ndarray
    """int32: how often each row has learned."""
    first_row: np.ndarray
    """int64 [S]: where the sets begin."""
    choice: np.ndarray
    """int64: which row within its set."""
    row: np.ndarray
    """int64 [S]: the rows that this bit uses."""
    step: np.ndarray
    """int64 [S]: how far these rows move once the bit is known."""
    p: np.ndarray
    """int64 [S]: what each set says."""
    rates: np.ndarray
    """int64 [4]: two rates of the sets, two of the final mixers."""
    final_inputs: np.ndarray
    """int32 [16 or 32]: stretches of the S sets, the transformer, the longest match, all contexts
    together; a bias; the two of samples or operands; filled up with zeros."""
    final_weights: np.ndarray
    """int32 [rows of all final mixers, 16 or 32]"""
    final_uses: np.ndarray
    final_first_row: np.ndarray
    final_row: np.ndarray
    final_step: np.ndarray
    final_p: np.ndarray
    maps: np.ndarray
    """uint32 [M * 65536 * 32]: probability and count by context and column of the stretch."""
    map_cell: np.ndarray
    """int64 [M]: the nearest cells to this bit's stretch."""
    stretch: np.ndarray
    """int16 [65536]: of a probability's upper 16 bits."""
    squash: np.ndarray
    """int32 [6144]: probability of a stretch + 3072."""


def empty_mixer(contexts: int, sets: int, first: FirstWeights | None = None) -> Mixer:
    """A mixer that has seen nothing, with these first weights or those of the formula."""

    def integers(size: int) -> np.ndarray:
        return zeros(size, np.int64)

    first = formula(contexts, sets) if first is None else first
    rows, final_rows = rows_of(sets)
    inputs = input_count(contexts)
    final_inputs = -(-(sets + FINAL_OTHERS + DISTRIBUTIONS) // 16) * 16
    weights = zeros((sum(rows), inputs), np.int32)
    own = first.sets.shape[1]
    weights[:, :own] = first.sets
    weights[:, own : own + DISTRIBUTIONS] = SAMPLE_WEIGHT
    final_weights = zeros((sum(final_rows), final_inputs), np.int32)
    others = first.finals.shape[1]
    final_weights[:, :others] = first.finals
    final_weights[:, others : others + DISTRIBUTIONS] = SAMPLE_WEIGHT
    map_count = 2 if sets < 6 else MAPS
    return Mixer(
        inputs=zeros(inputs, np.int32),
        weights=weights,
        uses=aligned(np.full(sum(rows), first.uses, dtype=np.int32)),
        first_row=np.cumsum((0, *rows), dtype=np.int64)[:-1],
        choice=integers(len(ROWS)),
        row=integers(sets),
        step=integers(sets),
        p=integers(sets),
        rates=np.array(
            [
                pair[contexts > FIRST_CONTEXTS]
                for pair in (RATE, FALLING_RATE, FINAL_RATE, FINAL_FALLING_RATE)
            ],
            dtype=np.int64,
        ),
        final_inputs=zeros(final_inputs, np.int32),
        final_weights=final_weights,
        final_uses=aligned(np.full(sum(final_rows), first.uses // 2, dtype=np.int32)),
        final_first_row=np.cumsum((0, *final_rows), dtype=np.int64)[:-1],
        final_row=integers(len(final_rows)),
        final_step=integers(len(final_rows)),
        final_p=integers(len(final_rows)),
        maps=empty_maps(map_count),
        map_cell=integers(map_count),
        stretch=aligned(stretch_table()),
        squash=aligned(squash_table()),
    )


@kernel
def train(x, w, e):
    """w += round(x * e / 2^16), within the bound. All int32."""
    low, high, half = np.int32(-BOUND), np.int32(BOUND), np.int32(1 << 15)
    for i in range(x.shape[0]):
        step = np.int32(np.int32(np.int32(x[i] * e) + half) >> np.int32(16))
        w[i] = min(max(np.int32(w[i] + step), low), high)


@kernel
def use_rows(uses, rows, steps, rate, falling, fall):
    """How far each row is to move, the less the more it was used; this use is counted."""
    for j in range(rows.shape[0]):
        used = np.int64(uses[rows[j]])
        uses[rows[j]] = min(used + 1, MOST_USES)
        steps[j] = rate + falling * fall // (fall + used)


@kernel
def train_rows(x, weights, rows, steps, p, one):
    """Train the rows that took part, each by the error of its own p.

    one: 2^22 if the bit is 1, else 0.
    """
    for j in range(rows.shape[0]):
        train(x, weights[rows[j]], np.int32(((one - p[j]) * steps[j]) >> 14))


@kernel
def mixed(x, w):
    """Sum of inputs times weights as a stretch: int32, in units of 2^-8 while it is summed."""
    total = np.int32(0)
    for i in range(x.shape[0]):
        total = np.int32(total + np.int32(np.int32(x[i] * w[i]) >> np.int32(8)))
    return bounded(np.int64(total) >> 8)


@kernel
def codable(p):
    """The probability nearest to p that is coded."""
    return min(max(p, LEAST), (1 << 22) - LEAST)


@kernel
def predict(s, m, transformer_p):
    """Probability of a one, 22 bits, given the transformer's."""
    squash = m.squash
    ask_for_maps(s.at, m.maps, m.map_cell.shape[0])
    best = fill_inputs(s, m, transformer_p)
    choose_maps(s.at, m.map_cell, best)
    # Before the rows are summed up, so that the loads of both overlap.
    use_rows(m.uses, m.row, m.step, m.rates[0], m.rates[1], FALL)
    use_rows(m.final_uses, m.final_row, m.final_step, m.rates[2], m.rates[3], FINAL_FALL)
    for j in range(m.row.shape[0]):
        stretched = mixed(m.inputs, m.weights[m.row[j]])
        m.p[j] = squash[stretched + 3072]
        m.final_inputs[j] = stretched
    tell_final_mixers(m, 3 * s.slot.shape[0])
    total = np.int64(0)
    for j in range(m.final_row.shape[0]):
        stretched = mixed(m.final_inputs, m.final_weights[m.final_row[j]])
        m.final_p[j] = squash[stretched + 3072]
        total += stretched
    stretched = divided(total, m.final_row.shape[0])
    p = np.int64(squash[stretched + 3072]) * 2
    p = add_maps(m.maps, m.map_cell, stretched, p)
    return codable(p >> 3)


@kernel
def train_mixer(m, steps, bit):
    """The bit is known: train the weights and maps that took part in its prediction.

    steps: see `step_table`.
    """
    one = bit << 22
    train_rows(m.inputs, m.weights, m.row, m.step, m.p, one)
    train_rows(m.final_inputs, m.final_weights, m.final_row, m.final_step, m.final_p, one)
    for k in range(m.map_cell.shape[0]):
        adapt(m.maps, m.map_cell[k], bit, steps, MAP_LIMIT)
