"""Predicts the bits of a scan: contexts, weighed as those of the memory are.

Each context has adaptive probabilities of its own for every bit of a code and of what follows it.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from ..memory.probabilities import HALF, adapt
from ..memory.tables import mix
from ..mixer.logistic import divided
from ..mixer.mixer import codable, mixed, train_rows, use_rows
from .neighbours import hash_contexts
from .scan import holds_coefficients, step
from .tables import (
    CODE,
    COMPONENT,
    EXTRA,
    FRESH,
    LENGTH,
    LOG_CELLS,
    MARKER,
    OVER,
    PLACE,
    READY,
    ROWS,
    SETS,
    SIZE,
    SYMBOL,
)

FIRST_WEIGHTS = 100_000
"""Of all contexts together at first, in 2^-16."""
RATE, FALLING_RATE, FALL = 300, 1000, 512
"""As those of the mixer."""
FINAL_RATE, FINAL_FALLING_RATE, FINAL_FALL = 75, 600, 256
LIMIT = 1000
"""What the adaptive probabilities count to."""


@kernel
def get_ready(j):
    """Fill what is large, before the first picture."""
    if j.at[READY] > 0:
        return
    j.at[READY] = 1
    contexts = j.cell.shape[0]
    for i in range(j.cells.shape[0]):
        j.cells[i] = HALF
    for i in range(j.aside.shape[0]):
        j.aside[i] = HALF
    for r in range(j.weights.shape[0]):
        for i in range(contexts):
            j.weights[r, 2 * i] = FIRST_WEIGHTS // contexts
    for r in range(j.final_weights.shape[0]):
        for i in range(SETS):
            j.final_weights[r, i] = 65536 // SETS


@kernel
def predict_bit(j, m, partial):
    """Probability of a one, 22 bits, as the next bit of a byte whose first bits are `partial`,
    behind a 1. m: the mixer, for its tables."""
    at = j.at
    if not holds_coefficients(at):
        return codable(np.int64(j.aside[aside(at, partial)] >> 10))
    if at[FRESH] > 0:
        hash_contexts(j)
        at[FRESH] = 0
    so_far = np.int64(1) << at[LENGTH] | at[CODE]
    if at[SYMBOL] >= 0:
        so_far = mix(401 + at[SYMBOL], at[EXTRA])
    fill_inputs(j, m.stretch, so_far)
    choose(j)
    use_rows(j.uses, j.row, j.step, RATE, FALLING_RATE, FALL)
    use_rows(j.final_uses, j.final_row, j.final_step, FINAL_RATE, FINAL_FALLING_RATE, FINAL_FALL)
    for k in range(SETS):
        stretched = mixed(j.inputs, j.weights[j.row[k]])
        j.p[k] = m.squash[stretched + 3072]
        j.final_inputs[k] = stretched
    j.final_inputs[SETS] = 256
    stretched = mixed(j.final_inputs, j.final_weights[j.final_row[0]])
    j.final_p[0] = m.squash[stretched + 3072]
    return codable(j.final_p[0])


@kernel
def aside(at, partial):
    """Which probability is that of a bit of no coefficient."""
    kind = 2 if at[MARKER] == 0 else (1 if at[OVER] > 0 else 0)
    return kind * 256 + partial


@kernel
def fill_inputs(j, stretch, so_far):
    """Look up the contexts, and fill the inputs. so_far: the bits of the code under way."""
    x, contexts = j.inputs, j.cell.shape[0]
    for i in range(contexts):
        j.cell[i] = (i << LOG_CELLS) + (mix(j.context[i], so_far) >> (32 - LOG_CELLS))
    for i in range(contexts):
        cell = np.int64(j.cells[j.cell[i]])
        p, count = cell >> 16, min(cell & 1023, 31)
        x[2 * i] = divided(np.int64(stretch[p]) * count, count + 1)
        x[2 * i + 1] = divided(((p - 32768) >> 6) * count, count + 1)
    x[2 * contexts] = 256


@kernel
def choose(j):
    """Pick the row of each set."""
    at, around, row = j.at, j.around, j.row
    code = np.int64(1) << at[LENGTH] | at[CODE]
    follows = 1 if at[SYMBOL] >= 0 else 0
    k = at[PLACE] + 64 * at[COMPONENT]
    row[0] = min(code, 2047)
    if follows > 0:
        row[0] = 2048 + at[SIZE] * 64 + min(at[EXTRA], 63)
    row[1] = ROWS[0] + 2 * k + follows
    sizes = (around[0] * 8 + around[1]) * 8 + around[2]
    row[2] = ROWS[0] + ROWS[1] + (2 * sizes + follows) * 4 + at[COMPONENT]
    h = mix(mix(j.last[0], around[0]), min(code, 255) + 256 * follows)
    row[3] = ROWS[0] + ROWS[1] + ROWS[2] + (h & (ROWS[3] - 1))
    j.final_row[0] = k


@kernel
def learn_bit(j, steps, partial, bit):
    """The bit is known that was predicted. steps: see `step_table`."""
    if not holds_coefficients(j.at):
        adapt(j.aside, aside(j.at, partial), bit, steps, LIMIT)
        return
    one = bit << 22
    train_rows(j.inputs, j.weights, j.row, j.step, j.p, one)
    train_rows(j.final_inputs, j.final_weights, j.final_row, j.final_step, j.final_p, one)
    for i in range(j.cell.shape[0]):
        adapt(j.cells, j.cell[i], bit, steps, LIMIT)
    step(j, bit)
