"""Quantising, norms and positions, as compiled loops on float32 and int8.

Kernels marked `exact_sum_kernel` only add integers within the exact range, or take maxima, so their
order is free; in all others every operation is rounded on its own, in the order in which the
torch reference applies them.
"""

from __future__ import annotations

import numpy as np

from ...jit import exact_sum_kernel, kernel
from ..softmax import ATTENTION_STEPS

F = np.float32
STEPS = F(ATTENTION_STEPS)
LEVELS = F(127)
MATRIX_LEVELS = F(60)
"""Codes of a matrix lie in [-60, 60]: four times the 15 that its file has; see `vectors.py`."""
COARSE_LEVELS = F(15)
TINY = F(1e-30)
SUMS = 16
"""int32 lanes of a vector of sums (`vectors.py`), and so the outputs of a block of a matrix."""


@kernel
def peak(x):
    """max|x| of x float32 [n], none of them NaN: without their signs, floats are in the order of
    their bits, and a loop over integers is vectorised."""
    bits = x.view(np.int32)
    top = np.int32(0)
    for i in range(bits.shape[0]):
        here = np.int32(bits[i] & np.int32(0x7FFFFFFF))
        top = here if here > top else top
    return np.int32(top).view(np.float32)


@kernel
def largest(x):
    """max x of x float32 [n], none of them NaN; of zeros of both signs, either."""
    bits = x.view(np.int32)
    top = np.int32(-0x80000000)
    for i in range(bits.shape[0]):
        here = bits[i]
        here = np.int32(here ^ np.int32(np.int32(here >> np.int32(31)) & np.int32(0x7FFFFFFF)))
        top = here if here > top else top
    top = np.int32(top ^ np.int32(np.int32(top >> np.int32(31)) & np.int32(0x7FFFFFFF)))
    return np.int32(top).view(np.float32)


@exact_sum_kernel
def magnitude(codes):
    """Sum of |codes|, int8 -> int32."""
    total = np.int32(0)
    for i in range(codes.shape[0]):
        total += np.int32(abs(np.int32(codes[i])))
    return total


@exact_sum_kernel
def dot(a, b):
    """Sum of a * b over codes, int8 -> int32."""
    total = np.int32(0)
    for i in range(a.shape[0]):
        total += np.int32(a[i]) * np.int32(b[i])
    return total


@kernel
def quantise_to(levels, x, codes):
    """Fill `codes` (int8) from x; return scale = max|x| / levels and rate = levels / max|x|."""
    return quantise_below(peak(x), levels, x, codes)


@kernel
def quantise_below(top, levels, x, codes):
    """`quantise_to` where top = max|x| is known."""
    top = max(top, TINY)
    rate = levels / top
    for i in range(x.shape[0]):
        codes[i] = np.int8(np.int32(np.rint(x[i] * rate)))
    return top / levels, rate


@kernel
def quantise(x, codes):
    """`quantise_to` 127 levels, as all but matrices are."""
    return quantise_to(LEVELS, x, codes)


@kernel
def norm(x, codes):
    """Codes of x [d], and the scale that makes their mean magnitude 1; also the rate."""
    _, rate = quantise(x, codes)
    return F(x.shape[0]) / max(F(magnitude(codes)), F(1)), rate


@kernel
def rescale(y, row_scale, column_scale, out):
    """out = (y * row_scale) * column_scale, y int32."""
    for o in range(y.shape[0]):
        out[o] = F(y[o]) * row_scale * column_scale[o]


@kernel
def rescale_onto(y, row_scale, column_scale, out):
    """out += (y * row_scale) * column_scale, y int32."""
    for o in range(y.shape[0]):
        out[o] = out[o] + F(y[o]) * row_scale * column_scale[o]


@kernel
def squares(y, row_scale, column_scale, hidden):
    """hidden = max((y * row_scale) * column_scale, 0), y int32; return the largest square."""
    top = np.int32(0)
    for o in range(y.shape[0]):
        value = F(y[o]) * row_scale * column_scale[o]
        value = value if value > F(0) else F(0)
        hidden[o] = value
        # Floats that are not negative are in the order of their bits, as in `peak`.
        here = F(value * value).view(np.int32)
        top = here if here > top else top
    return np.int32(top).view(np.float32)


@kernel
def quantise_squares(x, top, codes):
    """`quantise` x * x, the largest of which is `top`; return the scale."""
    top = max(top, TINY)
    rate = LEVELS / top
    for i in range(x.shape[0]):
        codes[i] = np.int8(np.int32(np.rint(x[i] * x[i] * rate)))
    return top / LEVELS


@kernel
def rotate(x, turns, y):
    """y [c] = x [c] turned by the cosines and sines of a position, turns [2, c / 2]."""
    half = x.shape[0] // 2
    for i in range(half):
        a, b = x[i], x[i + half]
        y[i] = a * turns[0, i] - b * turns[1, i]
        y[i + half] = b * turns[0, i] + a * turns[1, i]


@kernel
def turns_of(position, tables, turns):
    """Cosines and sines of a position, [2, c / 2], from both tables of `rotary.py`."""
    fine, coarse = tables[0, position % tables.shape[1]], tables[1, position // tables.shape[1]]
    for i in range(turns.shape[1]):
        turns[0, i] = fine[0, i] * coarse[0, i] - fine[1, i] * coarse[1, i]
        turns[1, i] = fine[1, i] * coarse[0, i] + fine[0, i] * coarse[1, i]


@exact_sum_kernel
def sum_of(weights):
    """Sum of weights, float32 integers, as float64."""
    total = np.float64(0)
    for i in range(weights.shape[0]):
        total += np.float64(weights[i])
    return total


@kernel
def frequencies(logits, table, weights, freq):
    """Softmax in integers: logits float32 [256] -> freq int32 [256], which sum to 2^24."""
    top = largest(logits)
    # Codes first, and only then what they lead to: a loop that looks up is not vectorised.
    codes = weights.view(np.int32)
    for i in range(logits.shape[0]):
        codes[i] = np.int32(min(np.rint((top - logits[i]) * F(64)), F(1023)))
    for i in range(logits.shape[0]):
        weights[i] = table[codes[i]]
    share = np.float64((1 << 24) - 256) / sum_of(weights)
    rest = np.int32(1 << 24)
    for i in range(logits.shape[0]):
        freq[i] = np.int32(np.float64(weights[i]) * share) + np.int32(1)
        rest = np.int32(rest - freq[i])
    best = 0
    while logits[best] != top and best < logits.shape[0] - 1:
        best += 1
    freq[best] += rest


@kernel
def roots(worth, table, root_table, codes):
    """Codes of the square roots of the softmax of worth [256], and their scale; uses worth up."""
    top = largest(worth)
    places = worth.view(np.int32)
    for i in range(worth.shape[0]):
        places[i] = np.int32(min(np.rint((top - worth[i]) * F(64)), F(1023)))
    total = np.int64(0)
    for i in range(worth.shape[0]):
        codes[i] = np.int8(root_table[places[i]])
        total += np.int64(table[places[i]])
    return F(np.sqrt(np.float64(1 << 20) / np.float64(total))) / LEVELS
