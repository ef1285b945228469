"""Codes of several rows laid side by side, as `products.py` and `gradients.py` read them.

A matrix of codes [K, M] is packed in blocks of 16 columns, int8 [M/16, 16 K]: code k of column m is
at 64 (k // 4) + 4 (m % 16) + k % 4 of block m // 16. Four codes of a column make a word, and rows
are packed four at a time by whole words: a loop over bytes is not vectorised.
"""

from __future__ import annotations

import sys

import numpy as np

from lmzip.codec.jit import exact_sum_kernel, kernel
from lmzip.codec.transformer.kernels.arithmetic import LEVELS, SUMS, TINY

BYTE = np.int32(255)
SHIFTS = (0, 8, 16, 24) if sys.byteorder == "little" else (24, 16, 8, 0)
SHIFT0, SHIFT1, SHIFT2, SHIFT3 = map(np.int32, SHIFTS)


@kernel
def word(a, b, c, d):
    """The int32 whose bytes, in the order of their addresses, are the lowest of four int32."""
    low = np.int32(np.int32(a & BYTE) << SHIFT0) | np.int32(np.int32(b & BYTE) << SHIFT1)
    high = np.int32(np.int32(c & BYTE) << SHIFT2) | np.int32(np.int32(d & BYTE) << SHIFT3)
    return np.int32(np.int32(low) | np.int32(high))


@kernel
def pack_four(x0, x1, x2, x3, k, packed):
    """Put rows k .. k + 3 of a matrix of codes, int8 [M] each, into packed [M/16, 16 K]."""
    words = packed.view(np.int32)
    for block in range(packed.shape[0]):
        out = words[block, 4 * k : 4 * k + SUMS]
        first = SUMS * block
        a, b = x0[first : first + SUMS], x1[first : first + SUMS]
        c, d = x2[first : first + SUMS], x3[first : first + SUMS]
        for m in range(SUMS):
            out[m] = word(np.int32(a[m]), np.int32(b[m]), np.int32(c[m]), np.int32(d[m]))


@kernel
def pack_rows(x, packed):
    """packed int8 [M/16, 16 K] from x int8 [K, M]."""
    for k in range(0, x.shape[0], 4):
        pack_four(x[k], x[k + 1], x[k + 2], x[k + 3], k, packed)


@kernel
def place_rows(rows, block, codes, back):
    """Put rows 16 block .. 16 block + 15 of a matrix of weights, int8 [16, I], into both operands
    made of it: codes [O/16, 16 I], and back [I/16, 16 O] for the product with its transpose."""
    words, out = rows.view(np.int32), codes[block].view(np.int32)
    for k in range(words.shape[1]):
        for m in range(SUMS):
            out[SUMS * k + m] = words[m, k]
    for m in range(0, SUMS, 4):
        pack_four(rows[m], rows[m + 1], rows[m + 2], rows[m + 3], SUMS * block + m, back)


@kernel
def scale_rows(x, factor, top):
    """x [O] *= factor; top [O] = max(top, |x|) by their bits, see `peak`."""
    bits = top.view(np.int32)
    for o in range(x.shape[0]):
        scaled = x[o] * factor
        x[o] = scaled
        here = np.int32(np.float32(scaled).view(np.int32) & np.int32(0x7FFFFFFF))
        bits[o] = here if here > bits[o] else bits[o]


@kernel
def code(x, rate):
    """A value in the steps of its column."""
    return np.int32(np.rint(x * rate))


@kernel
def quantise_columns(x, factor, top, scale, below, packed):
    """Multiply rows of x [N, O] by factor [N], and quantise its columns.

    Fills scale [O], packed int8 [O/16, 16 N], and below, int32 [O]: of each column, minus the sum
    of its negative codes. top [O] is scratch.
    """
    rows, columns = x.shape
    for o in range(columns):
        top[o] = TINY
        below[o] = 0
    for r in range(rows):
        scale_rows(x[r], factor[r], top)
    for o in range(columns):
        scale[o] = top[o] / LEVELS
        top[o] = LEVELS / top[o]
    words = packed.view(np.int32)
    zero = np.int32(0)
    for r in range(0, rows, 4):
        for block in range(packed.shape[0]):
            first = SUMS * block
            last = first + SUMS
            out, rate, sums = words[block, 4 * r : 4 * r + SUMS], top[first:last], below[first:last]
            x0, x1 = x[r, first:last], x[r + 1, first:last]
            x2, x3 = x[r + 2, first:last], x[r + 3, first:last]
            for m in range(SUMS):
                a, b = code(x0[m], rate[m]), code(x1[m], rate[m])
                c, d = code(x2[m], rate[m]), code(x3[m], rate[m])
                out[m] = word(a, b, c, d)
                sums[m] -= min(a, zero) + min(b, zero) + min(c, zero) + min(d, zero)


@kernel
def split_signs(codes, signs):
    """Codes [n] become magnitudes; signs, int8 [n]: -1 where they were negative, or 0."""
    for i in range(codes.shape[0]):
        sign = np.int8(codes[i] >> 7)
        signs[i] = sign
        codes[i] = np.int8((codes[i] ^ sign) - sign)


@exact_sum_kernel
def total(codes):
    """Sum of codes, int8 [n] -> int32."""
    result = np.int32(0)
    for i in range(codes.shape[0]):
        result += np.int32(codes[i])
    return result


@exact_sum_kernel
def add_rows(rows, sums, times):
    """sums int32 [I] += times the sum of rows, int8 [16, I], column by column."""
    times = np.int32(times)
    for m in range(0, rows.shape[0], 4):
        a, b, c, d = rows[m], rows[m + 1], rows[m + 2], rows[m + 3]
        for i in range(sums.shape[0]):
            four = np.int32(a[i]) + np.int32(b[i]) + np.int32(c[i]) + np.int32(d[i])
            sums[i] += np.int32(times * np.int32(four))
