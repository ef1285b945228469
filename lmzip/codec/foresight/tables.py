"""What foresight keeps of the bytes that were read.

It is small, and knows nothing of the model: so an encoder can look ahead of it, and find out which
bytes the transformer will be asked for before it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..jit import kernel
from ..levels import Preset
from ..memory.probabilities import share, step_table
from ..memory.tables import HISTORY_SIZE
from ..mixer.logistic import squash_table, stretch_table
from ..mixer.maps import empty_maps
from ..native.structs import Struct, aligned, zeros

ORDERS = 2
"""Hashed contexts: the last five bytes; the last eight, and which of them had been foreseen."""
SPEAKERS = 1 + ORDERS
"""Who expects a byte: the match, then each hashed context."""
CLASSES = 32
"""Of the length of a match."""
ROWS = 4 * CLASSES
"""Of adaptive probabilities: by length and misses of a match, or by the length of a run."""
LOG_CELLS = 18
"""2^18 cells for each hashed context: 16 bits of check, a byte, how often in a row it came."""
LOG_MATCHES = 20
FIRST_WEIGHT = 26000
"""Of every input at first, in units of 2^-16."""

# Registers in `Foresight.at`.
(POSITION, LAST4, LAST8, HITS, MATCH, LENGTH, MISSES, EXPECTED, CHANCE, STRETCH, ROW) = range(11)
(SIZE, ASKED) = range(11, 13)
REGISTERS = 16


@dataclass(frozen=True, eq=False)
class Foresight(Struct):
    """Who expects which byte, and how often they have been right."""

    at: np.ndarray
    """int64 [16]: registers, see above. SIZE and ASKED are the bytes of the segment so far, and
    those that the model was asked for."""
    risks: np.ndarray
    """int64 [3]: those of the level."""
    text: np.ndarray
    """uint8 [2^24]: a ring of what was read."""
    matches: np.ndarray
    """int32 [2^20]: by the hash of eight bytes, the position behind them."""
    cells: np.ndarray
    """uint32 [ORDERS << 18]: see `LOG_CELLS`."""
    place: np.ndarray
    """int64 [ORDERS]: where the cells of this byte's contexts are."""
    check: np.ndarray
    """int64 [ORDERS]"""
    byte: np.ndarray
    """int64 [SPEAKERS]: the byte that each expects, or NOBODY."""
    row: np.ndarray
    """int64 [SPEAKERS]: by which row of `right` it is judged."""
    said: np.ndarray
    """int64 [SPEAKERS]: the stretch of how likely each is right."""
    right: np.ndarray
    """uint32 [SPEAKERS, ROWS]: how likely each is right, as in `probabilities.py`."""
    inputs: np.ndarray
    """int32 [SPEAKERS + 1]"""
    weights: np.ndarray
    """int32 [4 CLASSES, SPEAKERS + 1]: by how many agree, and the length of the match."""
    maps: np.ndarray
    """uint32 [65536 * 32]: by the byte expected and the last byte, see `mixer/maps.py`."""
    map_cell: np.ndarray
    """int64 [1]"""
    asked: np.ndarray
    """uint8 [2, T]: the bytes of the even and of the odd segment that the model was asked for."""
    stretch: np.ndarray
    squash: np.ndarray
    steps: np.ndarray


def empty_foresight(preset: Preset) -> Foresight:
    """Foresight that has read nothing."""

    def integers(size: int) -> np.ndarray:
        return zeros(size, np.int64)

    right = zeros((SPEAKERS, ROWS), np.uint32)
    for row in range(ROWS):
        length = row // 4
        right[0, row] = share(2 * length + 1, 2 * length + 3) << 10
        right[1:, row] = share(2 * row + 1, 2 * row + 3) << 10
    return Foresight(
        at=integers(REGISTERS),
        risks=np.array(preset.risks, dtype=np.int64),
        text=zeros(HISTORY_SIZE, np.uint8),
        matches=zeros(1 << LOG_MATCHES, np.int32),
        cells=zeros(ORDERS << LOG_CELLS, np.uint32),
        place=integers(ORDERS),
        check=integers(ORDERS),
        byte=integers(SPEAKERS),
        row=integers(SPEAKERS),
        said=integers(SPEAKERS),
        right=right,
        inputs=zeros(SPEAKERS + 1, np.int32),
        weights=aligned(np.full((4 * CLASSES, SPEAKERS + 1), FIRST_WEIGHT, dtype=np.int32)),
        maps=empty_maps(1),
        map_cell=integers(1),
        asked=zeros((2, preset.segment), np.uint8),
        stretch=aligned(stretch_table()),
        squash=aligned(squash_table()),
        steps=step_table(),
    )


@kernel
def class_of(length):
    """Of the length of a match: one of 31; the last of CLASSES is for none."""
    if length < 16:
        return length
    if length < 32:
        return 16 + ((length - 16) >> 2)
    if length < 64:
        return 20 + ((length - 32) >> 3)
    if length < 256:
        return 24 + ((length - 64) >> 6)
    if length < 1024:
        return 27 + (length >> 9)
    return 29 if length < 4096 else 30
