"""Gradients by matrices of weights: products over the positions of a segment, exact in int32.

Of 16 outputs of a matrix at a time:

    y[o, i] = sum over t of d[t, o] * x[t, i]

d, the gradient by the outputs, and x, the inputs, are packed (`packing.py`): d int8 [16 T], x
int8 [I/16, 16 T]; y: int32 [16, I]. Codes lie in [-127, 127].

`unsigned_gradient` is for x of which none is negative. For others, `signed_gradient` takes |d| and
the signs of d, -1 or 0: where d is negative all bits of x are turned, which makes it -x - 1, and
the sum begins with what that lacks, the sum of those |d|. To find these for all positions first
leaves one operation per vector to the product; `dot`, which moves signs, takes twice as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from ... import processor
from ...entry import entry
from ...jit import COMPILING, exact_sum_kernel, kernel
from .arithmetic import SUMS
from .instructions import Instruction
from .packing import split_signs
from .products import pack_matrix


@exact_sum_kernel
def plain_unsigned(d, x, y):
    """The definition of `unsigned_gradient`, of any x."""
    for block in range(x.shape[0]):
        codes = x[block]
        for o in range(SUMS):
            out = y[o, SUMS * block : SUMS * block + SUMS]
            for m in range(SUMS):
                out[m] = 0
            for k in range(4 * o, codes.shape[0], 4 * SUMS):
                d0, d1 = np.int32(d[k]), np.int32(d[k + 1])
                d2, d3 = np.int32(d[k + 2]), np.int32(d[k + 3])
                four = codes[k - 4 * o : k - 4 * o + 4 * SUMS]
                for m in range(SUMS):
                    out[m] += d0 * four[4 * m] + d1 * four[4 * m + 1]
                    out[m] += d2 * four[4 * m + 2] + d3 * four[4 * m + 3]


@exact_sum_kernel
def plain_signed(size, sign, below, x, y):
    """The definition of `signed_gradient`: size and sign of d, and below, int32 [16], see
    `quantise_columns`."""
    for block in range(x.shape[0]):
        codes = x[block]
        for o in range(SUMS):
            out = y[o, SUMS * block : SUMS * block + SUMS]
            for m in range(SUMS):
                out[m] = below[o]
            for k in range(4 * o, codes.shape[0], 4 * SUMS):
                four = codes[k - 4 * o : k - 4 * o + 4 * SUMS]
                for j in range(4):
                    times, turned = np.int32(size[k + j]), np.int32(sign[k + j])
                    for m in range(SUMS):
                        out[m] += times * np.int32(np.int32(four[4 * m + j]) ^ turned)


no_sums, repeat_sum, load_codes, repeat_codes, turn_codes, store_sums, dot_raised = map(
    Instruction,
    (
        "no_sums", "repeat_sum", "load_codes", "repeat_codes", "turn_codes", "store_sums",
        "dot_raised",
    ),
)  # fmt: skip


@kernel
def unsigned_by_instruction(d, x, y):
    """Four outputs at a time: they share what is read of x."""
    inner, length = y.shape[1], x.shape[1]
    for block in range(x.shape[0]):
        for o in range(0, SUMS, 4):
            s0 = s1 = s2 = s3 = no_sums()
            at = block * length
            for k in range(4 * o, length, 4 * SUMS):
                inputs = load_codes(x, at)
                s0 = dot_raised(s0, inputs, repeat_codes(d, k))
                s1 = dot_raised(s1, inputs, repeat_codes(d, k + 4))
                s2 = dot_raised(s2, inputs, repeat_codes(d, k + 8))
                s3 = dot_raised(s3, inputs, repeat_codes(d, k + 12))
                at += 4 * SUMS
            out = o * inner + SUMS * block
            store_sums(y, out, s0)
            store_sums(y, out + inner, s1)
            store_sums(y, out + 2 * inner, s2)
            store_sums(y, out + 3 * inner, s3)


@kernel
def signed_by_instruction(size, sign, below, x, y):
    """The same with signs."""
    inner, length = y.shape[1], x.shape[1]
    for block in range(x.shape[0]):
        for o in range(0, SUMS, 4):
            s0, s1 = repeat_sum(below, o), repeat_sum(below, o + 1)
            s2, s3 = repeat_sum(below, o + 2), repeat_sum(below, o + 3)
            at = block * length
            for k in range(4 * o, length, 4 * SUMS):
                inputs = load_codes(x, at)
                turned = turn_codes(inputs, repeat_codes(sign, k))
                s0 = dot_raised(s0, repeat_codes(size, k), turned)
                turned = turn_codes(inputs, repeat_codes(sign, k + 4))
                s1 = dot_raised(s1, repeat_codes(size, k + 4), turned)
                turned = turn_codes(inputs, repeat_codes(sign, k + 8))
                s2 = dot_raised(s2, repeat_codes(size, k + 8), turned)
                turned = turn_codes(inputs, repeat_codes(sign, k + 12))
                s3 = dot_raised(s3, repeat_codes(size, k + 12), turned)
                at += 4 * SUMS
            out = o * inner + SUMS * block
            store_sums(y, out, s0)
            store_sums(y, out + inner, s1)
            store_sums(y, out + 2 * inner, s2)
            store_sums(y, out + 3 * inner, s3)


if COMPILING and processor.way() != "plain":
    unsigned_gradient, signed_gradient = unsigned_by_instruction, signed_by_instruction
else:
    unsigned_gradient, signed_gradient = plain_unsigned, plain_signed


@entry
def multiply(d, sign, below, x, y, signed):
    """Either product of d with its signs, called from Python; sign, int8 [16 T], is scratch. One
    entry for both: each takes half a second to compile."""
    if signed:
        split_signs(d, sign)
        signed_gradient(d, sign, below, x, y)
    else:
        unsigned_gradient(d, x, y)


def cases(lowest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random and worst operands d [T, 16] and x [T, I], the latter from `lowest` to 127."""
    generator = np.random.default_rng(1)
    for positions, inputs in ((4, 16), (36, 80), (128, 32)):
        x = generator.integers(lowest, 128, (positions, inputs))
        d = generator.integers(-127, 128, (positions, SUMS))
        for worst in (
            np.full_like(d, 127),
            np.full_like(d, -127),
            127 * generator.choice([-1, 1], d.shape),
            d,
        ):
            for other in (np.full_like(x, 127), np.full_like(x, lowest), x):
                yield worst.astype(np.int8), other.astype(np.int8)


def self_test(signed: bool) -> bool:
    """Whether the product in use is exact on random and worst cases."""
    for d, x in cases(-127 if signed else 0):
        y = np.zeros((SUMS, x.shape[1]), dtype=np.int32)
        packed, below = pack_matrix(d.T)[0], -np.minimum(d, 0).sum(0, dtype=np.int32)
        multiply(packed, np.zeros_like(packed), below, pack_matrix(x.T), y, signed)
        if not np.array_equal(y, d.T.astype(np.int32) @ x.astype(np.int32)):
            return False
    return True


@cache
def check() -> None:
    """Raise EngineError if the processor's products are not exact."""
    if not (self_test(signed=False) and self_test(signed=True)):
        raise processor.refusal("it failed its self-test")
