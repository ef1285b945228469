"""First weights of the mixer: learned with the network in front, or from a formula.

Sets of weights differ little from row to row until a file has shown how. So a file of learned
weights holds one row for each set and each final mixer, and the differences of those few rows that
are used most. Integers little-endian:

    uint16     how many rows of the sets differ, then the numbers of these rows
    uint16     the same for the final mixers
    the rest   a weights file (`learned/weights_file.py`) of four tensors: a row for each set
               [S, I], one for each final mixer [F, S + 4], and the differences of both

A row begins as what its set has, plus its difference, rounded; units are those of weights.

A file of differences (`learned/prior.py`) is the same without the rows for all: the numbers of rows
of the sets and of final mixers, and a weights file of what is added to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..learned.weights_file import Codes, coded, pack_codes, read, unpack
from ..levels import Preset
from ..memory.tables import DIRECT, MATCHES
from .sets import FINAL_ROWS, ROWS

BOUND = (1 << 19) - 1
"""The largest weight."""
PROBABILITY_WEIGHT, RUN_WEIGHT, TOTAL_WEIGHT = 54851, 30476, 877659
"""Of the formula, in units of 2^-16 and divided by the number of contexts: of each context's
probability and run, and of the sum of all. The more contexts speak, the less each may say."""
LEARNED_USES = 512
"""What a learned row counts as used: it moves in smaller steps from the start."""
OTHERS = 2 * DIRECT + 1 + 2 * MATCHES + 4
"""Inputs besides the three of each context."""
FINAL_OTHERS = 4
"""Inputs of the final mixers besides what each set says: stretches of the transformer, the longest
match and all contexts together; a bias."""


@dataclass(frozen=True)
class FirstWeights:
    """What a mixer of S sets and F final mixers begins with. I inputs, not filled up."""

    sets: np.ndarray
    """int32 [rows of all sets, I]"""
    finals: np.ndarray
    """int32 [rows of all final mixers, S + 4]: the last is the bias's."""
    uses: int
    """What each row counts as used; final mixers half of it."""


def own_inputs(contexts: int) -> int:
    """Inputs of a mixer over so many contexts, before they are filled up to whole vectors."""
    return 3 * contexts + OTHERS


def rows_of(sets: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Rows of each set, and of each final mixer, of a mixer with so many sets."""
    return ROWS[:sets], FINAL_ROWS[: sets + 1]


def formula(contexts: int, sets: int) -> FirstWeights:
    """Weights that trust every predictor a little."""
    rows, final_rows = rows_of(sets)
    weights = np.full((sum(rows), own_inputs(contexts)), 11796, dtype=np.int32)  # 0.18
    weights[:, 0 : 3 * contexts : 3] = PROBABILITY_WEIGHT // contexts
    weights[:, 1 : 3 * contexts : 3] = 0
    weights[:, 2 : 3 * contexts : 3] = RUN_WEIGHT // contexts
    total = min(TOTAL_WEIGHT // contexts, BOUND)  # the bound matters for one context only
    weights[:, -4:] = 19661, 11796, total, 0  # 0.3, 0.18
    finals = np.full((sum(final_rows), sets + FINAL_OTHERS), (1 << 16) // sets, dtype=np.int32)
    finals[:, sets:] = 0
    return FirstWeights(weights, finals, 0)


def learned(preset: Preset) -> FirstWeights:
    """The shipped weights of a level's mixer."""
    return unpack_weights(read(preset.mixer), preset.contexts, preset.sets)


def pack_weights(
    sets: tuple[np.ndarray, np.ndarray, Codes], finals: tuple[np.ndarray, np.ndarray, Codes]
) -> bytes:
    """The file of weights: for both, a row for each set (float), the numbers of the rows that
    differ, and their differences as codes."""
    means = [coded(mean, 127) for mean, _, _ in (sets, finals)]
    return _pack_numbers(sets[1], finals[1]) + pack_codes([*means, sets[2], finals[2]])


def unpack_weights(data: bytes, contexts: int, sets: int) -> FirstWeights:
    """The weights of a file."""
    numbers, data = _numbers(data)
    rows, final_rows = rows_of(sets)
    inputs = own_inputs(contexts)
    tensors = unpack(
        data,
        {
            "sets": (sets, inputs),
            "finals": (len(final_rows), sets + FINAL_OTHERS),
            "differences of sets": (len(numbers[0]), inputs),
            "differences of finals": (len(numbers[1]), sets + FINAL_OTHERS),
        },
    )
    mean, final_mean, more, final_more = tensors.values()
    return FirstWeights(
        _expanded(mean, rows, numbers[0], more),
        _expanded(final_mean, final_rows, numbers[1], final_more),
        LEARNED_USES,
    )


def _expanded(
    mean: np.ndarray, rows: tuple[int, ...], numbers: np.ndarray, more: np.ndarray
) -> np.ndarray:
    weights = np.repeat(mean, rows, axis=0)
    weights[numbers] += more
    return np.clip(np.rint(weights), -BOUND, BOUND).astype(np.int32)


def pack_differences(sets: tuple[np.ndarray, Codes], finals: tuple[np.ndarray, Codes]) -> bytes:
    """The file of differences: for both, the numbers of the rows that differ, and by what."""
    return _pack_numbers(sets[0], finals[0]) + pack_codes([sets[1], finals[1]])


def changed(first: FirstWeights, data: bytes) -> FirstWeights:
    """First weights, and what a file of differences adds to them. Raises ValueError."""
    numbers, data = _numbers(data)
    tables = first.sets, first.finals
    shapes = {
        name: (len(rows), table.shape[1])
        for name, rows, table in zip(("sets", "finals"), numbers, tables, strict=True)
    }
    found = []
    for rows, table, more in zip(numbers, tables, unpack(data, shapes).values(), strict=True):
        if (rows >= len(table)).any():
            raise ValueError("a row differs that is none")
        weights = table.astype(np.int64)
        weights[rows] += np.rint(more).astype(np.int64)
        found.append(np.clip(weights, -BOUND, BOUND).astype(np.int32))
    return FirstWeights(found[0], found[1], first.uses)


def _pack_numbers(*lists: np.ndarray) -> bytes:
    return b"".join(
        len(rows).to_bytes(2, "little") + rows.astype("<u2").tobytes() for rows in lists
    )


def _numbers(data: bytes) -> tuple[list[np.ndarray], bytes]:
    """The two lists of rows at the start of a file, and the rest of it. Raises ValueError."""
    at, numbers = 0, []
    for _ in range(2):
        count = int.from_bytes(data[at : at + 2], "little")
        numbers.append(np.frombuffer(data, "<u2", count, at + 2).astype(np.int64))
        at += 2 + 2 * count
    return numbers, data[at:]
