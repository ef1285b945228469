"""Attention weights, by the instructions of x86 where they are."""

from __future__ import annotations

import numpy as np

from lmzip.codec import processor
from lmzip.codec.jit import COMPILING, kernel
from lmzip.codec.transformer.kernels.arithmetic import STEPS, F
from lmzip.codec.transformer.kernels.instructions import Instruction

no_totals, weigh, total_of = map(Instruction, ("no_totals", "weigh", "total_of"))

AT_ONCE = 32
"""Scores come in a number that is a multiple of this."""
UNSEEN = F(-3e38)
"""Score of weight 0 beside any other, but for the largest of a row."""


@kernel
def plain_weights(scores, top, weights):
    """Fill weights (int8) from scores, `top` being the largest; return their sum.

    Computes what `softmax.ATTENTION_WEIGHTS` holds: looking it up would not be vectorised. Casts
    keep the arithmetic in 32 bits.
    """
    i32 = np.int32
    total = i32(0)
    for j in range(scores.shape[0]):
        code = i32(min(np.rint((top - scores[j]) * STEPS), F(255)))
        low, high = i32(code & i32(15)), i32(i32(code >> i32(4)) & i32(15))
        share = i32(i32(16256) - i32(i32(i32(684) - i32(i32(11) * low)) * low))
        weight = i32(i32(share + i32(i32(64) << high)) >> i32(i32(7) + high))
        weights[j] = np.int8(weight)
        total = i32(total + weight)
    return total


@kernel
def weights_by_instruction(scores, top, weights):
    """`attention_weights`."""
    total = no_totals()
    for at in range(0, scores.shape[0], AT_ONCE):
        total = weigh(total, scores, top, weights, at)
    return total_of(total)


if COMPILING and processor.way() in ("vnni512", "vnni", "avx2"):
    attention_weights = weights_by_instruction
else:
    attention_weights = plain_weights
