"""Codes of several rows laid side by side, as `products.py` and `gradients.py` read them.

A matrix of codes [K, M] is packed in blocks of 16 columns, int8 [M/16, 16 K]: code k of column m is
at 64 (k // 4) + 4 (m % 16) + k % 4 of block m // 16.
"""

from __future__ import annotations

import numpy as np

from ... import processor
from ...jit import COMPILING, exact_sum_kernel, kernel
from .arithmetic import LEVELS, SUMS, TINY, F
from .instructions import Instruction


@kernel
def plain_pack(x, first, packed):
    """The definition of `pack_rows`."""
    for k in range(x.shape[0]):
        to = SUMS * ((first + k) // 4 * 4) + (first + k) % 4
        for m in range(x.shape[1]):
            packed[m // SUMS, to + 4 * (m % SUMS)] = x[k, m]


pack_codes = Instruction("pack_codes")


@kernel
def pack_by_instruction(x, first, packed):
    """64 codes at a time: LLVM would move one after another."""
    rows, columns = x.shape
    length = packed.shape[1]
    for k in range(0, rows, 4):
        to = SUMS * (first + k)
        for m in range(0, columns, SUMS):
            pack_codes(x, k * columns + m, columns, packed, to)
            to += length


pack_rows = pack_by_instruction if COMPILING and processor.way() != "plain" else plain_pack
"""Put x, int8 [n, M], n a multiple of 4, into rows first .. first + n of packed [M/16, 16 K]."""


@kernel
def place_rows(rows, block, codes, back):
    """Put rows 16 block .. 16 block + 15 of a matrix of weights, int8 [16, I], into both operands
    made of it: codes [O/16, 16 I], and back [I/16, 16 O] for the product with its transpose."""
    words, out = rows.view(np.int32), codes[block].view(np.int32)
    for k in range(words.shape[1]):
        for m in range(SUMS):
            out[SUMS * k + m] = words[m, k]
    pack_rows(rows, SUMS * block, back)


FOUR = 16 * SUMS
"""Codes that a step of `stream_product` takes of a block: of 16 inputs."""


def interleaved(blocks: np.ndarray) -> np.ndarray:
    """The definition of `interleave`, for few matrices: it need not be compiled."""
    whole, size = len(blocks) // 4 * 4, blocks.shape[1]
    fours = blocks[:whole].reshape(whole // 4, 4, size // FOUR, FOUR).swapaxes(1, 2)
    return np.concatenate([fours.reshape(whole, size), blocks[whole:]])


@kernel
def interleave(blocks, stream):
    """The operand of a `stream_product` from that of a `matrix_product`, both int8 [M/16, 16 K]."""
    count, size = blocks.shape
    for block in range(count):
        # Its codes lie `step` apart from `to` on, counted from the start of row `first`. (Numba's
        # `reshape` would call for Numba's library, which machine code that is kept must not.)
        first, to, step = block, 0, FOUR
        if block < count // 4 * 4:
            first, to, step = block // 4 * 4, block % 4 * FOUR, 4 * FOUR
        for begin in range(0, size, FOUR):
            row, column = stream[first + to // size], to % size
            source, target = blocks[block, begin : begin + FOUR], row[column : column + FOUR]
            for i in range(FOUR):
                target[i] = source[i]
            to += step


@kernel
def raise_peaks(top, x, factor):
    """top [O] = max(top, |x * factor|), by their bits as in `peak`."""
    bits = top.view(np.int32)
    for o in range(x.shape[0]):
        here = np.int32(F(x[o] * factor).view(np.int32) & np.int32(0x7FFFFFFF))
        bits[o] = here if here > bits[o] else bits[o]


@kernel
def quantise_columns(x, factor, top, scale, below, four, packed):
    """Quantise the columns of x * factor, x [N, O] and factor [N].

    Fills scale [O], packed int8 [O/16, 16 N], and below, int32 [O]: of each column, minus the sum
    of its negative codes. top [O] is scratch, and so is four, int8 [4, O].
    """
    rows, columns = x.shape
    for o in range(columns):
        top[o] = TINY
        below[o] = 0
    for r in range(rows):
        raise_peaks(top, x[r], factor[r])
    for o in range(columns):
        scale[o] = top[o] / LEVELS
        top[o] = LEVELS / top[o]
    for r in range(0, rows, 4):
        for i in range(4):
            row, times, codes = x[r + i], factor[r + i], four[i]
            for o in range(columns):
                codes[o] = np.int8(np.int32(np.rint(row[o] * times * top[o])))
            add_below(codes, below)
        pack_rows(four, r, packed)


@exact_sum_kernel
def add_below(codes, below):
    """below int32 [O] -= codes, int8 [O], where they are negative."""
    for o in range(codes.shape[0]):
        below[o] -= np.int32(min(np.int32(codes[o]), np.int32(0)))


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
