"""Levels and the memory they need: what the caller allows, and what the system (`ulimit -v`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from operator import index
from typing import Any, TypeVar

from lmzip.codec.presets import MAX_LEVEL, MIN_LEVEL, memory_bytes
from lmzip.errors import LimitError

Method = TypeVar("Method", bound=Callable[..., Any])

RESERVED = 340 << 20
"""Bytes that the libraries reserve and never touch, beyond what `memory_bytes` counts."""
LEAST = 550 << 20
"""Bytes of address space below which the libraries cannot be loaded; some then end the process
without a word."""
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


def check_address_space(level: int) -> None:
    """Raise LimitError if `ulimit -v` forbids so much as to load the libraries.

    More cannot be told beforehand: how much memory a level needs depends on the data.
    """
    allowed = _allowed()
    if allowed is not None and allowed < LEAST and "numba" not in sys.modules:
        raise out_of_memory(level)


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
    """The method of an object with a `_level`, within `saying_what_is_needed`."""

    @wraps(method)
    def within(self: Any, *arguments: Any) -> Any:
        with saying_what_is_needed(self._level):
            return method(self, *arguments)

    return within  # type: ignore[return-value]


def out_of_memory(level: int) -> LimitError:
    """The error to raise when a level cannot get its memory."""
    need = memory_bytes(level) / 2**20
    allowed = _allowed()
    why = f"level {level} needs up to {need:,.0f} MiB"
    remedy = "use a lower level (-1), or close other programs"
    if allowed is not None:
        space = (memory_bytes(level) + RESERVED) / 2**20
        why += f", {space:,.0f} MiB with what the libraries reserve"
        why += f", and `ulimit -v` allows this process {allowed / 2**20:,.0f} MiB"
        remedy = f"allow more (ulimit -v {int(space) * 1024}), or use a lower level (-1)"
    return LimitError("out of memory", why, remedy)


def _allowed() -> int | None:
    """Bytes of address space that the process may have, None if there is no limit."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    limits = [limit for limit in limits if limit != resource.RLIM_INFINITY]
    return min(limits, default=None)
