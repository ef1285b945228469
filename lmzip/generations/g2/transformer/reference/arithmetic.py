"""Arithmetic that gives the same bits everywhere: quantise, multiply integers, scale.

A float32 operation is correctly rounded by IEEE 754, and so the same everywhere, when it
stands alone: + - * and tensor / tensor, one operation per kernel. Sums and products are the
same everywhere, in whatever order they are taken, when every partial sum is an integer that
the type holds exactly. Everything in this package is made of these two kinds of operation
(docs/FORMAT.md, "Exact arithmetic").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import perf_counter

import torch
from torch import Tensor

from lmzip.interface import EngineError

LEVELS = 127
"""Quantised values lie in [-127, 127]."""

FLOAT32_EXACT_TERMS = (1 << 24) // (LEVELS * LEVELS)
"""Products of two quantised values that float32 sums exactly: 1040."""

TINY = 1e-30
"""Stands in for the scale of a vector of zeros."""


def constant(value: float) -> Tensor:
    """A float32 scalar tensor: dividing by or into a tensor is correctly rounded on a GPU too."""
    return torch.tensor(value, dtype=torch.float32)


_LEVELS = constant(LEVELS)
_TINY = constant(TINY)


def quantise(x: Tensor, dim: int = -1, levels: Tensor = _LEVELS) -> tuple[Tensor, Tensor, Tensor]:
    """Integers along `dim` and how to scale them: x is about `codes * scale`.

    Returns codes (float32 integers in [-levels, levels], shape of x), scale = max|x| / levels,
    and rate = levels / max|x| (both with `dim` of size 1).
    """
    peak = x.abs().amax(dim, keepdim=True)
    peak = torch.maximum(peak, _TINY.to(x.device))
    rate = levels.to(x.device) / peak
    scale = peak / levels.to(x.device)
    return (x * rate).round(), scale, rate


@dataclass(frozen=True)
class Products:
    """One way to multiply quantised matrices. All ways give the same bits."""

    name: str
    operand: Callable[[Tensor], Tensor]
    """Casts codes (float32 integers in [-127, 127]) to what `product` takes."""
    product: Callable[[Tensor, Tensor], Tensor]
    """a [M, K], b [N, K] -> a b^T, the exact sums rounded once to float32 [M, N]."""


def _int8_product(a: Tensor, b: Tensor) -> Tensor:
    return torch._int_mm(a, b.t()).float()


def _float32_product(a: Tensor, b: Tensor) -> Tensor:
    terms = a.shape[1]
    if terms <= FLOAT32_EXACT_TERMS:
        return torch.mm(a, b.t())
    total = torch.zeros(a.shape[0], b.shape[0], dtype=torch.float64, device=a.device)
    for start in range(0, terms, FLOAT32_EXACT_TERMS):
        stop = start + FLOAT32_EXACT_TERMS
        total += torch.mm(a[:, start:stop], b[:, start:stop].t()).double()
    return total.float()


PRODUCTS = {
    "int8": Products("int8", lambda codes: codes.to(torch.int8), _int8_product),
    "float32": Products("float32", lambda codes: codes, _float32_product),
}


def self_test(products: Products, device: str = "cpu") -> bool:
    """Whether the products are exact on their worst cases: all operands +-127, long and short sums.

    int8 products saturate on CPUs without VNNI; they fail here and are not used.
    """
    generator = torch.Generator().manual_seed(1)
    for rows, terms, columns in ((1, 64, 8), (24, 128, 384), (8, 512, 128), (40, 2048, 16)):
        for sign in (1, -1):
            a = torch.full((rows, terms), LEVELS, dtype=torch.int64)
            b = torch.full((columns, terms), LEVELS * sign, dtype=torch.int64)
            a[rows // 2 :] *= torch.randint(0, 2, (terms,), generator=generator) * 2 - 1
            try:
                left = products.operand(a.float().to(device))
                got = products.product(left, products.operand(b.float().to(device)))
            except RuntimeError:
                return False
            want = (a.double() @ b.double().t()).float()
            if not torch.equal(got.cpu(), want):
                return False
    return True


def _seconds(products: Products) -> float:
    a = products.operand(torch.ones(256, 256))
    b = products.operand(torch.ones(512, 256))
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        products.product(a, b)
        best = min(best, perf_counter() - start)
    return best


@cache
def choose_products(name: str | None = None) -> Products:
    """The named products, or the fastest that pass the self-test.

    Raises EngineError if they are not exact on this machine.
    """
    if name is not None:
        if not self_test(PRODUCTS[name]):
            raise EngineError(
                f"engine {name!r} is not exact on this machine",
                "its products of worst-case operands came out wrong",
                "unset LMZIP_ENGINE, so that lmzip picks an engine that is",
            )
        return PRODUCTS[name]
    trusted = [products for products in PRODUCTS.values() if self_test(products)]
    if not trusted:
        raise EngineError(
            "no engine computes exactly on this machine",
            "every one failed its self-test",
            "please report this with the CPU's name and the output of `lmzip --version`",
        )
    return min(trusted, key=_seconds)
