"""Adam in compiled loops; the reference is `reference/adam.py`."""

from __future__ import annotations

import numpy as np

from lmzip.codec.jit import kernel
from lmzip.codec.transformer import schedule
from lmzip.codec.transformer.kernels.arithmetic import LEVELS, TINY, F, raise_peaks, requantise

KEEP1, TAKE1 = F(0.9), F(1 - 0.9)
KEEP2, TAKE2 = F(0.999), F(1 - 0.999)
EPSILON = F(1e-8)
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
def adam_matrix(w, grad, scale, m, v, powers, rate, codes, codes_t, top, w_scale):
    """One Adam step on w [in, out] with gradient grad * scale [out]; requantise its columns.

    powers: float32 [2], the bias corrections of both moments. Fills codes [in, out], its
    transpose codes_t [out, in], and w_scale [out]; top [out] is scratch.
    """
    rows, columns = w.shape
    for o in range(columns):
        top[o] = TINY
    for i in range(rows):
        row = w[i]
        row_grad = grad[i]
        for o in range(columns):
            row_grad[o] *= scale[o]
        adam_row(row, row_grad, m[i], v[i], powers[0], powers[1], rate)
        raise_peaks(top, row)
    for o in range(columns):
        w_scale[o] = top[o] / LEVELS
        top[o] = LEVELS / top[o]
    requantise(w, top, codes, codes_t)
