"""What frozen codecs need to run on processors and with libraries that came after them.

Their files are never changed. What takes the place of one of their functions here computes the
same.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

RAISED_TOO_LATE = (1, 2)
"""Generations with products that LLVM 22 never gets done with, for processors that shuffle the
bytes of 512 bits (AVX-512 VBMI): they raise codes after these were repeated."""


def mend(products: Any) -> None:
    """Let a frozen codec's module of products raise codes before they are repeated."""
    products.raise_codes = RaisedBefore(f"{products.__package__}.vectors")


class RaisedBefore:
    """Stands in a kernel's source for `raise_codes` as it was mended."""

    def __init__(self, vectors: str) -> None:
        self.vectors = vectors

    @property
    def _numba_type_(self) -> Any:
        from numba.core.registry import cpu_target

        return cpu_target.typing_context.resolve_value_type(_raised_before(self.vectors))


@cache
def _raised_before(module: str) -> Any:
    from llvmlite import ir
    from numba.core import types
    from numba.core.registry import cpu_target
    from numba.extending import intrinsic

    vectors, int32 = import_module(module), ir.IntType(32)

    @intrinsic
    def raise_codes(typing: Any, array: Any, at: Any) -> Any:
        vectors.check(array, types.int8)

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            place = vectors.address(context, builder, signature.args[0], *arguments, int32)
            four = builder.load(place, align=1)
            if vectors.RAISES[vectors.way()]:
                four = builder.xor(four, int32(0x80808080))
            return vectors._repeat(builder, four)

        return vectors.codes(array, at), generate

    cpu_target.typing_context.refresh()  # it does not know yet what was just made
    return raise_codes
