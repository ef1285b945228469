"""Vectors of codes and of their sums in Numba, and the instruction that multiplies them.

A vector is 64 codes (int8), or the 16 int32 sums that they add up to, four codes to a sum: one
register of AVX-512, two of AVX2, four of NEON; LLVM splits what a processor does not have whole.
`dot` is what processors differ in; all ways give the same integers, whatever the operands:

| way | instruction | why it is exact for codes in [-127, 127] |
|---|---|---|
| vnni | `vpdpbusd`, unsigned by signed | |a| and b with the sign of a; sums in 32 bits |
| avx2 | `vpmaddubsw`, `vpmaddwd` | the same; 2 * 127^2 < 2^15, so nothing saturates |
| dot | `sdot` (Armv8.2) | signed by signed; sums in 32 bits |

Moving the sign is half of the work. With a matrix, whose codes lie in [-60, 60], a is raised by 128
instead, and the sums begin with -128 times those of the matrix's codes: 2 * 255 * 60 < 2^15.

Only imported where Numba is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, errors, types
from numba.extending import intrinsic, models, register_model

from lmzip.codec.processor import way
from lmzip.codec.transformer.kernels.arithmetic import SUMS

CODES = 64
"""int8 lanes of a vector of codes."""

_i8, _i16, _i32 = ir.IntType(8), ir.IntType(16), ir.IntType(32)


class Vector(types.Type):
    """A vector as a value in compiled code: it lives in registers."""

    def __init__(self, bits: int, lanes: int) -> None:
        self.llvm = ir.VectorType(ir.IntType(bits), lanes)
        super().__init__(f"Vector(int{bits} x {lanes})")


sums, codes = Vector(32, SUMS), Vector(8, CODES)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


def _address(context: Any, builder: ir.IRBuilder, kind: Any, array: Any, at: Any, to: Any) -> Any:
    """Pointer to element `at` of a contiguous array, counted through all its dimensions."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(cgutils.gep(builder, data, at), to.as_pointer())


def _check(array: Any, dtype: Any) -> None:
    if not isinstance(array, types.Array) or array.layout != "C" or array.dtype != dtype:
        raise errors.TypingError(f"needs a contiguous array of {dtype}, not {array}")


def _repeat(builder: ir.IRBuilder, four: Any) -> Any:
    """Four codes, an int32, sixteen times."""
    wide = builder.insert_element(ir.Constant(sums.llvm, ir.Undefined), four, _i32(0))
    first = ir.Constant(ir.VectorType(_i32, SUMS), [0] * SUMS)
    return builder.bitcast(builder.shuffle_vector(wide, wide, first), codes.llvm)


@intrinsic
def no_sums(typing: Any) -> Any:
    """Sixteen zeros."""
    return sums(), lambda context, builder, signature, arguments: ir.Constant(sums.llvm, [0] * SUMS)


@intrinsic
def load_codes(typing: Any, array: Any, at: Any) -> Any:
    """64 codes from element `at` of an int8 array."""
    _check(array, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], *arguments, codes.llvm)
        return builder.load(place, align=1)

    return codes(array, at), generate


@intrinsic
def repeat_codes(typing: Any, array: Any, at: Any) -> Any:
    """Four codes from element `at` of an int8 array, sixteen times."""
    _check(array, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], *arguments, _i32)
        return _repeat(builder, builder.load(place, align=1))

    return codes(array, at), generate


@intrinsic
def raise_codes(typing: Any, array: Any, at: Any) -> Any:
    """`repeat_codes`, each code + 128 without a sign where the instruction wants one without."""
    _check(array, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], *arguments, _i32)
        four = builder.load(place, align=1)
        if RAISES[way()]:
            four = builder.xor(four, ir.Constant(_i32, 0x80808080))
        return _repeat(builder, four)

    return codes(array, at), generate


@intrinsic
def first_sums(typing: Any, array: Any, at: Any) -> Any:
    """What sums of products with raised codes begin with: int32 from element `at`, or zeros."""
    _check(array, types.int32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        if not RAISES[way()]:
            return ir.Constant(sums.llvm, [0] * SUMS)
        place = _address(context, builder, signature.args[0], *arguments, sums.llvm)
        return builder.load(place, align=4)

    return sums(array, at), generate


@intrinsic
def store_sums(typing: Any, array: Any, at: Any, vector: Any) -> Any:
    """Write sixteen sums to an int32 array from element `at` on."""
    _check(array, types.int32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], *arguments[:2], sums.llvm)
        builder.store(arguments[2], place, align=4)
        return context.get_dummy_value()

    return types.void(array, at, vector), generate


@intrinsic
def repeat_sum(typing: Any, array: Any, at: Any) -> Any:
    """Element `at` of an int32 array, sixteen times."""
    _check(array, types.int32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], *arguments, _i32)
        return builder.bitcast(_repeat(builder, builder.load(place, align=4)), sums.llvm)

    return sums(array, at), generate


@intrinsic
def pack_codes(typing: Any, rows: Any, at: Any, length: Any, packed: Any, to: Any) -> Any:
    """Sixteen codes of each of four rows of some length, the first from element `at` on, to element
    `to` of `packed`: first codes first."""
    _check(rows, types.int8)
    _check(packed, types.int8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        rows, at, length, packed, to = arguments
        part, place, four = ir.VectorType(_i8, SUMS), at, []
        for _ in range(4):
            address = _address(context, builder, signature.args[0], rows, place, part)
            four.append(builder.load(address, align=1))
            place = builder.add(place, length)
        pairs = [_alternate(builder, *four[:2]), _alternate(builder, *four[2:])]
        wide = ir.VectorType(_i16, SUMS)
        vector = _alternate(builder, *(builder.bitcast(pair, wide) for pair in pairs))
        address = _address(context, builder, signature.args[3], packed, to, codes.llvm)
        builder.store(builder.bitcast(vector, codes.llvm), address, align=1)
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


def _call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: Any) -> Any:
    module = builder.module
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(module.globals.get(name) or ir.Function(module, kind, name), arguments)


def _cut(builder: ir.IRBuilder, vector: Any, parts: int) -> list[Any]:
    size = vector.type.count // parts
    lanes = [range(part * size, (part + 1) * size) for part in range(parts)]
    index = [ir.Constant(ir.VectorType(_i32, size), list(part)) for part in lanes]
    return [builder.shuffle_vector(vector, vector, part) for part in index]


def _join(builder: ir.IRBuilder, parts: list[Any]) -> Any:
    while len(parts) > 1:
        size = 2 * parts[0].type.count
        index = ir.Constant(ir.VectorType(_i32, size), list(range(size)))
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [builder.shuffle_vector(low, high, index) for low, high in pairs]
    return parts[0]


def _magnitude(builder: ir.IRBuilder, vector: Any) -> Any:
    name = f"llvm.abs.v{vector.type.count}i8"
    return _call(builder, name, vector.type, vector, ir.Constant(ir.IntType(1), 0))


def _signed_like(builder: ir.IRBuilder, b: Any, a: Any) -> Any:
    """b where a is positive, -b where it is negative; anything where it is 0."""
    if b.type.count == 32:
        return _call(builder, "llvm.x86.avx2.psign.b", b.type, b, a)
    zero = ir.Constant(b.type, None)
    return builder.select(builder.icmp_signed("<", a, zero), builder.sub(zero, b), b)


def _vnni(bits: int) -> Callable[..., Any]:
    def add(builder: ir.IRBuilder, total: Any, a: Any, b: Any) -> Any:
        if binding.llvm_version_info[0] < 22:  # the operands were declared as int32 before
            a, b = builder.bitcast(a, total.type), builder.bitcast(b, total.type)
        return _call(builder, f"llvm.x86.avx512.vpdpbusd.{bits}", total.type, total, a, b)

    return add


def _avx2(builder: ir.IRBuilder, total: Any, a: Any, b: Any) -> Any:
    pairs, ones = ir.VectorType(_i16, 16), ir.Constant(ir.VectorType(_i16, 16), [1] * 16)
    twos = _call(builder, "llvm.x86.avx2.pmadd.ub.sw", pairs, a, b)
    return builder.add(total, _call(builder, "llvm.x86.avx2.pmadd.wd", total.type, twos, ones))


def _sdot(builder: ir.IRBuilder, total: Any, a: Any, b: Any) -> Any:
    return _call(builder, "llvm.aarch64.neon.sdot.v4i32.v16i8", total.type, total, a, b)


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
    """total + the sums of four products of codes each, in whole vectors; raised: those of a are."""
    parts, add = INSTRUCTIONS[name]
    result = []
    for part, x, y in zip(*(_cut(builder, v, parts) for v in (total, a, b)), strict=True):
        if RAISES[name] and not raised:
            y = _signed_like(builder, y, x)
            x = _magnitude(builder, x)
        result.append(add(builder, part, x, y))
    return _join(builder, result)


@intrinsic
def dot(typing: Any, total: Any, a: Any, b: Any) -> Any:
    """total + the sums of four products of codes each, by this processor's instruction."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return multiply(builder, way(), *arguments)

    return sums(total, a, b), generate


@intrinsic
def dot_raised(typing: Any, total: Any, a: Any, b: Any) -> Any:
    """`dot`, of codes from `raise_codes`."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return multiply(builder, way(), *arguments, raised=True)

    return sums(total, a, b), generate
