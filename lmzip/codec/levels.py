"""The one table of levels."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    """Positions before its segment that a position sees: a multiple of `segment`."""
    segment: int
    """Positions between two learning steps."""
    learning: int
    """Layers whose feed-forward matrices go on learning, the last ones; so do head and table."""
    rates: tuple[float, float, float]
    """Learning rates: of these matrices, of the head, of the table of slots."""
    learned: str
    """Name of the file of learned initial weights, in `learned/`. Empty: from scratch, and the
    mixer's first weights are those of a formula."""
    mixer: str
    """Name of the file of the mixer's first weights, learned with that network in front."""
    contexts: int
    """Contexts that the memory keeps, of the list in `memory/contexts.py`."""
    sets: int
    """Sets of weights in the last stage, of the list in `mixer/sets.py`."""
    log_buckets: int
    """Size of the memory: at most 2^log_buckets buckets of 64 bytes for each context."""
    log_slots: int
    """The transformer has 2^log_slots slots of 32 bytes for each kind; none if this is 0."""
    risks: tuple[int, int, int]
    """A byte is not asked for if foresight is wrong with a chance of at most risk / 2^22: of a
    digit, of text behind text, of any other. Digits are what the model has most to learn from."""


_SMALL, _LARGE = (1.8e-4, 3.6e-4, 3e-3), (9e-5, 2.4e-4, 1e-3)
_FAST = (512, 131072, 8192)
_FEW, _MANY = (256, 4096, 2048), (256, 8192, 2048)

PRESETS: dict[int, Preset] = {
    1: Preset(128, 1, 4, 128, 128, 1, _SMALL, "small", "mixer8", 8, 3, 16, 15, _FAST),
    2: Preset(128, 1, 4, 128, 128, 1, _SMALL, "small", "mixer12", 12, 5, 16, 15, _FEW),
    3: Preset(128, 1, 4, 128, 128, 1, _SMALL, "small", "mixer16", 16, 8, 17, 16, _FEW),
    4: Preset(128, 1, 4, 128, 128, 1, _SMALL, "small", "mixer24", 24, 12, 18, 17, _FEW),
    5: Preset(128, 6, 4, 128, 128, 3, _LARGE, "medium", "mixer38", 38, 19, 18, 18, _MANY),
    6: Preset(128, 6, 4, 128, 128, 3, _LARGE, "medium", "mixer44", 44, 19, 18, 18, _MANY),
    7: Preset(128, 6, 4, 128, 128, 3, _LARGE, "medium", "mixer58", 58, 19, 18, 18, _MANY),
    8: Preset(192, 8, 6, 128, 128, 2, _LARGE, "large", "mixer58large", 58, 19, 19, 18, _MANY),
    9: Preset(192, 8, 6, 128, 128, 4, _LARGE, "large", "mixer58large", 58, 19, 19, 18, _MANY),
}


def preset_of(level: int, from_scratch: bool = False) -> Preset:
    """What a level fixes; `from_scratch` without the weights that were learned beforehand."""
    return replace(PRESETS[level], learned="") if from_scratch else PRESETS[level]


def memory_bytes(level: int) -> int:
    """Bytes of memory that coding at this level takes at most, either way."""
    # Buckets of 64 bytes, 4 direct contexts with 16 cells of 4 bytes; 11 kinds of slots of 32
    # bytes; then what is fixed, the libraries, and the data of a block.
    preset = PRESETS[level]
    buckets = (preset.contexts * 64 + 4 * 64) << preset.log_buckets
    return buckets + (11 * 32 << preset.log_slots) + (320 << 20)
