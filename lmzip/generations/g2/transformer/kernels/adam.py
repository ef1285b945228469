"""Adam in compiled loops; the reference is `reference/adam.py`."""

from __future__ import annotations

import numpy as np

from ...jit import kernel
from .. import schedule
from .arithmetic import MATRIX_LEVELS, SUMS, F, quantise_below
from .packing import add_rows, place_rows, total

KEEP1, TAKE1 = F(schedule.BETA1), F(1 - schedule.BETA1)
KEEP2, TAKE2 = F(schedule.BETA2), F(1 - schedule.BETA2)
EPSILON = F(schedule.EPSILON)
FLUSH, FLUSH_MOMENT = F(schedule.FLUSH), F(schedule.FLUSH_MOMENT)


@kernel
def adam_row(w, sums, scale, m, v, unbias1, unbias2, rate):
    """One Adam step on w [O] with gradient sums * scale, sums int32 [O]; returns max|w|.

    (One array more, and LLVM would not vectorise the loop. It waits for the divider: scaling, and
    the largest by its bits as in `peak`, cost nothing here.)
    """
    top = np.int32(0)
    for o in range(w.shape[0]):
        grad = F(sums[o]) * scale
        g = grad if abs(grad) >= FLUSH else F(0)
        first = m[o] * KEEP1 + g * TAKE1
        first = first if abs(first) >= FLUSH_MOMENT else F(0)
        second = v[o] * KEEP2 + g * g * TAKE2
        second = second if second >= FLUSH_MOMENT else F(0)
        m[o] = first
        v[o] = second
        moved = F(w[o] - first * unbias1 / (np.sqrt(second * unbias2) + EPSILON) * rate)
        w[o] = moved
        here = np.int32(moved.view(np.int32) & np.int32(0x7FFFFFFF))
        top = here if here > top else top
    return np.int32(top).view(np.float32)


@kernel
def adam_rows(m, layer, block, dw, g_scale, powers, rate):
    """One Adam step on rows 16 block .. 16 block + 15 of the learned matrix m.w[layer] [O, I] with
    gradient dw * g_scale, and their codes anew.

    dw: int32 [16, I]; g_scale: float32 [O]; powers: float32 [2], what corrects the bias of both
    moments.
    """
    w, first, second = m.w[layer], m.m[layer], m.v[layer]
    rows, raised = m.rows, m.raised[layer]
    for r in range(rows.shape[0]):
        o = SUMS * block + r
        top = adam_row(w[o], dw[r], g_scale[o], first[o], second[o], powers[0], powers[1], rate)
        m.scale[layer, o], _ = quantise_below(top, MATRIX_LEVELS, w[o], rows[r])
        raised[o] = -128 * total(rows[r])
    place_rows(rows, block, m.codes[layer], m.back[layer])
    add_rows(rows, m.back_raised[layer], -128)
