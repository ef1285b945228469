"""How large frames may be, and how many processes may work on them."""

from __future__ import annotations

import os

from lmzip.checks import check_level
from lmzip.codec.levels import memory_bytes

SMALLEST = 1 << 10
"""Bytes of a frame at least."""
LARGEST = 1 << 30
"""And at most: whole frames are held in memory."""


def check_frame_size(size: int) -> int:
    """The size. Raises ValueError for one that is not SMALLEST to LARGEST bytes."""
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"a frame has {SMALLEST:,} to {LARGEST:,} bytes (1K to 1G), not {size:,}")
    return size


def fitting_count(wanted: int, level: int, frame_size: int, limit: int | None = None) -> int:
    """How many workers of those wanted fit into `limit` bytes, or what memory the system has.

    Each needs a model, and twice a frame. Raises LimitError if not one does.
    """
    check_level(level, limit)
    each = memory_bytes(level) + 2 * frame_size
    room = _free_memory() if limit is None else limit
    return max(1, min(wanted, wanted if room is None else room // each))


def _free_memory() -> int | None:
    """Bytes; None if the system does not tell."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
