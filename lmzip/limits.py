"""Levels and the memory they need: what the caller allows, and what the system (`ulimit -v`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from operator import index, itemgetter
from typing import Any, TypeVar

from lmzip.codec.presets import MAX_LEVEL, MIN_LEVEL, memory_bytes
from lmzip.errors import LimitError
from lmzip.progress import is_compiled

Method = TypeVar("Method", bound=Callable[..., Any])

RESERVED = 340 << 20
"""Bytes that the libraries reserve and never touch, beyond what `memory_bytes` counts."""
LEAST = 550 << 20
"""Bytes of address space below which the libraries cannot be loaded; some then end the process
without a word."""
COMPILING = 1 << 30
"""The same while the kernels are compiled."""
_SIGNS = ("allocate memory", "failed to map", "out of memory", "cannot map")


def check_level(level: int, limit: int | None = None, models: int = 1) -> int:
    """The level as a plain integer.

    Raises ValueError for a level that is not an integer from 1 to 9, LimitError if so many models
    of the level need more memory than `limit` bytes.
    """
    try:
        number = index(level)
    except TypeError:
        number = 0
    if not MIN_LEVEL <= number <= MAX_LEVEL:
        raise ValueError(f"level must be an integer from {MIN_LEVEL} to {MAX_LEVEL}, not {level!r}")
    level = number
    need = models * memory_bytes(level)
    if limit is not None and need > limit:
        raise LimitError(
            f"level {level} needs {need / 2**20:,.0f} MiB of memory",
            f"the limit is {limit / 2**20:,.0f} MiB",
            "allow more (-M), or compress at a lower level",
        )
    return level


def check_address_space(level: int, decoding: bool) -> None:
    """Raise LimitError if `ulimit -v` forbids so much as to load the libraries.

    More cannot be told beforehand: how much memory a level needs depends on the data.
    """
    if "numba" in sys.modules or (limit := _limit()) is None:
        return
    least = LEAST if limit[1] < LEAST or is_compiled(decoding) else COMPILING
    if limit[1] < least:
        raise out_of_memory(level, least)


@contextmanager
def saying_what_is_needed(level: int) -> Iterator[None]:
    """Within, running out of memory is a LimitError that says how much the level needs."""
    try:
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
    decoding = method.__name__ == "_decode"

    @wraps(method)
    def within(self: Any, *arguments: Any) -> Any:
        check_address_space(self._level, decoding)
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
