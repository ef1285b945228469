"""Products of codes: the one place where matrices are multiplied, exact in int32.

`product` is defined by the plain loop `plain`. Where Numba is, and a processor with an instruction
for such products (`vectors.py`), code with that takes its place, after a self-test on worst cases.
`row_product` is the same for one row, a [K] and y [M]. The operands lie so that the instruction
finds its four codes side by side:

    y[n, m] = sum over k of a[n, k] * b[k // 4, m, k % 4]

a: int8 [N, K]; b: int8 [K/4, M, 4]; y: int32 [N, M]. All are contiguous, codes lie in
[-127, 127], M is a multiple of 16 and K of 4; sums of up to 2^17 products are exact.

`matrix_product` and `matrix_row_product` are the same for a matrix of weights, and quicker: its
codes lie in [-60, 60], in blocks of 16 outputs, b [M/16, 16 K], that of output m and input k at
64 (k // 4) + 4 (m % 16) + k % 4 of block m // 16, which are read from one end
to the other; and they are told the `raise_sums`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from lmzip.codec import processor
from lmzip.codec.entry import entry
from lmzip.codec.jit import COMPILING, exact_sum_kernel, kernel
from lmzip.codec.transformer.kernels.arithmetic import MATRIX_LEVELS, SUMS
from lmzip.codec.transformer.kernels.instructions import Instruction


@exact_sum_kernel
def plain_row(a, b, y):
    """`product` of one row: a [K], y [M]."""
    for m in range(b.shape[1]):
        y[m] = 0
    for k in range(b.shape[0]):
        a0, a1 = np.int32(a[4 * k]), np.int32(a[4 * k + 1])
        a2, a3 = np.int32(a[4 * k + 2]), np.int32(a[4 * k + 3])
        for m in range(b.shape[1]):
            y[m] += a0 * b[k, m, 0] + a1 * b[k, m, 1] + a2 * b[k, m, 2] + a3 * b[k, m, 3]


@exact_sum_kernel
def plain(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    """The definition of `product`."""
    for n in range(a.shape[0]):
        plain_row(a[n], b, y[n])


def pack(codes: np.ndarray) -> np.ndarray:
    """A matrix [M, K] as the second operand of a product: int8 [K/4, M, 4]."""
    columns, inner = codes.shape
    return np.ascontiguousarray(codes.reshape(columns, inner // 4, 4).swapaxes(0, 1), dtype=np.int8)


@exact_sum_kernel
def plain_matrix_row(a, b, raised, y):
    """`matrix_row_product`: here nothing is raised."""
    for block in range(b.shape[0]):
        codes, out = b[block], y[SUMS * block : SUMS * block + SUMS]
        for m in range(SUMS):
            out[m] = 0
        for k in range(0, a.shape[0], 4):
            a0, a1 = np.int32(a[k]), np.int32(a[k + 1])
            a2, a3 = np.int32(a[k + 2]), np.int32(a[k + 3])
            four = codes[SUMS * k : SUMS * (k + 4)]
            for m in range(SUMS):
                out[m] += a0 * four[4 * m] + a1 * four[4 * m + 1]
                out[m] += a2 * four[4 * m + 2] + a3 * four[4 * m + 3]


@exact_sum_kernel
def plain_matrix(a: np.ndarray, b: np.ndarray, raised: np.ndarray, y: np.ndarray) -> None:
    """The definition of `matrix_product`."""
    for n in range(a.shape[0]):
        plain_matrix_row(a[n], b, raised, y[n])


def pack_matrix(codes: np.ndarray) -> np.ndarray:
    """A matrix [M, K] as the second operand of a `matrix_product`: int8 [M/16, 16 K]."""
    columns, inner = codes.shape
    blocks = codes.reshape(columns // SUMS, SUMS, inner // 4, 4).swapaxes(1, 2)
    return np.ascontiguousarray(blocks, dtype=np.int8).reshape(columns // SUMS, SUMS * inner)


no_sums, first_sums, load_codes, repeat_codes, raise_codes, store_sums, dot, dot_raised = map(
    Instruction,
    (
        "no_sums", "first_sums", "load_codes", "repeat_codes", "raise_codes", "store_sums", "dot",
        "dot_raised",
    ),
)  # fmt: skip


@kernel
def row_by_instruction(a, b, y):
    """Four vectors of outputs at a time: that many sums fit the registers."""
    inner, columns = a.shape[0], b.shape[1]
    m = 0
    while m + 64 <= columns:
        s0, s1, s2, s3 = no_sums(), no_sums(), no_sums(), no_sums()
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
    while m + 32 <= columns:
        s0, s1, at = no_sums(), no_sums(), 4 * m
        for k in range(0, inner, 4):
            x = repeat_codes(a, k)
            s0 = dot(s0, x, load_codes(b, at))
            s1 = dot(s1, x, load_codes(b, at + 64))
            at += 4 * columns
        store_sums(y, m, s0)
        store_sums(y, m + 16, s1)
        m += 32
    while m < columns:
        s0, at = no_sums(), 4 * m
        for k in range(0, inner, 4):
            s0 = dot(s0, repeat_codes(a, k), load_codes(b, at))
            at += 4 * columns
        store_sums(y, m, s0)
        m += 16


@kernel
def by_instruction(a, b, y):
    """Four rows at a time: they share what is read of b."""
    rows, inner, columns = a.shape[0], a.shape[1], b.shape[1]
    whole = rows - rows % 4
    for m in range(0, columns, 16):
        for row in range(0, whole, 4):
            s0, s1, s2, s3 = no_sums(), no_sums(), no_sums(), no_sums()
            at = 4 * m
            for k in range(row * inner, (row + 1) * inner, 4):
                w = load_codes(b, at)
                s0 = dot(s0, repeat_codes(a, k), w)
                s1 = dot(s1, repeat_codes(a, k + inner), w)
                s2 = dot(s2, repeat_codes(a, k + 2 * inner), w)
                s3 = dot(s3, repeat_codes(a, k + 3 * inner), w)
                at += 4 * columns
            out = row * columns + m
            store_sums(y, out, s0)
            store_sums(y, out + columns, s1)
            store_sums(y, out + 2 * columns, s2)
            store_sums(y, out + 3 * columns, s3)
    for row in range(whole, rows):
        row_by_instruction(a[row], b, y[row])


@kernel
def matrix_row_by_instruction(a, b, raised, y):
    """`matrix_row_product` of raised codes, of which the sums begin with `raised`."""
    inner, columns = a.shape[0], y.shape[0]
    block = SUMS * inner
    m = 0
    while m + 4 * SUMS <= columns:
        s0, s1 = first_sums(raised, m), first_sums(raised, m + SUMS)
        s2, s3 = first_sums(raised, m + 2 * SUMS), first_sums(raised, m + 3 * SUMS)
        at = m * inner
        for k in range(0, inner, 4):
            x = raise_codes(a, k)
            s0 = dot_raised(s0, x, load_codes(b, at))
            s1 = dot_raised(s1, x, load_codes(b, at + block))
            s2 = dot_raised(s2, x, load_codes(b, at + 2 * block))
            s3 = dot_raised(s3, x, load_codes(b, at + 3 * block))
            at += 4 * SUMS
        store_sums(y, m, s0)
        store_sums(y, m + SUMS, s1)
        store_sums(y, m + 2 * SUMS, s2)
        store_sums(y, m + 3 * SUMS, s3)
        m += 4 * SUMS
    while m < columns:
        s0, at = first_sums(raised, m), m * inner
        for k in range(0, inner, 4):
            s0 = dot_raised(s0, raise_codes(a, k), load_codes(b, at))
            at += 4 * SUMS
        store_sums(y, m, s0)
        m += SUMS


@kernel
def matrix_by_instruction(a, b, raised, y):
    """`matrix_product` of raised codes, four rows at a time."""
    rows, inner, columns = a.shape[0], a.shape[1], y.shape[1]
    whole = rows - rows % 4
    for m in range(0, columns, SUMS):
        for row in range(0, whole, 4):
            s0 = s1 = s2 = s3 = first_sums(raised, m)
            at = m * inner
            for k in range(row * inner, (row + 1) * inner, 4):
                w = load_codes(b, at)
                s0 = dot_raised(s0, raise_codes(a, k), w)
                s1 = dot_raised(s1, raise_codes(a, k + inner), w)
                s2 = dot_raised(s2, raise_codes(a, k + 2 * inner), w)
                s3 = dot_raised(s3, raise_codes(a, k + 3 * inner), w)
                at += 4 * SUMS
            out = row * columns + m
            store_sums(y, out, s0)
            store_sums(y, out + columns, s1)
            store_sums(y, out + 2 * columns, s2)
            store_sums(y, out + 3 * columns, s3)
    for row in range(whole, rows):
        matrix_row_by_instruction(a[row], b, raised, y[row])


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


def cases(most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random and worst operands of all shapes, [N, K] and [M, K]: up to 127 times up to `most`."""
    generator = np.random.default_rng(1)
    for rows, inner, columns in ((1, 4, 16), (1, 128, 80), (5, 68, 144), (4, 2048, 16)):
        for a, b in (
            (np.full((rows, inner), 127), np.full((columns, inner), most)),
            (np.full((rows, inner), -127), np.full((columns, inner), most)),
            (
                127 * generator.choice([-1, 1], (rows, inner)),
                most * generator.choice([-1, 1], (columns, inner)),
            ),
            (
                generator.integers(-127, 128, (rows, inner)),
                generator.integers(-most, most + 1, (columns, inner)),
            ),
        ):
            yield a.astype(np.int8), b.astype(np.int8)


if COMPILING and processor.way() != "plain":
    row_product, product = row_by_instruction, by_instruction
    matrix_row_product, matrix_product = matrix_row_by_instruction, matrix_by_instruction
else:
    row_product, product = plain_row, plain
    matrix_row_product, matrix_product = plain_matrix_row, plain_matrix


@entry
def multiply(a, b, y):
    """`product`, called from Python."""
    product(a, b, y)


@entry
def multiply_matrix(a, b, raised, y):
    """`matrix_product`, called from Python; raised int32 [M] is scratch."""
    raise_sums(b, raised)
    matrix_product(a, b, raised, y)


def self_test(product: Callable[..., None] | None = None) -> bool:
    """Whether a product, or the one in use, is exact on random and worst cases."""
    for a, b in cases(127):
        y = np.zeros((len(a), len(b)), dtype=np.int32)
        (product or multiply)(a, pack(b), y)
        if not np.array_equal(y, a.astype(np.int32) @ b.astype(np.int32).T):
            return False
    return True


def self_test_of_matrices() -> bool:
    """The same for the product with a matrix in use."""
    for a, b in cases(int(MATRIX_LEVELS)):
        y = np.zeros((len(a), len(b)), dtype=np.int32)
        multiply_matrix(a, pack_matrix(b), np.zeros(len(b), dtype=np.int32), y)
        if not np.array_equal(y, a.astype(np.int32) @ b.astype(np.int32).T):
            return False
    return True


@cache
def check() -> None:
    """Raise EngineError if the processor's products are not exact."""
    if not (self_test() and self_test_of_matrices()):
        raise processor.refusal("it failed its self-test")
