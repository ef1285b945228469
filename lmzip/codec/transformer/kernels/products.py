"""Products of codes: the one place where matrices are multiplied, exact in int32.

`product` is defined by the plain loop `plain`. Where Numba and a known processor are, compiled
code with its instruction for such products (`vectors.py`) takes its place, after a self-test on
worst cases. The operands lie so that the instruction finds its four codes side by side:

    y[n, m] = sum over k of a[n, k] * b[k // 4, m, k % 4]

a: int8 [N, K]; b: int8 [K/4, M, 4]; y: int32 [N, M]. All are contiguous, codes lie in
[-127, 127], M is a multiple of 16 and K of 4; sums of up to 2^17 products are exact.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import Any

import numpy as np

from lmzip.codec.jit import HAVE_NUMBA, exact_sum_kernel, kernel
from lmzip.errors import EngineError

WAYS = ("vnni", "avx2", "dot", "plain")
"""What `LMZIP_PRODUCTS` may name: AVX-512 VNNI or AVX-VNNI, AVX2, Armv8.2, the plain loop."""

Product = Callable[[np.ndarray, np.ndarray, np.ndarray], None]


@exact_sum_kernel
def plain(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    """The definition of `product`."""
    rows, inner = a.shape
    for n in range(rows):
        for m in range(b.shape[1]):
            y[n, m] = 0
        for k in range(inner // 4):
            a0, a1 = np.int32(a[n, 4 * k]), np.int32(a[n, 4 * k + 1])
            a2, a3 = np.int32(a[n, 4 * k + 2]), np.int32(a[n, 4 * k + 3])
            for m in range(b.shape[1]):
                y[n, m] += a0 * b[k, m, 0] + a1 * b[k, m, 1] + a2 * b[k, m, 2] + a3 * b[k, m, 3]


def pack(codes: np.ndarray) -> np.ndarray:
    """A matrix [M, K] as the second operand of a product: int8 [K/4, M, 4]."""
    columns, inner = codes.shape
    return np.ascontiguousarray(codes.reshape(columns, inner // 4, 4).swapaxes(0, 1), dtype=np.int8)


def with_instruction(name: str) -> Product:
    """`product` by one of the instructions of `vectors.py`.

    One row takes four vectors of outputs at a time and four rows one: that many sums fit the
    registers, and four rows share what is read of b.
    """
    from lmzip.codec.transformer.kernels import vectors

    dot = vectors.multiply(name)
    no_sums, load, repeat, store = (
        vectors.no_sums,
        vectors.load_codes,
        vectors.repeat_codes,
        vectors.store_sums,
    )

    @kernel
    def one_row(a, b, y, row):
        inner, columns = a.shape[1], b.shape[1]
        first, out = row * inner, row * columns
        m = 0
        while m + 64 <= columns:
            s0, s1, s2, s3 = no_sums(), no_sums(), no_sums(), no_sums()
            at = 4 * m
            for k in range(first, first + inner, 4):
                x = repeat(a, k)
                s0, s1 = dot(s0, x, load(b, at)), dot(s1, x, load(b, at + 64))
                s2, s3 = dot(s2, x, load(b, at + 128)), dot(s3, x, load(b, at + 192))
                at += 4 * columns
            store(y, out + m, s0)
            store(y, out + m + 16, s1)
            store(y, out + m + 32, s2)
            store(y, out + m + 48, s3)
            m += 64
        while m < columns:
            s0 = no_sums()
            at = 4 * m
            for k in range(first, first + inner, 4):
                s0 = dot(s0, repeat(a, k), load(b, at))
                at += 4 * columns
            store(y, out + m, s0)
            m += 16

    @kernel
    def product(a, b, y):
        rows, inner, columns = a.shape[0], a.shape[1], b.shape[1]
        whole = rows - rows % 4
        for m in range(0, columns, 16):
            for row in range(0, whole, 4):
                s0, s1, s2, s3 = no_sums(), no_sums(), no_sums(), no_sums()
                at = 4 * m
                for k in range(row * inner, (row + 1) * inner, 4):
                    w = load(b, at)
                    s0, s1 = dot(s0, repeat(a, k), w), dot(s1, repeat(a, k + inner), w)
                    s2 = dot(s2, repeat(a, k + 2 * inner), w)
                    s3 = dot(s3, repeat(a, k + 3 * inner), w)
                    at += 4 * columns
                out = row * columns + m
                store(y, out, s0)
                store(y, out + columns, s1)
                store(y, out + 2 * columns, s2)
                store(y, out + 3 * columns, s3)
        for row in range(whole, rows):
            one_row(a, b, y, row)

    return product


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


def instructions(features: dict[str, bool]) -> dict[str, str]:
    """Way -> instruction of `vectors.py`, for a processor with these features, the best first."""
    from lmzip.codec.transformer.kernels.vectors import INSTRUCTIONS

    found: dict[str, str] = {}
    for name, (_, _, needed) in INSTRUCTIONS.items():
        way = "vnni" if name == "vnni256" else name
        if way not in found and all(features.get(feature) for feature in needed):
            found[way] = name
    return found


def choose(wanted: str | None = None) -> tuple[str, Product]:
    """The way called `wanted`, or the best that this processor has, and its product.

    Raises EngineError if the wanted one is unknown, is not had here or fails the self-test.
    """
    if wanted is not None and wanted not in WAYS:
        raise EngineError(
            f"unknown way to multiply {wanted!r}",
            f"this lmzip has {', '.join(WAYS)}",
            "set LMZIP_PRODUCTS to one of these, or unset it",
        )
    had: dict[str, str] = {}
    if HAVE_NUMBA and wanted != "plain":
        from llvmlite import binding

        features: dict[str, Any] = binding.get_host_cpu_features()
        if platform.machine() == "aarch64" and not features:
            features = _linux_features()
        had = instructions(features)
    for way, instruction in had.items():
        if wanted in (None, way):
            product = with_instruction(instruction)
            if self_test(product):
                return way, product
    if wanted in (None, "plain"):
        return "plain", plain
    raise EngineError(
        f"products by {wanted!r} cannot be had",
        "this processor, or Numba, lacks the instruction, or it failed its self-test",
        "unset LMZIP_PRODUCTS, so that lmzip picks a way that is exact here",
    )


def _linux_features() -> dict[str, bool]:
    """What /proc/cpuinfo says, where LLVM names no features of an Arm processor."""
    try:
        with open("/proc/cpuinfo") as file:
            return {"dotprod": "asimddp" in file.read().split()}
    except OSError:
        return {}


WAY, product = choose(os.environ.get("LMZIP_PRODUCTS") or None)
"""What this process multiplies with."""
