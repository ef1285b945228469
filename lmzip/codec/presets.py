"""The one table of levels."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK_SIZE = 1 << 20
"""Bytes of input per block: the unit of checksums and of memory in a pipe."""

MIN_LEVEL, DEFAULT_LEVEL, MAX_LEVEL = 1, 5, 9


@dataclass(frozen=True)
class Preset:
    """What a level fixes. Every field changes the bits."""

    width: int
    """Channels of the residual stream."""
    layers: int
    """Transformer blocks."""
    heads: int
    """Attention heads; `width / heads` channels each."""
    window: int
    """Positions that attention sees, the current one included."""
    streams: int
    """Contiguous parts of a block that advance in lock step."""
    segment: int
    """Positions between two learning steps."""
    log_buckets: int
    """Size of the memory: 2^log_buckets buckets of 64 bytes for each of its contexts."""


PRESETS: dict[int, Preset] = {
    1: Preset(32, 1, 1, 32, 1, 64, 14),
    2: Preset(32, 1, 2, 64, 1, 64, 15),
    3: Preset(64, 1, 2, 64, 1, 64, 16),
    4: Preset(96, 2, 3, 96, 1, 64, 17),
    5: Preset(64, 1, 2, 64, 1, 64, 18),
    6: Preset(160, 2, 5, 128, 1, 64, 18),
    7: Preset(192, 2, 6, 128, 1, 64, 19),
    8: Preset(192, 3, 6, 128, 1, 64, 19),
    9: Preset(256, 3, 8, 128, 1, 64, 20),
}


def memory_bytes(level: int) -> int:
    """Bytes of memory that coding at this level takes, either way."""
    # 26 contexts with buckets of 64 bytes and 4 with 16 cells of 4 bytes; then what is fixed.
    return ((26 * 64 + 4 * 64) << PRESETS[level].log_buckets) + (200 << 20)
