"""Vectors of codes and of their sums in Numba, and the instruction that multiplies them.

A vector is 64 codes (int8), or the 16 int32 sums that they add up to, four codes to a sum: one
register of AVX-512, two of AVX2, four of NEON; LLVM splits what a processor does not have whole.
`dot` is what processors differ in; all ways give the same integers, whatever the operands:

| way | instruction | why it is exact for codes in [-127, 127] |
|---|---|---|
| vnni | `vpdpbusd`, unsigned by signed | |a| and b turned like a, see below; sums in 32 bits |
| avx2 | `vpmaddubsw`, `vpmaddwd` | the same; 2 * 127 * 128 < 2^15, so nothing saturates |
| dot | `sdot` (Armv8.2) | signed by signed; sums in 32 bits |

Where a is negative, all bits of b are turned: that is -b - 1, and so the sums begin with those |a|
(`begin_sums`). It costs less than -b, and nothing for an a that is never negative (`dot_raised`),
but is still half of the work. With a matrix, whose codes lie in [-60, 60], a is raised by 128
instead, and the sums begin with -128 times those of the matrix's codes: 2 * 255 * 60 < 2^15.

Of coarse codes, in [-15, 15], four such pairs still fit: 8 * 255 * 15 < 2^15. AVX2 adds them up
in 16 bits before it widens their sum.

Only imported where Numba is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, errors, types
from numba.extending import intrinsic, models, register_model

from ...processor import way
from .arithmetic import SUMS

CODES = 64
"""int8 lanes of a vector of codes."""

_i8, _i16, _i32 = ir.IntType(8), ir.IntType(16), ir.IntType(32)


class Vector(types.Type):
    """A vector as a value in compiled code: it lives in registers."""

    def __init__(self, element: ir.Type, lanes: int) -> None:
        self.llvm = ir.VectorType(element, lanes)
        super().__init__(f"Vector({element} x {lanes})")


sums, codes = Vector(_i32, SUMS), Vector(_i8, CODES)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


def address(context: Any, builder: ir.IRBuilder, kind: Any, array: Any, at: Any, to: Any) -> Any:
    """Pointer to element `at` of a contiguous array, counted through all its dimensions."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(cgutils.gep(builder, data, at), to.as_pointer())


def check(array: Any, dtype: Any) -> None:
    if not isinstance(array, types.Array) or array.layout != "C" or array.dtype != dtype:
        raise errors.TypingError(f"needs a contiguous array of {dtype}, not {array}")


def splat(builder: ir.IRBuilder, value: Any, kind: ir.Type = sums.llvm) -> Any:
    """A vector of one value."""
    wide = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _i32(0))
    first = ir.Constant(ir.VectorType(_i32, kind.count), [0] * kind.count)
    return builder.shuffle_vector(wide, wide, first)


def _repeat(builder: ir.IRBuilder, four: Any) -> Any:
    """Four codes, an int32, sixteen times."""
    return builder.bitcast(splat(builder, four), codes.llvm)


@intrinsic
def no_sums(typing: Any) -> Any:
    """Sixteen zeros."""
    return sums(), lambda context, builder, signature, arguments: ir.Constant(sums.llvm, [0] * SUMS)


@intrinsic
def begin_sums(typing: Any, value: Any) -> Any:
    """What sixteen sums by `dot` begin with: value, the sum of |a| where a < 0, or zeros."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        if not RAISES[way()]:
            return ir.Constant(sums.llvm, [0] * SUMS)
        return splat(builder, arguments[0])

    return sums(types.int32), generate


@intrinsic
def load_codes(typing: Any, array: Any, at: Any) -> Any:
    """64 codes from element `at` of an int8 array."""
    check(array, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = address(context, builder, signature.args[0], *arguments, codes.llvm)
        return builder.load(place, align=1)

    return codes(array, at), generate


@intrinsic
def repeat_codes(typing: Any, array: Any, at: Any) -> Any:
    """Four codes from element `at` of an int8 array, sixteen times."""
    check(array, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = address(context, builder, signature.args[0], *arguments, _i32)
        return _repeat(builder, builder.load(place, align=1))

    return codes(array, at), generate


@intrinsic
def raise_codes(typing: Any, array: Any, at: Any) -> Any:
    """`repeat_codes`, each code + 128 without a sign where the instruction wants one without."""
    check(array, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = address(context, builder, signature.args[0], *arguments, _i32)
        four = builder.load(place, align=1)
        if RAISES[way()]:
            # Before they are repeated: of 64 codes turned after that LLVM 22 makes a shuffle that
            # it never gets done with, for processors that shuffle the bytes of 512 bits (VBMI).
            four = builder.xor(four, _i32(0x80808080))
        return _repeat(builder, four)

    return codes(array, at), generate


@intrinsic
def first_sums(typing: Any, array: Any, at: Any) -> Any:
    """What sums of products with raised codes begin with: int32 from element `at`, or zeros."""
    check(array, types.int32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        if not RAISES[way()]:
            return ir.Constant(sums.llvm, [0] * SUMS)
        place = address(context, builder, signature.args[0], *arguments, sums.llvm)
        return builder.load(place, align=4)

    return sums(array, at), generate


@intrinsic
def load_sums(typing: Any, array: Any, at: Any) -> Any:
    """Sixteen sums from element `at` of an int32 array."""
    check(array, types.int32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = address(context, builder, signature.args[0], *arguments, sums.llvm)
        return builder.load(place, align=4)

    return sums(array, at), generate


@intrinsic
def store_sums(typing: Any, array: Any, at: Any, vector: Any) -> Any:
    """Write sixteen sums to an int32 array from element `at` on."""
    check(array, types.int32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = address(context, builder, signature.args[0], *arguments[:2], sums.llvm)
        builder.store(arguments[2], place, align=4)
        return context.get_dummy_value()

    return types.void(array, at, vector), generate


@intrinsic
def repeat_sum(typing: Any, array: Any, at: Any) -> Any:
    """Element `at` of an int32 array, sixteen times."""
    check(array, types.int32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = address(context, builder, signature.args[0], *arguments, _i32)
        return splat(builder, builder.load(place, align=4))

    return sums(array, at), generate


@intrinsic
def pack_codes(typing: Any, rows: Any, at: Any, length: Any, packed: Any, to: Any) -> Any:
    """Sixteen codes of each of four rows of some length, the first from element `at` on, to element
    `to` of `packed`: first codes first."""
    check(rows, types.int8)
    check(packed, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        rows, at, length, packed, to = arguments
        part, place, four = ir.VectorType(_i8, SUMS), at, []
        for _ in range(4):
            source = address(context, builder, signature.args[0], rows, place, part)
            four.append(builder.load(source, align=1))
            place = builder.add(place, length)
        pairs = [_alternate(builder, *four[:2]), _alternate(builder, *four[2:])]
        wide = ir.VectorType(_i16, SUMS)
        vector = _alternate(builder, *(builder.bitcast(pair, wide) for pair in pairs))
        target = address(context, builder, signature.args[3], packed, to, codes.llvm)
        builder.store(builder.bitcast(vector, codes.llvm), target, align=1)
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp, packed, types.intp), generate


def _alternate(builder: ir.IRBuilder, a: Any, b: Any) -> Any:
    """Elements of two vectors by turns."""
    size = a.type.count
    index = [i // 2 + size * (i % 2) for i in range(2 * size)]
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_i32, 2 * size), index))


@intrinsic
def turn_codes(typing: Any, vector: Any, mask: Any) -> Any:
    """All bits turned of the codes at which a mask is -1, where it is 0 none."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.xor(*arguments)

    return codes(vector, mask), generate


def call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: Any) -> Any:
    module = builder.module
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(module.globals.get(name) or ir.Function(module, kind, name), arguments)


def cut(builder: ir.IRBuilder, vector: Any, parts: int) -> list[Any]:
    size = vector.type.count // parts
    lanes = [range(part * size, (part + 1) * size) for part in range(parts)]
    index = [ir.Constant(ir.VectorType(_i32, size), list(part)) for part in lanes]
    return [builder.shuffle_vector(vector, vector, part) for part in index]


def join(builder: ir.IRBuilder, parts: list[Any]) -> Any:
    while len(parts) > 1:
        size = 2 * parts[0].type.count
        index = ir.Constant(ir.VectorType(_i32, size), list(range(size)))
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [builder.shuffle_vector(low, high, index) for low, high in pairs]
    return parts[0]


def larger(builder: ir.IRBuilder, a: Any, b: Any) -> Any:
    """The larger of two floats, or of each two; none is NaN."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def largest(builder: ir.IRBuilder, vector: Any) -> Any:
    """The largest of a vector of floats."""
    while vector.type.count > 1:
        vector = larger(builder, *cut(builder, vector, 2))
    return builder.extract_element(vector, _i32(0))


def _magnitude(builder: ir.IRBuilder, vector: Any) -> Any:
    name = f"llvm.abs.v{vector.type.count}i8"
    return call(builder, name, vector.type, vector, ir.Constant(ir.IntType(1), 0))


def _turned_like(builder: ir.IRBuilder, b: Any, a: Any) -> Any:
    """b where a is not negative, -b - 1 where it is: every bit turned."""
    negative = builder.icmp_signed("<", a, ir.Constant(a.type, None))
    return builder.xor(b, builder.sext(negative, b.type))


def _vnni(bits: int) -> Callable[..., Any]:
    def add(builder: ir.IRBuilder, total: Any, a: Any, b: Any) -> Any:
        if binding.llvm_version_info[0] < 22:  # the operands were declared as int32 before
            a, b = builder.bitcast(a, total.type), builder.bitcast(b, total.type)
        return call(builder, f"llvm.x86.avx512.vpdpbusd.{bits}", total.type, total, a, b)

    return add


def _pairs(builder: ir.IRBuilder, a: Any, b: Any) -> Any:
    return call(builder, "llvm.x86.avx2.pmadd.ub.sw", ir.VectorType(_i16, 16), a, b)


def _add_pairs(builder: ir.IRBuilder, total: Any, twos: Any) -> Any:
    ones = ir.Constant(twos.type, [1] * 16)
    return builder.add(total, call(builder, "llvm.x86.avx2.pmadd.wd", total.type, twos, ones))


def _avx2(builder: ir.IRBuilder, total: Any, a: Any, b: Any) -> Any:
    return _add_pairs(builder, total, _pairs(builder, a, b))


def _sdot(builder: ir.IRBuilder, total: Any, a: Any, b: Any) -> Any:
    return call(builder, "llvm.aarch64.neon.sdot.v4i32.v16i8", total.type, total, a, b)


INSTRUCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "vnni512": (1, _vnni(512)),
    "vnni": (2, _vnni(256)),
    "avx2": (2, _avx2),
    "dot": (4, _sdot),
}
"""Way -> registers that a vector takes, and what adds a product of two of them."""
RAISES = {"vnni512": True, "vnni": True, "avx2": True, "dot": False}
"""Way -> whether its instruction takes the first operand without a sign."""


def multiply(
    builder: ir.IRBuilder, name: str, total: Any, a: Any, b: Any, raised: bool = False
) -> Any:
    """total + the sums of four products of codes each, in whole vectors; raised: those of a have no
    sign."""
    parts, add = INSTRUCTIONS[name]
    result = []
    for part, x, y in zip(*(cut(builder, v, parts) for v in (total, a, b)), strict=True):
        if RAISES[name] and not raised:
            y = _turned_like(builder, y, x)
            x = _magnitude(builder, x)
        result.append(add(builder, part, x, y))
    return join(builder, result)


@intrinsic
def dot(typing: Any, total: Any, a: Any, b: Any) -> Any:
    """total + the sums of four products of codes each, by this processor's instruction."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return multiply(builder, way(), *arguments)

    return sums(total, a, b), generate


@intrinsic
def dot_raised(typing: Any, total: Any, a: Any, b: Any) -> Any:
    """`dot`, of codes a that need no sign: from `raise_codes`, or none of them negative."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return multiply(builder, way(), *arguments, raised=True)

    return sums(total, a, b), generate


def multiply_coarse(
    builder: ir.IRBuilder, name: str, total: Any, a: Sequence[Any], b: Sequence[Any]
) -> Any:
    """total + the sums of sixteen products each: of four vectors without a sign and four of
    coarse codes."""
    if name != "avx2":
        for x, y in zip(a, b, strict=True):
            total = multiply(builder, name, total, x, y, raised=True)
        return total
    result = []
    for parts in zip(*(cut(builder, v, 2) for v in (total, *a, *b)), strict=True):
        pairs = [_pairs(builder, x, y) for x, y in zip(parts[1:5], parts[5:], strict=True)]
        twos = builder.add(builder.add(builder.add(pairs[0], pairs[1]), pairs[2]), pairs[3])
        result.append(_add_pairs(builder, parts[0], twos))
    return join(builder, result)


def _dot_of_sixteen(vector: Any, array: Any, at: Any, coarse: bool) -> Any:
    """What types `dot_coarse` or `dot_fine`, and generates it."""
    check(array, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        first = address(context, builder, signature.args[5], *arguments[5:], codes.llvm)
        b = [builder.load(builder.gep(first, [_i32(i)]), align=1) for i in range(4)]
        total, a = arguments[0], arguments[1:5]
        if coarse:
            return multiply_coarse(builder, way(), total, a, b)
        for x, y in zip(a, b, strict=True):
            total = multiply(builder, way(), total, x, y, raised=True)
        return total

    return sums(sums, *[vector] * 4, array, at), generate


@intrinsic
def dot_coarse(
    typing: Any, total: Any, a0: Any, a1: Any, a2: Any, a3: Any, array: Any, at: Any
) -> Any:
    """Four times `dot_raised`, with the 256 coarse codes from element `at` of an int8 array."""
    return _dot_of_sixteen(a0, array, at, coarse=True)


@intrinsic
def dot_fine(
    typing: Any, total: Any, a0: Any, a1: Any, a2: Any, a3: Any, array: Any, at: Any
) -> Any:
    """Four times `dot_raised`, with the 256 codes from element `at` of an int8 array."""
    return _dot_of_sixteen(a0, array, at, coarse=False)
