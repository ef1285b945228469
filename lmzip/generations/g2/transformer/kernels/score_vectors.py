"""Vectors of scores and of attention weights in Numba, for x86 with AVX2; `attention.py` uses them.

Only imported where Numba is.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .arithmetic import STEPS
from .vectors import (
    Vector,
    address,
    call,
    check,
    cut,
    larger,
    largest,
)

_i8, _i16, _i32, _f32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.FloatType()
AT_ONCE = 32
totals, tops = Vector(_i32, 8), Vector(_f32, AT_ONCE)


@intrinsic
def no_totals(typing: Any) -> Any:
    """Eight zeros."""
    return totals(), lambda context, builder, signature, arguments: ir.Constant(
        totals.llvm, [0] * 8
    )


@intrinsic
def first_tops(typing: Any, scores: Any) -> Any:
    """The first 32 scores, of an array of float32."""
    check(scores, types.float32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = address(context, builder, signature.args[0], arguments[0], _i32(0), tops.llvm)
        return builder.load(place, align=4)

    return tops(scores), generate


@intrinsic
def raise_tops(typing: Any, top: Any, scores: Any, at: Any) -> Any:
    """The larger of each of 32 and of the scores from element `at`."""
    check(scores, types.float32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = address(context, builder, signature.args[1], *arguments[1:], tops.llvm)
        return larger(builder, arguments[0], builder.load(place, align=4))

    return tops(top, scores, at), generate


@intrinsic
def largest_of(typing: Any, top: Any) -> Any:
    """The largest of 32, none of them NaN."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return largest(builder, arguments[0])

    return types.float32(top), generate


@intrinsic
def weigh(typing: Any, total: Any, scores: Any, top: Any, weights: Any, at: Any) -> Any:
    """Fill weights (int8) with those of 32 scores (float32) from element `at` of both arrays, and
    add them to the totals; see `attention.py`. By AVX2."""
    check(scores, types.float32)
    check(weights, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        total, scores, top, weights, at = arguments
        x = address(context, builder, signature.args[1], scores, at, ir.VectorType(_f32, 32))
        out = address(context, builder, signature.args[3], weights, at, ir.VectorType(_i8, 32))
        result = attention_weights(builder, builder.load(x, align=4), top)
        builder.store(result, out, align=1)
        four = ir.VectorType(ir.IntType(64), 4)
        added = call(builder, "llvm.x86.avx2.psad.bw", four, result, ir.Constant(result.type, None))
        return builder.add(total, builder.bitcast(added, totals.llvm))

    return totals(total, scores, top, weights, at), generate


def attention_weights(builder: ir.IRBuilder, scores: Any, top: Any) -> Any:
    """Weights (32 int8) of 32 scores.

    In 16 bits, where `attention.plain_weights` has 32: its rounded shift of a share to the right by
    7 + high is that of 2 * share * (128 >> high) by 15, for which there is an instruction; all
    weights whose high is 8 or more are 0.
    """

    def all_of(kind: ir.Type, value: Any) -> Any:
        return ir.Constant(kind, [value] * kind.count)

    eight, sixteen, bytes_ = ir.VectorType(_f32, 8), ir.VectorType(_i16, 16), ir.VectorType(_i8, 32)
    wide = builder.insert_element(ir.Constant(eight, ir.Undefined), top, _i32(0))
    wide = builder.shuffle_vector(wide, wide, all_of(totals.llvm, 0))
    codes = []
    for part in cut(builder, scores, 4):
        far = builder.fmul(builder.fsub(wide, part), all_of(eight, float(STEPS)))
        far = call(builder, "llvm.rint.v8f32", eight, far)
        most = all_of(eight, 255.0)
        far = builder.select(builder.fcmp_ordered("<", far, most), far, most)
        codes.append(builder.fptosi(far, totals.llvm))
    shifts = [128 >> high for high in range(16)] * 2
    weights = []
    for low, high in (codes[:2], codes[2:]):
        code = call(builder, "llvm.x86.avx2.packssdw", sixteen, low, high)
        low = builder.and_(code, all_of(sixteen, 15))
        drop = builder.sub(all_of(sixteen, 1368), builder.mul(low, all_of(sixteen, 22)))
        share = builder.sub(all_of(sixteen, 32512), builder.mul(drop, low))
        # A byte for which no entry is asked becomes 0.
        high = builder.or_(builder.lshr(code, all_of(sixteen, 4)), all_of(sixteen, 0x8000))
        table = ir.Constant(bytes_, shifts)
        shift = call(builder, "llvm.x86.avx2.pshuf.b", bytes_, table, builder.bitcast(high, bytes_))
        shift = builder.bitcast(shift, sixteen)
        weights.append(call(builder, "llvm.x86.avx2.pmul.hr.sw", sixteen, share, shift))
    packed = call(builder, "llvm.x86.avx2.packsswb", bytes_, *weights)
    # Packing went by halves of registers.
    order = ir.Constant(totals.llvm, [0, 4, 1, 5, 2, 6, 3, 7])
    fours = builder.bitcast(packed, totals.llvm)
    return builder.bitcast(builder.shuffle_vector(fours, fours, order), bytes_)


@intrinsic
def total_of(typing: Any, total: Any) -> Any:
    """The sum of the totals, int32."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return call(builder, "llvm.vector.reduce.add.v8i32", _i32, arguments[0])

    return types.int32(total), generate
