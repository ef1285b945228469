"""Adam in compiled loops; the reference is `reference/adam.py`."""

from __future__ import annotations

import numpy as np

from lmzip.codec.jit import kernel
from lmzip.codec.transformer import schedule
from lmzip.codec.transformer.kernels.arithmetic import MATRIX_LEVELS, SUMS, F, quantise_to
from lmzip.codec.transformer.kernels.products import raise_sums

KEEP1, TAKE1 = F(schedule.BETA1), F(1 - schedule.BETA1)
KEEP2, TAKE2 = F(schedule.BETA2), F(1 - schedule.BETA2)
EPSILON = F(schedule.EPSILON)
FLUSH, FLUSH_MOMENT = F(schedule.FLUSH), F(schedule.FLUSH_MOMENT)


@kernel
def adam_row(w, grad, m, v, unbias1, unbias2, rate):
    """One Adam step on w [O]. (One array more, and LLVM would not vectorise the loop.)"""
    for o in range(w.shape[0]):
        g = grad[o] if abs(grad[o]) >= FLUSH else F(0)
        first = m[o] * KEEP1 + g * TAKE1
        first = first if abs(first) >= FLUSH_MOMENT else F(0)
        second = v[o] * KEEP2 + g * g * TAKE2
        second = second if second >= FLUSH_MOMENT else F(0)
        m[o] = first
        v[o] = second
        w[o] -= first * unbias1 / (np.sqrt(second * unbias2) + EPSILON) * rate


@kernel
def adam_matrix(m, layer, dw, g_scale, powers, rate):
    """One Adam step on the learned matrix m.w[layer] [O, I] with gradient dw * g_scale [O], and its
    codes anew.

    dw: int32 [O, I]; powers: float32 [2], what corrects the bias of both moments.
    """
    w, first, second = m.w[layer], m.m[layer], m.v[layer]
    grad, codes = m.line, m.row
    for o in range(w.shape[0]):
        for i in range(w.shape[1]):
            grad[i] = F(dw[o, i]) * g_scale[o]
        adam_row(w[o], grad, first[o], second[o], powers[0], powers[1], rate)
        m.scale[layer, o], _ = quantise_to(MATRIX_LEVELS, w[o], codes)
        place_row(codes, o, m.codes[layer], m.back[layer])
    raise_sums(m.codes[layer], m.raised[layer])


@kernel
def place_row(row, o, codes, back):
    """Put a row [I] of a matrix into both operands made of it: codes [O/16, 16 I], and back
    [O/4, I, 4] for the product with its transpose."""
    block, lane = codes[o // SUMS], 4 * (o % SUMS)
    for k in range(0, row.shape[0], 4):
        out = block[SUMS * k + lane : SUMS * k + lane + 4]
        out[0], out[1], out[2], out[3] = row[k], row[k + 1], row[k + 2], row[k + 3]
    out, part = back[o // 4], o % 4
    for i in range(row.shape[0]):
        out[i, part] = row[i]
