"""What is kept of a JPEG picture (ITU T.81) while its bytes come.

Only what nearly all pictures are is understood: baseline, 8 bits, Huffman code, all components in
one scan. Of others, and of what breaks the format, nothing is known: they are bytes as any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..native.structs import Struct, zeros

CONTEXTS = 30
"""Contexts that there are; a level uses the first of them."""
LOG_CELLS = 18
"""Of each context."""
STARTS = 4
"""Beginnings of pictures that are remembered: one can hold small ones of itself."""
COMPONENTS = 4
MOST_BLOCKS = 2048
"""Blocks in a row of a component, at most."""
RING = 4
"""Rows of blocks that are kept."""
SETS = 4
ROWS = (3072, 512, 4096, 4096)
"""How many values the context of each set of weights has; see `model.choose`."""
FINAL_ROWS = 64 * COMPONENTS
LONGEST_CODE = 16

NATURAL = np.array(
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27,
        20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
        58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ],
    dtype=np.int64,
)  # fmt: skip
"""int64 [64]: zigzag order -> place in the block, row by row."""

# Registers in `Jpeg.at`.
(SCAN, FIRST, COUNT, ACROSS, DOWN, INTERVAL, UNIT, COMPONENT, BLOCK, PLACE) = range(10)
(X, Y, FRESH, OVER, MARKER, CODE, LENGTH, SYMBOL, SIZE, EXTRA, READY, TAKEN) = range(10, 22)
REGISTERS = 24

ID, ACROSS_UNIT, DOWN_UNIT, QUANTISED, DC, AC = range(6)
"""Of a component: its name, blocks of it in a unit (an MCU), and its tables."""


# Numbers in `Jpeg.near`; those of two blocks, to the left and above, or of two components, one
# behind the other.
(FROM_LEFT, FROM_ABOVE, BOTH, EDGE, SAME_LEFT, SAME_ABOVE, NEXT_LEFT, NEXT_ABOVE) = range(8)
(CORNERS, THIRD, REST_LEFT, REST_ABOVE, COUNT_LEFT, COUNT_ABOVE) = range(8, 14)
(LAST_LEFT, LAST_ABOVE, SOON_LEFT, SOON_ABOVE, SOON, SUM, NONZERO) = range(14, 21)
WEST, NORTH, NORTHWEST = range(21, 24)
OTHER, REST_OTHER, LAST_OTHER = 24, 26, 28
SIMILAR, REST, WIDE = range(30, 33)
NUMBERS = 33


@dataclass(frozen=True, eq=False)
class Jpeg(Struct):
    """C contexts."""

    at: np.ndarray
    """int64 [24]: registers. SCAN: whether coefficients come. FIRST: behind the marker of the
    header of a scan that has begun, or 0. COUNT of components. ACROSS, DOWN: units in a row, and
    rows. INTERVAL: units between restarts, or 0. UNIT, COMPONENT, BLOCK, PLACE: those under way,
    PLACE in zigzag order. X, Y of the block. FRESH: whether a code begins. OVER: whether all units
    of an interval have come. MARKER: whether FF came just now. CODE, LENGTH: of the code so far.
    SYMBOL: that it stands for, or -1; SIZE, EXTRA: how many bits follow it, and those so far,
    behind a 1. READY: whether weights have been set.
    TAKEN: whether the bits of the byte just coded have been."""
    starts: np.ndarray
    """int64 [4]: where pictures began, plus 1, the last first."""
    codes: np.ndarray
    """int64 [8, 17, 3]: of each Huffman table (DC, then AC) and length: the first code, how many
    there are, and where their symbols begin."""
    symbols: np.ndarray
    """int64 [8, 256]"""
    steps: np.ndarray
    """int64 [4, 64]: of quantisation, row by row."""
    components: np.ndarray
    """int64 [4, 6]"""
    dc: np.ndarray
    """int64 [4]: the last one of each component."""
    blocks: np.ndarray
    """int16 [4, 4, 2048, 64]: coefficients by component, row modulo 4 and column, row by row."""
    last: np.ndarray
    """int64 [3]: symbols, the last first."""
    near: np.ndarray
    """int64 [33]: what is around the next coefficient, see above."""
    octaves: np.ndarray
    """int64 [33]: of these, their binary digits; see `neighbours.octaves`."""
    halves: np.ndarray
    around: np.ndarray
    """int64 [3]: how large the next coefficient may be, in a few classes: by what the edges say, by
    the same one of the neighbours, by all that the neighbours have left."""
    context: np.ndarray
    """int64 [30]: hashes, of the code under way, of which the level's are used."""
    cell: np.ndarray
    """int64 [C]: this bit's."""
    cells: np.ndarray
    """uint32 [C << 18], as in `memory/probabilities.py`."""
    aside: np.ndarray
    """uint32 [3 * 256]: of bytes that hold no coefficient, by kind and the bits so far."""
    inputs: np.ndarray
    """int32 [I]: two of each context, a bias; filled up with zeros."""
    weights: np.ndarray
    """int32 [rows of all sets, I]"""
    uses: np.ndarray
    row: np.ndarray
    """int64 [4]"""
    step: np.ndarray
    p: np.ndarray
    final_inputs: np.ndarray
    """int32 [16]: stretches of the sets, a bias; filled up with zeros."""
    final_weights: np.ndarray
    """int32 [256, 16]"""
    final_uses: np.ndarray
    final_row: np.ndarray
    """int64 [1]"""
    final_step: np.ndarray
    final_p: np.ndarray


def contexts_of(memory_contexts: int) -> int:
    """How many contexts a level has, by those of its memory: about as many inputs."""
    return min(memory_contexts * 3 // 2, CONTEXTS)


def empty_jpeg(contexts: int) -> Jpeg:
    """One that has seen nothing. What is large is filled by the first picture."""

    def integers(*shape: int) -> np.ndarray:
        return zeros(shape, np.int64)

    inputs = -(-(2 * contexts + 1) // 16) * 16
    return Jpeg(
        at=integers(REGISTERS),
        starts=integers(STARTS),
        codes=integers(8, LONGEST_CODE + 1, 3),
        symbols=integers(8, 256),
        steps=integers(4, 64),
        components=integers(COMPONENTS, 6),
        dc=integers(COMPONENTS),
        blocks=zeros((COMPONENTS, RING, MOST_BLOCKS, 64), np.int16),
        last=integers(3),
        near=integers(NUMBERS),
        octaves=integers(NUMBERS),
        halves=integers(NUMBERS),
        around=integers(3),
        context=integers(CONTEXTS),
        cell=integers(contexts),
        cells=zeros(contexts << LOG_CELLS, np.uint32),
        aside=zeros(3 * 256, np.uint32),
        inputs=zeros(inputs, np.int32),
        weights=zeros((sum(ROWS), inputs), np.int32),
        uses=zeros(sum(ROWS), np.int32),
        row=integers(SETS),
        step=integers(SETS),
        p=integers(SETS),
        final_inputs=zeros(16, np.int32),
        final_weights=zeros((FINAL_ROWS, 16), np.int32),
        final_uses=zeros(FINAL_ROWS, np.int32),
        final_row=integers(1),
        final_step=integers(1),
        final_p=integers(1),
    )
