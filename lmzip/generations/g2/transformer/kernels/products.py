"""Products of codes: the one place where matrices are multiplied, exact in int32.

`row_product` is defined by the plain loop `plain_row`. Where Numba is, and a processor with an
instruction for such products (`vectors.py`), code with that takes its place, after a self-test on
worst cases. The operands lie so that the instruction finds its four codes side by side:

    y[m] = sum over k of a[k] * b[k // 4, m, k % 4]

a: int8 [K]; b: int8 [K/4, M, 4]; y: int32 [M], or fewer, of the first outputs. All are contiguous,
codes lie in [-127, 127], M is a multiple of 16 and K of 4; sums of up to 2^17 products are exact.

`mix` is y += `row_product` of codes a none of which is negative.

`matrix_product` is the same for rows a [N, K] and a matrix of weights, y [N, M], and quicker: its
codes lie in [-60, 60], in blocks of 16 outputs, b [M/16, 16 K], that of output m and input k at
64 (k // 4) + 4 (m % 16) + k % 4 of block m // 16, which are read from one end to the other; and it
is told the `raise_sums`.
`stream_product` is the same with a matrix of K a multiple of 16, of which four blocks are read at
a time and lie as they are read: sixteen inputs of one, of the next, .. (`interleave`); the blocks
that are left lie as above. What comes from farther than the second-level cache comes quicker in one
stream than in four. It is quicker again where codes are coarse, in [-15, 15].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from ... import processor
from ...entry import entry
from ...jit import COMPILING, exact_sum_kernel, kernel
from .arithmetic import COARSE_LEVELS, MATRIX_LEVELS, SUMS
from .instructions import Instruction
from .packing import FOUR, interleaved


@exact_sum_kernel
def plain_row(a, b, y):
    """The definition of `row_product`."""
    for m in range(y.shape[0]):
        y[m] = 0
    plain_mix(a, b, y)


@exact_sum_kernel
def plain_mix(a, b, y):
    """The definition of `mix`, of any a."""
    for k in range(b.shape[0]):
        a0, a1 = np.int32(a[4 * k]), np.int32(a[4 * k + 1])
        a2, a3 = np.int32(a[4 * k + 2]), np.int32(a[4 * k + 3])
        for m in range(y.shape[0]):
            y[m] += a0 * b[k, m, 0] + a1 * b[k, m, 1] + a2 * b[k, m, 2] + a3 * b[k, m, 3]


def pack(codes: np.ndarray) -> np.ndarray:
    """A matrix [M, K] as the second operand of a product: int8 [K/4, M, 4]."""
    columns, inner = codes.shape
    return np.ascontiguousarray(codes.reshape(columns, inner // 4, 4).swapaxes(0, 1), dtype=np.int8)


@exact_sum_kernel
def plain_matrix(a, b, raised, y):
    """The definition of `matrix_product`: here nothing is raised."""
    for n in range(a.shape[0]):
        for block in range(b.shape[0]):
            codes, out = b[block], y[n, SUMS * block : SUMS * block + SUMS]
            for m in range(SUMS):
                out[m] = 0
            for k in range(0, a.shape[1], 4):
                a0, a1 = np.int32(a[n, k]), np.int32(a[n, k + 1])
                a2, a3 = np.int32(a[n, k + 2]), np.int32(a[n, k + 3])
                four = codes[SUMS * k : SUMS * (k + 4)]
                for m in range(SUMS):
                    out[m] += a0 * four[4 * m] + a1 * four[4 * m + 1]
                    out[m] += a2 * four[4 * m + 2] + a3 * four[4 * m + 3]


def pack_matrix(codes: np.ndarray) -> np.ndarray:
    """A matrix [M, K] as the second operand of a `matrix_product`: int8 [M/16, 16 K]."""
    columns, inner = codes.shape
    blocks = codes.reshape(columns // SUMS, SUMS, inner // 4, 4).swapaxes(1, 2)
    return np.ascontiguousarray(blocks, dtype=np.int8).reshape(columns // SUMS, SUMS * inner)


(
    begin_sums, first_sums, load_sums, load_codes, repeat_codes, raise_codes, store_sums,
    dot, dot_raised, dot_coarse, dot_fine,
) = map(
    Instruction,
    (
        "begin_sums", "first_sums", "load_sums", "load_codes", "repeat_codes", "raise_codes",
        "store_sums", "dot", "dot_raised", "dot_coarse", "dot_fine",
    ),
)  # fmt: skip


@exact_sum_kernel
def negatives(a):
    """Sum of |a| over the negative codes of a."""
    total = np.int32(0)
    for k in range(a.shape[0]):
        total -= min(np.int32(a[k]), np.int32(0))
    return np.int32(total)


@kernel
def row_by_instruction(a, b, y):
    """Four vectors of outputs at a time: that many sums fit the registers."""
    inner, columns, outputs = a.shape[0], b.shape[1], y.shape[0]
    first = negatives(a)
    m = 0
    while m + 64 <= outputs:
        s0 = s1 = s2 = s3 = begin_sums(first)
        at = 4 * m
        for k in range(0, inner, 4):
            x = repeat_codes(a, k)
            s0 = dot(s0, x, load_codes(b, at))
            s1 = dot(s1, x, load_codes(b, at + 64))
            s2 = dot(s2, x, load_codes(b, at + 128))
            s3 = dot(s3, x, load_codes(b, at + 192))
            at += 4 * columns
        store_sums(y, m, s0)
        store_sums(y, m + 16, s1)
        store_sums(y, m + 32, s2)
        store_sums(y, m + 48, s3)
        m += 64
    while m + 32 <= outputs:
        s0 = s1 = begin_sums(first)
        at = 4 * m
        for k in range(0, inner, 4):
            x = repeat_codes(a, k)
            s0 = dot(s0, x, load_codes(b, at))
            s1 = dot(s1, x, load_codes(b, at + 64))
            at += 4 * columns
        store_sums(y, m, s0)
        store_sums(y, m + 16, s1)
        m += 32
    while m < outputs:
        s0, at = begin_sums(first), 4 * m
        for k in range(0, inner, 4):
            s0 = dot(s0, repeat_codes(a, k), load_codes(b, at))
            at += 4 * columns
        store_sums(y, m, s0)
        m += 16


@kernel
def block_by_instruction(a, b, raised, m, y):
    """Products with the block of outputs m .. m + 16."""
    rows, inner, columns = a.shape[0], a.shape[1], y.shape[1]
    for row in range(rows):
        s0, at = first_sums(raised, m), m * inner
        for k in range(row * inner, (row + 1) * inner, 4):
            s0 = dot_raised(s0, raise_codes(a, k), load_codes(b, at))
            at += 4 * SUMS
        store_sums(y, row * columns + m, s0)


@kernel
def matrix_by_instruction(a, b, raised, y):
    """`matrix_product` of raised codes, whose sums begin with `raised`, four blocks at a time:
    these stay in the nearest cache while all rows pass by."""
    rows, inner, columns = a.shape[0], a.shape[1], y.shape[1]
    block, m = SUMS * inner, 0
    while m + 4 * SUMS <= columns:
        for row in range(rows):
            s0, s1 = first_sums(raised, m), first_sums(raised, m + SUMS)
            s2, s3 = first_sums(raised, m + 2 * SUMS), first_sums(raised, m + 3 * SUMS)
            at = m * inner
            for k in range(row * inner, (row + 1) * inner, 4):
                x = raise_codes(a, k)
                s0 = dot_raised(s0, x, load_codes(b, at))
                s1 = dot_raised(s1, x, load_codes(b, at + block))
                s2 = dot_raised(s2, x, load_codes(b, at + 2 * block))
                s3 = dot_raised(s3, x, load_codes(b, at + 3 * block))
                at += 4 * SUMS
            out = row * columns + m
            store_sums(y, out, s0)
            store_sums(y, out + SUMS, s1)
            store_sums(y, out + 2 * SUMS, s2)
            store_sums(y, out + 3 * SUMS, s3)
        m += 4 * SUMS
    while m < columns:
        block_by_instruction(a, b, raised, m, y)
        m += SUMS


@exact_sum_kernel
def plain_stream(a, b, raised, coarse, y):
    """The definition of `stream_product`: here nothing is raised, and coarse is as good as fine."""
    inner, length, columns = a.shape[1], b.shape[1], y.shape[1]
    for n in range(a.shape[0]):
        at, m = 0, 0
        while m < columns:
            end = m + (4 * SUMS if m + 4 * SUMS <= columns else SUMS)
            for column in range(m, end):
                y[n, column] = 0
            for begin in range(0, inner, 16):
                for column in range(m, end, SUMS):
                    out = y[n, column : column + SUMS]
                    for k in range(begin, begin + 16, 4):
                        a0, a1 = np.int32(a[n, k]), np.int32(a[n, k + 1])
                        a2, a3 = np.int32(a[n, k + 2]), np.int32(a[n, k + 3])
                        four = b[at // length, at % length : at % length + 4 * SUMS]
                        for i in range(SUMS):
                            out[i] += a0 * four[4 * i] + a1 * four[4 * i + 1]
                            out[i] += a2 * four[4 * i + 2] + a3 * four[4 * i + 3]
                        at += 4 * SUMS
            m = end


NEAR = 256
"""Inputs of four blocks of a matrix that fit the nearest cache: 16 kB."""


@kernel
def stream_by_instruction(a, b, raised, coarse, y):
    """`stream_product`, four blocks at a time: 256 inputs of them stay in the nearest cache while
    all rows pass by."""
    rows, inner, columns = a.shape[0], a.shape[1], y.shape[1]
    m = 0
    while m + 4 * SUMS <= columns:
        for begin in range(0, inner, NEAR):
            end = min(begin + NEAR, inner)
            for row in range(rows):
                out = row * columns + m
                if begin == 0:
                    s0, s1 = first_sums(raised, m), first_sums(raised, m + SUMS)
                    s2, s3 = first_sums(raised, m + 2 * SUMS), first_sums(raised, m + 3 * SUMS)
                else:
                    s0, s1 = load_sums(y, out), load_sums(y, out + SUMS)
                    s2, s3 = load_sums(y, out + 2 * SUMS), load_sums(y, out + 3 * SUMS)
                at = m * inner + begin * 4 * SUMS
                if coarse:
                    for k in range(row * inner + begin, row * inner + end, 16):
                        x0, x1 = raise_codes(a, k), raise_codes(a, k + 4)
                        x2, x3 = raise_codes(a, k + 8), raise_codes(a, k + 12)
                        s0 = dot_coarse(s0, x0, x1, x2, x3, b, at)
                        s1 = dot_coarse(s1, x0, x1, x2, x3, b, at + FOUR)
                        s2 = dot_coarse(s2, x0, x1, x2, x3, b, at + 2 * FOUR)
                        s3 = dot_coarse(s3, x0, x1, x2, x3, b, at + 3 * FOUR)
                        at += 4 * FOUR
                else:
                    for k in range(row * inner + begin, row * inner + end, 16):
                        x0, x1 = raise_codes(a, k), raise_codes(a, k + 4)
                        x2, x3 = raise_codes(a, k + 8), raise_codes(a, k + 12)
                        s0 = dot_fine(s0, x0, x1, x2, x3, b, at)
                        s1 = dot_fine(s1, x0, x1, x2, x3, b, at + FOUR)
                        s2 = dot_fine(s2, x0, x1, x2, x3, b, at + 2 * FOUR)
                        s3 = dot_fine(s3, x0, x1, x2, x3, b, at + 3 * FOUR)
                        at += 4 * FOUR
                store_sums(y, out, s0)
                store_sums(y, out + SUMS, s1)
                store_sums(y, out + 2 * SUMS, s2)
                store_sums(y, out + 3 * SUMS, s3)
        m += 4 * SUMS
    while m < columns:
        block_by_instruction(a, b, raised, m, y)
        m += SUMS


@kernel
def mix_by_instruction(a, b, y):
    """`mix`, two vectors of outputs at a time: the channels of a head."""
    inner, columns = a.shape[0], b.shape[1]
    m = 0
    while m + 2 * SUMS <= columns:
        s0, s1, at = load_sums(y, m), load_sums(y, m + SUMS), 4 * m
        for k in range(0, inner, 4):
            x = repeat_codes(a, k)
            s0 = dot_raised(s0, x, load_codes(b, at))
            s1 = dot_raised(s1, x, load_codes(b, at + 4 * SUMS))
            at += 4 * columns
        store_sums(y, m, s0)
        store_sums(y, m + SUMS, s1)
        m += 2 * SUMS
    while m < columns:
        s0, at = load_sums(y, m), 4 * m
        for k in range(0, inner, 4):
            s0 = dot_raised(s0, repeat_codes(a, k), load_codes(b, at))
            at += 4 * columns
        store_sums(y, m, s0)
        m += SUMS


@kernel
def raise_sums(b, raised):
    """Fill raised, int32 [M]: -128 times the sum of the codes of each output of b."""
    for m in range(raised.shape[0]):
        total = np.int32(0)
        codes = b[m // SUMS]
        for k in range(4 * (m % SUMS), codes.shape[0], 4 * SUMS):
            total += np.int32(codes[k]) + np.int32(codes[k + 1])
            total += np.int32(codes[k + 2]) + np.int32(codes[k + 3])
        raised[m] = -128 * total


def cases(most: int, lowest: int = -127) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random and worst operands of all shapes, [N, K] and [M, K]: from `lowest` up to 127 times up
    to `most`."""
    generator = np.random.default_rng(1)
    for rows, inner, columns in ((1, 16, 64), (1, 128, 80), (5, 68, 144), (4, 2048, 64)):
        for a, b in (
            (np.full((rows, inner), 127), np.full((columns, inner), most)),
            (np.full((rows, inner), lowest), np.full((columns, inner), most)),
            (
                generator.choice([lowest, 127], (rows, inner)),
                most * generator.choice([-1, 1], (columns, inner)),
            ),
            (
                generator.integers(lowest, 128, (rows, inner)),
                generator.integers(-most, most + 1, (columns, inner)),
            ),
        ):
            yield a.astype(np.int8), b.astype(np.int8)


if COMPILING and processor.way() != "plain":
    row_product, mix = row_by_instruction, mix_by_instruction
    matrix_product, stream_product = matrix_by_instruction, stream_by_instruction
else:
    row_product, mix = plain_row, plain_mix
    matrix_product, stream_product = plain_matrix, plain_stream


@entry
def multiply(a, b, y):
    """`row_product` of each row, called from Python."""
    for row in range(a.shape[0]):
        row_product(a[row], b, y[row])


@entry
def multiply_mix(a, b, y):
    """`mix` of each row, called from Python."""
    for row in range(a.shape[0]):
        mix(a[row], b, y[row])


@entry
def multiply_matrix(a, b, raised, y):
    """`matrix_product`, called from Python."""
    matrix_product(a, b, raised, y)


@entry
def multiply_stream(a, b, raised, coarse, y):
    """`stream_product`, called from Python."""
    stream_product(a, b, raised, coarse, y)


def self_test(product: Callable[..., None] | None = None) -> bool:
    """Whether a product, or the one in use, is exact on random and worst cases."""
    return all(_exact(product or multiply, a, b, pack(b)) for a, b in cases(127))


def _exact(product: Callable[..., None], a: np.ndarray, b: np.ndarray, packed: np.ndarray) -> bool:
    y = np.zeros((len(a), len(b)), dtype=np.int32)
    product(a, packed, y)
    return np.array_equal(y, _product(a, b))


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.astype(np.int32) @ b.astype(np.int32).T


def self_test_of_mixing() -> bool:
    """The same for `mix`, whose first operand is never negative."""
    return all(_exact(multiply_mix, a, b, pack(b)) for a, b in cases(127, lowest=0))


def self_test_of_matrices() -> bool:
    """The same for the products with a matrix."""
    for levels, coarse in ((MATRIX_LEVELS, 0), (COARSE_LEVELS, 1)):
        for a, b in cases(int(levels)):
            packed, expected = pack_matrix(b), _product(a, b)
            y = np.zeros_like(expected)
            # As `raise_sums` does, which need not be compiled for it.
            raised = -128 * b.sum(axis=1, dtype=np.int32)
            multiply_matrix(a, packed, raised, y)
            if not np.array_equal(y, expected):
                return False
            if a.shape[1] % 16 == 0:
                multiply_stream(a, interleaved(packed), raised, coarse, y)
                if not np.array_equal(y, expected):
                    return False
    return True


@cache
def check() -> None:
    """Raise EngineError if the processor's products are not exact."""
    if not (self_test() and self_test_of_mixing() and self_test_of_matrices()):
        raise processor.refusal("it failed its self-test")
