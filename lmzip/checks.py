"""Whether this lmzip, on this machine, can work at a level and on an archive."""

from __future__ import annotations

from collections.abc import Callable
from operator import index

from lmzip.codec.levels import MAX_LEVEL, MIN_LEVEL, memory_bytes
from lmzip.errors import LimitError, MismatchError


def check_level(
    level: int,
    limit: int | None = None,
    models: int = 1,
    needed: Callable[[int], int] = memory_bytes,
) -> int:
    """The level as a plain integer. `needed` tells the bytes of memory that a level takes.

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
    need = models * needed(level)
    if limit is not None and need > limit:
        raise LimitError(
            f"level {level} needs {need / 2**20:,.0f} MiB of memory",
            f"the limit is {limit / 2**20:,.0f} MiB",
            "allow more (-M), or compress at a lower level",
        )
    return level


def mismatch(why: str) -> MismatchError:
    """The error for sound bytes from which this machine computes something else."""
    return MismatchError(
        "this machine computes other probabilities than the one that wrote the archive",
        f"the archive's bytes are sound, but {why}",
        "try another engine (LMZIP_ENGINE=float32 or int8), and report it with the output of "
        "`lmzip --version`",
    )
