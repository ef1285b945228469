"""Products of codes: the one place where matrices are multiplied, exact in int32.

`product` is defined by the plain loop `plain`. Where Numba is, and a processor with an instruction
for such products (`vectors.py`), code with that takes its place, after a self-test on worst cases.
`row_product` is the same for one row, a [K] and y [M]. The operands lie so that the instruction
finds its four codes side by side:

    y[n, m] = sum over k of a[n, k] * b[k // 4, m, k % 4]

a: int8 [N, K]; b: int8 [K/4, M, 4]; y: int32 [N, M]. All are contiguous, codes lie in
[-127, 127], M is a multiple of 16 and K of 4; sums of up to 2^17 products are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from lmzip.codec import processor
from lmzip.codec.entry import entry
from lmzip.codec.jit import COMPILING, exact_sum_kernel, kernel
from lmzip.codec.transformer.kernels.instructions import Instruction

Product = Callable[[np.ndarray, np.ndarray, np.ndarray], None]


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


no_sums, load_codes, repeat_codes, store_sums, dot = map(
    Instruction, ("no_sums", "load_codes", "repeat_codes", "store_sums", "dot")
)


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


def self_test(product: Product) -> bool:
    """Whether a product is exact on random and worst cases: all operands +-127, short and long."""
    generator = np.random.default_rng(1)
    for rows, inner, columns in ((1, 4, 16), (1, 128, 80), (5, 68, 144), (4, 2048, 16)):
        for a, b in (
            (np.full((rows, inner), 127), np.full((columns, inner), 127)),
            (np.full((rows, inner), -127), np.full((columns, inner), 127)),
            (
                127 * generator.choice([-1, 1], (rows, inner)),
                127 * generator.choice([-1, 1], (columns, inner)),
            ),
            (
                generator.integers(-127, 128, (rows, inner)),
                generator.integers(-127, 128, (columns, inner)),
            ),
        ):
            y = np.zeros((rows, columns), dtype=np.int32)
            product(a.astype(np.int8), pack(b), y)
            if not np.array_equal(y, a @ b.T):
                return False
    return True


if COMPILING and processor.way() != "plain":
    row_product, product = row_by_instruction, by_instruction
else:
    row_product, product = plain_row, plain


@entry
def multiply(a, b, y):
    """`product`, called from Python."""
    product(a, b, y)


@cache
def check() -> None:
    """Raise EngineError if the processor's products are not exact."""
    if not self_test(multiply):
        raise processor.refusal("it failed its self-test")
