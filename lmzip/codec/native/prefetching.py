"""The intrinsic `prefetch`. Only imported where Numba is."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """LLVM's `llvm.prefetch`: nothing where the processor has no such instruction."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(cgutils.gep(builder, data, arguments[1]), cgutils.voidptr_t)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        called = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
        read, often, data_cache = number(0), number(3), number(1)
        builder.call(called, [place, read, often, data_cache])
        return context.get_dummy_value()

    return types.none(array, types.intp), generate
