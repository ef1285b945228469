"""Attention weights, by the instructions of x86 where they are."""

from __future__ import annotations

from functools import cache

import numpy as np

from ... import processor
from ...entry import entry
from ...jit import COMPILING, kernel
from ..softmax import ATTENTION_WEIGHTS
from .arithmetic import STEPS, F, largest
from .instructions import Instruction

no_totals, weigh, total_of, first_tops, raise_tops, largest_of = (
    Instruction(name, "score_vectors")
    for name in ("no_totals", "weigh", "total_of", "first_tops", "raise_tops", "largest_of")
)

AT_ONCE = 32
"""Scores come in a number that is a multiple of this."""
UNSEEN = F(-1e30)
"""A score far below all others, whose weight is 0."""


@kernel
def plain_weights(scores, weights):
    """Fill weights (int8) from scores; return their sum.

    Computes what `softmax.ATTENTION_WEIGHTS` holds: looking it up would not be vectorised. Casts
    keep the arithmetic in 32 bits.
    """
    i32 = np.int32
    total, top = i32(0), largest(scores)
    for j in range(scores.shape[0]):
        code = i32(min(np.rint((top - scores[j]) * STEPS), F(255)))
        low, high = i32(code & i32(15)), i32(i32(code >> i32(4)) & i32(15))
        share = i32(i32(16256) - i32(i32(i32(684) - i32(i32(11) * low)) * low))
        weight = i32(i32(share + i32(i32(64) << high)) >> i32(i32(7) + high))
        weights[j] = np.int8(weight)
        total = i32(total + weight)
    return total


@kernel
def weights_by_instruction(scores, weights):
    """`attention_weights`."""
    tops, total = first_tops(scores), no_totals()
    for at in range(AT_ONCE, scores.shape[0], AT_ONCE):
        tops = raise_tops(tops, scores, at)
    top = largest_of(tops)
    for at in range(0, scores.shape[0], AT_ONCE):
        total = weigh(total, scores, top, weights, at)
    return total_of(total)


BY_INSTRUCTION = COMPILING and processor.way() in ("vnni512", "vnni", "avx2")
attention_weights = weights_by_instruction if BY_INSTRUCTION else plain_weights


@entry
def weigh_scores(scores, weights, totals):
    """`attention_weights` of rows of scores, called from Python; totals int32 [rows]."""
    for row in range(scores.shape[0]):
        totals[row] = attention_weights(scores[row], weights[row])


def self_test() -> bool:
    """Whether the attention weights in use are those of the table: of scores about every code's
    bounds, and of some that are farther than any."""
    near = -np.arange(4 * 288, dtype=F).reshape(-1, 4 * AT_ONCE) / (F(4) * STEPS)
    scores = np.concatenate([near, near - F(1000), np.full_like(near[:, :AT_ONCE], UNSEEN)], axis=1)
    scores[:, 7] = 0
    weights, totals = np.zeros(scores.shape, dtype=np.int8), np.zeros(len(scores), dtype=np.int32)
    weigh_scores(scores, weights, totals)
    codes = np.minimum(np.rint((F(0) - scores) * STEPS), F(255)).astype(np.int64)
    expected = ATTENTION_WEIGHTS[codes]
    return np.array_equal(weights, expected) and np.array_equal(totals, expected.sum(1))


@cache
def check() -> None:
    """Raise EngineError if the processor's attention weights are not exact."""
    if not self_test():
        raise processor.refusal("it failed its self-test of attention weights")
