"""Named arrays that compiled code takes as one pointer.

A kernel that takes a tuple of thirty arrays takes two hundred numbers, and every call of it, and
every caller's machine code, is made of these. A `Struct` lies in memory instead, as words: of each
array its address, shape and strides; of each struct within it, and of each tuple, its own words.
Python code, and kernels that run uncompiled, see a frozen dataclass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self


class Struct:
    """Base class of frozen dataclasses whose fields are arrays, structs, or tuples of arrays."""

    def _replace(self, **changes: Any) -> Self:
        """A struct with other values in some of its fields."""
        return dataclasses.replace(self, **changes)

    def __getstate__(self) -> dict[str, Any]:
        """The fields only: the words of a copy are not those of the original, whose arrays they
        lead to."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @cached_property
    def words(self) -> np.ndarray:
        """intp: what compiled code reads. It holds addresses: keep the struct alive meanwhile."""
        return np.fromiter(_words(self), dtype=np.intp)

    @cached_property
    def address(self) -> int:
        """Of the words."""
        return self.words.ctypes.data

    @cached_property
    def kind(self) -> str:
        """What machine code depends on: the class, and the kinds of the fields."""
        fields = (_kind(getattr(self, field.name)) for field in dataclasses.fields(self))
        return f"{type(self).__name__}({','.join(fields)})"


LINE = 64
"""Bytes of a cache line. A vector that lies across two of them takes twice as long to load."""


def zeros(shape: int | tuple[int, ...], dtype: type) -> np.ndarray:
    """Zeros that begin with a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    whole = np.zeros(size + LINE, dtype=np.uint8)
    start = -whole.ctypes.data % LINE
    return whole[start : start + size].view(dtype).reshape(shape)


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy that begins with a cache line."""
    copy = zeros(array.shape, array.dtype.type)
    copy[...] = array
    return copy


def matrix(flat: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The start of a flat scratch array as [rows, columns].

    Slices of wider arrays would be strided, and loops over those are not vectorised.
    """
    return flat[: rows * columns].reshape(rows, columns)


def array_kind(array: np.ndarray) -> str:
    """What machine code depends on of an array."""
    flags = array.flags
    order = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    return f"{array.dtype.str}{array.ndim}{order}{'' if flags.writeable else 'r'}"


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({','.join(map(_kind, value))})"
    return value.kind if isinstance(value, Struct) else array_kind(value)


def _words(value: Any) -> Iterator[int]:
    if isinstance(value, np.ndarray):
        yield from (value.ctypes.data, *value.shape, *value.strides)
    elif isinstance(value, tuple):
        for item in value:
            yield from _words(item)
    else:
        for field in dataclasses.fields(value):
            yield from _words(getattr(value, field.name))
