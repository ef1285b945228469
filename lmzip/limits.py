"""Where the system gives no more memory (`ulimit -v`): the error says how much a level needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from operator import itemgetter
from typing import Any, TypeVar

from lmzip.codec.levels import memory_bytes
from lmzip.errors import LimitError
from lmzip.interface import watched

Method = TypeVar("Method", bound=Callable[..., Any])

RESERVED = 340 << 20
"""Bytes that the libraries reserve and never touch, beyond what `memory_bytes` counts."""
LEAST = 550 << 20
"""Bytes of address space below which it is not tried to load the libraries: they reserve more where
there are more processors, and some then end the process without a word."""
COMPILING = 1 << 30
"""The same while the kernels are compiled."""
_SIGNS = ("allocate memory", "failed to map", "out of memory", "cannot map")


def check_address_space(level: int) -> None:
    """Raise LimitError if `ulimit -v` forbids so much as to load the libraries.

    More cannot be told beforehand: how much memory a level needs depends on the data.
    """
    limit = None if "llvmlite" in sys.modules else _limit()
    if limit is not None and limit[1] < LEAST:
        raise out_of_memory(level, LEAST)


@contextmanager
def saying_what_is_needed(level: int) -> Iterator[None]:
    """Within, running out of memory is a LimitError that says how much the level needs.

    So is a kernel that has to be compiled first with less than that takes: the compiler would end
    the process without a word.
    """

    def check(kernel: str) -> None:
        limit = _limit()
        if limit is not None and limit[1] < COMPILING:
            raise out_of_memory(level, COMPILING)

    try:
        with watched(check):
            yield
    except MemoryError as error:
        raise out_of_memory(level) from error
    except (ImportError, OSError, RuntimeError) as error:
        if any(sign in str(error).lower() for sign in _SIGNS):
            raise out_of_memory(level) from error
        raise


def naming_the_need(method: Method) -> Method:
    """The method, which has the model code, of an object with a `_level`: out of memory, it
    raises a LimitError that says how much the level needs."""

    @wraps(method)
    def within(self: Any, *arguments: Any) -> Any:
        check_address_space(self._level)
        with saying_what_is_needed(self._level):
            return method(self, *arguments)

    return within  # type: ignore[return-value]


def out_of_memory(level: int, least: int = 0) -> LimitError:
    """The error to raise when a level cannot get its memory, or the `least` that all need."""
    need = memory_bytes(level) / 2**20
    limit = _limit()
    why = f"level {level} needs up to {need:,.0f} MiB"
    remedy = "use a lower level (-1), or close other programs"
    if limit is not None:
        name, allowed = limit
        space = max(memory_bytes(level) + RESERVED, least) / 2**20
        why += f", {space:,.0f} MiB with what the libraries reserve and the compiler takes"
        why += f", and `{name}` allows this process {allowed / 2**20:,.0f} MiB"
        remedy = f"allow more ({name} {int(space) * 1024}), or use a lower level (-1)"
    return LimitError("out of memory", why, remedy)


def _limit() -> tuple[str, int] | None:
    """The shell's word for the limit on the process's memory, and the bytes; None for no limit."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    kinds = (("ulimit -v", resource.RLIMIT_AS), ("ulimit -d", resource.RLIMIT_DATA))
    limits = [(name, resource.getrlimit(kind)[0]) for name, kind in kinds]
    limits = [limit for limit in limits if limit[1] != resource.RLIM_INFINITY]
    return min(limits, key=itemgetter(1), default=None)
