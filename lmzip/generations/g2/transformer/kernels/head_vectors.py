"""Vectors of a head's channels in Numba, for all processors that have any; `heads.py` uses them.

Only imported where Numba is.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .arithmetic import LEVELS, SUMS, TINY
from .vectors import (
    address,
    call,
    check,
    join,
    larger,
    largest,
    splat,
)

_i8, _i32, _f32 = ir.IntType(8), ir.IntType(32), ir.FloatType()
HALF = 16
"""Half of the channels: float32 lanes of a vector."""


@intrinsic
def turn_codes_of_32(typing: Any, x: Any, turns: Any, codes: Any) -> Any:
    """`heads.plain_turn` of 32 channels: every operation is rounded on its own, as there."""
    check(x, types.float32)
    check(turns, types.float32)
    check(codes, types.int8)
    half = ir.VectorType(_f32, HALF)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        def load(argument: int, part: int) -> Any:
            kind, array = signature.args[argument], arguments[argument]
            place = address(context, builder, kind, array, _i32(HALF * part), half)
            return builder.load(place, align=4)

        a, b, cosines, sines = load(0, 0), load(0, 1), load(1, 0), load(1, 1)
        low = builder.fsub(builder.fmul(a, cosines), builder.fmul(b, sines))
        high = builder.fadd(builder.fmul(b, cosines), builder.fmul(a, sines))
        sizes = [call(builder, f"llvm.fabs.v{HALF}f32", half, part) for part in (low, high)]
        top = largest(builder, larger(builder, *sizes))
        tiny, levels = ir.Constant(_f32, float(TINY)), ir.Constant(_f32, float(LEVELS))
        top = larger(builder, top, tiny)
        rate = splat(builder, builder.fdiv(levels, top), half)
        result = []
        for part in (low, high):
            code = call(builder, f"llvm.rint.v{HALF}f32", half, builder.fmul(part, rate))
            wide = builder.fptosi(code, ir.VectorType(_i32, HALF))
            result.append(builder.trunc(wide, ir.VectorType(_i8, HALF)))
        vector = join(builder, result)
        place = address(context, builder, signature.args[2], arguments[2], _i32(0), vector.type)
        builder.store(vector, place, align=1)
        return builder.fdiv(top, levels)

    return types.float32(x, turns, codes), generate


@intrinsic
def place_value_of_32(typing: Any, x: Any, part: Any, values: Any) -> Any:
    """`heads.plain_place` of 32 channels, on a processor whose first byte is the lowest."""
    check(x, types.float32)
    check(values, types.int8)
    floats, words = ir.VectorType(_f32, 2 * HALF), ir.VectorType(_i32, 2 * HALF)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        x, part, values = arguments

        def all_of(value: float) -> Any:
            return ir.Constant(floats, [value] * (2 * HALF))

        place = address(context, builder, signature.args[0], x, _i32(0), floats)
        code = builder.fmul(builder.load(place, align=4), all_of(8.0))
        code = call(builder, f"llvm.rint.v{2 * HALF}f32", floats, code)
        most, least = all_of(float(LEVELS)), all_of(-float(LEVELS))
        code = builder.select(builder.fcmp_ordered("<", code, most), code, most)
        code = builder.fptosi(larger(builder, code, least), words)
        shift = builder.mul(builder.trunc(part, _i32), _i32(8))
        shift, byte = splat(builder, shift, words), ir.Constant(words, [255] * (2 * HALF))
        code = builder.shl(builder.and_(code, byte), shift)
        place = address(context, builder, signature.args[2], values, _i32(0), words)
        others = builder.and_(builder.load(place, align=1), builder.not_(builder.shl(byte, shift)))
        builder.store(builder.or_(others, code), place, align=1)
        return context.get_dummy_value()

    return types.void(x, types.intp, values), generate


@intrinsic
def store_scores(
    typing: Any, scores: Any, at: Any, vector: Any, q_scale: Any, k_scale: Any, first: Any
) -> Any:
    """Write sixteen sums, times the scale of a query and those of keys (float32 from element
    `first`), to float32 scores from element `at` on."""
    check(scores, types.float32)
    check(k_scale, types.float32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        scores, at, vector, q_scale, k_scale, first = arguments
        floats = ir.VectorType(_f32, SUMS)
        place = address(context, builder, signature.args[4], k_scale, first, floats)
        # One rounding after the other, as in `heads.plain_scores`.
        y = builder.fmul(builder.sitofp(vector, floats), splat(builder, q_scale, floats))
        y = builder.fmul(y, builder.load(place, align=4))
        out = address(context, builder, signature.args[0], scores, at, floats)
        builder.store(y, out, align=4)
        return context.get_dummy_value()

    return types.void(scores, at, vector, types.float32, k_scale, first), generate
