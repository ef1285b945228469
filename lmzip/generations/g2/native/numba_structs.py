"""What Numba has to know of a `Struct`: its type, and how to read a field."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
    type_callable,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import populate_array

from .structs import Struct, matrix

_types: dict[tuple[type, str], types.Type] = {}


class StructType(types.Type):
    """A struct whose fields have these types, in their order."""

    def __init__(self, struct: type, fields: tuple[types.Type, ...]) -> None:
        self.struct = struct
        self.fields = fields
        names = [field.name for field in dataclasses.fields(struct)]
        self.types = dict(zip(names, fields, strict=True))
        self.places = {}
        place = 0
        for name, field in self.types.items():
            self.places[name] = place
            place += word_count(field)
        self.size = place
        # Names of types become part of names of functions: a digest keeps them short.
        told = ", ".join(field.name for field in fields)
        super().__init__(f"{struct.__name__}_{hashlib.sha256(told.encode()).hexdigest()[:12]}")

    @property
    def key(self) -> Any:
        return self.struct, self.fields


def word_count(field: types.Type) -> int:
    """Words of a field."""
    if isinstance(field, types.Array):
        return 1 + 2 * field.ndim
    if isinstance(field, StructType):
        return field.size
    return sum(word_count(item) for item in field.types)


@typeof_impl.register(Struct)
def _struct_type(value: Struct, context: Any) -> StructType:
    key = type(value), value.kind
    if key not in _types:
        fields = (getattr(value, field.name) for field in dataclasses.fields(value))
        _types[key] = StructType(type(value), tuple(_field_type(field) for field in fields))
    return _types[key]


def _field_type(value: Any) -> types.Type:
    if isinstance(value, tuple):
        return types.BaseTuple.from_types([_field_type(item) for item in value])
    return typeof_impl(value, None)


@register_model(StructType)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: StructType) -> None:
        super().__init__(manager, kind, cgutils.intp_t.as_pointer())


@unbox(StructType)
def _unbox(kind: StructType, value: Any, c: Any) -> NativeValue:
    number = c.pyapi.object_getattr_string(value, "address")
    address = c.pyapi.long_as_voidptr(number)
    c.pyapi.decref(number)
    pointer = c.builder.bitcast(address, cgutils.intp_t.as_pointer())
    return NativeValue(pointer, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


@infer_getattr
class _Attributes(AttributeTemplate):
    key = StructType

    def generic_resolve(self, kind: StructType, name: str) -> types.Type | None:
        return kind.types.get(name)


@lower_getattr_generic(StructType)
def _getattr(context: Any, builder: Any, kind: StructType, words: ir.Value, name: str) -> ir.Value:
    return _read(context, builder, kind.types[name], words, kind.places[name])


def _read(context: Any, builder: Any, kind: types.Type, words: ir.Value, place: int) -> ir.Value:
    """The field that begins `place` words behind the pointer `words`."""

    def word(index: int) -> ir.Value:
        pointer = builder.gep(words, [ir.Constant(ir.IntType(32), place + index)], inbounds=True)
        value = builder.load(pointer)
        # Words never change: stores to the arrays need not make the compiler read them again.
        value.set_metadata("invariant.load", builder.module.add_metadata([]))
        return value

    if isinstance(kind, StructType):
        return builder.gep(words, [ir.Constant(ir.IntType(32), place)], inbounds=True)
    if isinstance(kind, types.BaseTuple):
        items = []
        for item in kind.types:
            items.append(_read(context, builder, item, words, place))
            place += word_count(item)
        return context.make_tuple(builder, kind, items)
    array = context.make_array(kind)(context, builder)
    ndim = kind.ndim
    item = context.get_data_type(kind.dtype)
    populate_array(
        array,
        data=builder.inttoptr(word(0), item.as_pointer()),
        shape=[word(1 + i) for i in range(ndim)],
        strides=[word(1 + ndim + i) for i in range(ndim)],
        itemsize=context.get_constant(types.intp, context.get_abi_sizeof(item)),
        meminfo=None,
    )
    return array._getvalue()


@type_callable(matrix)
def _type_matrix(context: Any) -> Any:
    def typer(flat: types.Type, rows: types.Type, columns: types.Type) -> types.Type | None:
        if isinstance(flat, types.Array) and flat.ndim == 1 and flat.layout == "C":
            return flat.copy(ndim=2)
        return None

    return typer


@lower_builtin(matrix, types.Array, types.Integer, types.Integer)
def _matrix(context: Any, builder: Any, signature: Any, arguments: Sequence[ir.Value]) -> ir.Value:
    # Not by `reshape`, which calls a function of Numba: machine code is to run without it.
    flat = context.make_array(signature.args[0])(context, builder, arguments[0])
    sides = zip(arguments[1:], signature.args[1:], strict=True)
    rows, columns = (context.cast(builder, side, kind, types.intp) for side, kind in sides)
    array = context.make_array(signature.return_type)(context, builder)
    populate_array(
        array,
        data=flat.data,
        shape=[rows, columns],
        strides=[builder.mul(columns, flat.itemsize), flat.itemsize],
        itemsize=flat.itemsize,
        meminfo=None,
    )
    return array._getvalue()


def compiled(dispatcher: Any, arguments: Sequence[Any], words: int) -> tuple[Any, str]:
    """Compile a function that returns nothing for arguments like these, which take so many words.

    Returns Numba's library, and the name of the function in it.
    """
    kinds = tuple(types.intp if isinstance(a, int) else typeof_impl(a, None) for a in arguments)
    dispatcher.compile(kinds)
    result = dispatcher.overloads[kinds]
    taken = result.target_context.get_arg_packer(kinds).argument_types
    if len(taken) != words or result.signature.return_type != types.none:
        raise RuntimeError(f"{dispatcher.__name__}: this Numba passes arguments in another way")
    return result.library, result.fndesc.llvm_func_name


def object_code(library: Any) -> tuple[bytes, list[str]]:
    """The object file of a library, and LLVM's names of the functions from outside it."""
    module = library._get_module_for_linking()
    declared = [f.name for f in module.functions if f.is_declaration]
    try:
        return library._get_compiled_object(), declared
    except RuntimeError:  # it was loaded, not compiled
        return library._codegen._tm.emit_object(module), declared
