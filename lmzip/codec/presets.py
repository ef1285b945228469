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


PRESETS: dict[int, Preset] = {
    1: Preset(64, 1, 2, 64, 32, 32),
    2: Preset(64, 2, 2, 64, 32, 32),
    3: Preset(96, 2, 3, 96, 32, 32),
    4: Preset(128, 2, 4, 96, 32, 32),
    5: Preset(128, 2, 4, 128, 16, 32),
    6: Preset(192, 2, 6, 128, 16, 32),
    7: Preset(192, 3, 6, 128, 16, 32),
    8: Preset(256, 3, 8, 128, 16, 32),
    9: Preset(256, 4, 8, 192, 16, 32),
}


def memory_bytes(level: int) -> int:
    """Bytes of memory that coding at this level takes, either way."""
    return (300 + 50 * level) << 20
