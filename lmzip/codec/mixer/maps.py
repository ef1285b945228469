"""Adaptive maps: what a mixed probability has turned out to be worth, in a small context.

Secondary symbol estimation, after Osnach's APM in PAQ8. A map has a row of 32 cells for each
context, spread over the stretches; a probability is read between two of them.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from ..memory.tables import EXPECTED, PARTIAL, TOLD, mix
from ..native.intrinsics import prefetch
from ..native.structs import zeros
from .logistic import squash_table

MAPS = 4
"""Adaptive maps; levels with few sets use the first two."""
COLUMNS, COLUMN_WIDTH = 32, 192
"""Of an adaptive map: one cache line pair, and the stretch between two columns."""
EDGE = COLUMNS // 2 * COLUMN_WIDTH - COLUMN_WIDTH // 2
MAP_COUNT = 20
"""What a cell of an adaptive map counts as at the start."""
MAP_LIMIT = 255
"""What it counts at most."""


def empty_maps(count: int) -> np.ndarray:
    """Maps that change nothing: uint32 [count * 65536 * 32], `p << 10 | n` as in the memory."""
    maps = zeros(count * 65536 * COLUMNS, np.uint32)
    column = squash_table()[(np.arange(COLUMNS) * COLUMN_WIDTH) + 3072 - EDGE].astype(np.uint32)
    maps.reshape(-1, COLUMNS)[:] = column << 10 | MAP_COUNT
    return maps


@kernel
def row_of(k, at):
    """Row of map 0, 1 or 3, which the memory's registers tell."""
    partial, told = at[PARTIAL], at[TOLD]
    if k == 0:
        return partial + ((told & 255) << 8)
    return mix(told & (0xFFFF if k == 1 else 0xFFFFFF), partial) & 0xFFFF


@kernel
def ask_for_maps(at, maps, count):
    """Ask for both lines of the rows that are known before the mixer's inputs."""
    for k in range(count):
        if k != 2:
            first = (k * 65536 + row_of(k, at)) * COLUMNS
            prefetch(maps, first)
            prefetch(maps, first + COLUMNS // 2)


@kernel
def choose_maps(at, cell, best):
    """Pick the row of each map, into `cell`. at: the memory's registers; best: see `sets.py`."""
    for k in range(cell.shape[0]):
        cell[k] = mix(at[EXPECTED], at[PARTIAL] + best * 256) & 0xFFFF if k == 2 else row_of(k, at)


@kernel
def add_maps(maps, cell, stretched, p):
    """p, 24 bits, and what the maps make of the stretch: their sum, 25 bits.

    The rows in `cell` are replaced by the cells that are to learn, those nearest to the stretch.
    """
    stretched = min(max(stretched, -EDGE), EDGE - 1) + EDGE
    shift = 5 + cell.shape[0] // 2
    column, part = stretched // COLUMN_WIDTH, stretched % COLUMN_WIDTH
    for k in range(cell.shape[0]):
        left = (k * 65536 + cell[k]) * COLUMNS + column
        low, high = np.int64(maps[left] >> 10), np.int64(maps[left + 1] >> 10)
        cell[k] = left + (1 if part > COLUMN_WIDTH // 2 else 0)
        # Together the maps, two or four, weigh three times what the mixers say.
        p += (low * (COLUMN_WIDTH - part) + high * part) >> shift
    return p
