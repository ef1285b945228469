"""What was learned, in few bits: differences in wide steps, of what is used often enough.

A uniform quantiser with a wide zero (Sullivan 1996), as for what the program is shipped with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lmzip.arrays import np
from lmzip.codec.learned.prior import NONE, Differences
from lmzip.codec.learned.weights_file import Codes, pack_codes
from lmzip.codec.mixer.first_weights import FINAL_OTHERS, own_inputs, pack_differences
from lmzip.codec.mixer.mixer import Mixer
from lmzip.generations import newest
from lmzip.priors.parts import Parts

FINENESS = {"head": 0.7, "table": 0.3}
"""Steps of these tensors, in those of the matrices."""
STEP = 1.0
"""Of the matrices, in standard deviations of their differences."""
MIXER_STEP, FINAL_STEP = 0.1, 0.05
"""Between two values of a difference, in units of a weight of one, of rows that are used `OFTEN`;
rarer ones have wider steps, by the square root, as they are worth fewer bytes."""
OFTEN = 0.01
"""Share of all bits that a row was used for."""
WIDEST = 2
"""Rows whose step would be more than so many times as wide stay as they are."""
TIMID = 100
"""Uses by which a row's difference counts less."""
COARSER = 1.25
"""From one try to fit into a size to the next."""
COARSEST = 100


@dataclass(frozen=True)
class Learned:
    """What a model has learned, beside what it began with."""

    contexts: int
    """Of the level."""
    sets: int
    first_tensors: Mapping[str, np.ndarray]
    """Those that go on learning, in the order of `learned_names`."""
    tensors: Mapping[str, np.ndarray]
    """The same, means of several times, as are the next two."""
    weights: np.ndarray
    """[rows of all sets, I], of the mixer."""
    final_weights: np.ndarray
    """[rows of all final mixers, 16 or 32]"""
    first: Mixer
    last: Mixer
    """With the counts of uses."""
    read: int
    """Bytes that were read."""


def fitted(level: int, learned: Learned, text: bytes, size: int) -> Parts:
    """A prior whose file has at most `size` bytes, as fine as fits.

    Raises ValueError if the text alone does not fit.
    """
    coarse = 1.0
    while coarse < COARSEST:
        found = parts(level, differences(learned, coarse), text)
        if len(found.pack()) <= size:
            return found
        coarse *= COARSER
    found = parts(level, NONE, text)
    if len(found.pack()) > size:
        raise ValueError(f"nothing that was learned fits into {size:,} bytes: allow more")
    return found


def parts(level: int, told: Differences, text: bytes) -> Parts:
    """A prior for this code."""
    return Parts(level, newest().code, told, text)


def differences(learned: Learned, coarse: float = 1.0) -> Differences:
    """The files of differences, in steps so many times as wide as usual; those of the mixer by the
    square root, as its weights are fewer, and each is worth more."""
    wide = math.sqrt(coarse)
    first, last, inputs = learned.first, learned.last, own_inputs(learned.contexts)
    final_inputs = learned.sets + FINAL_OTHERS
    often = 8 * OFTEN * learned.read
    sets = _moved(
        learned.weights[:, :inputs] - first.weights[:, :inputs],
        last.uses - first.uses,
        MIXER_STEP * wide,
        often,
    )
    finals = _moved(
        learned.final_weights[:, :final_inputs] - first.final_weights[:, :final_inputs],
        last.final_uses - first.final_uses,
        FINAL_STEP * wide,
        often,
    )
    return Differences(
        _network(learned, coarse),
        pack_differences(sets, finals) if len(sets[0]) or len(finals[0]) else b"",
    )


def _network(learned: Learned, coarse: float) -> bytes:
    """The file of the network's differences; empty if all of them are too small for a step."""
    found = {name: w - learned.first_tensors[name] for name, w in learned.tensors.items()}
    matrices = [d for name, d in found.items() if name not in FINENESS]
    count = sum(d.size for d in matrices)
    step = STEP * coarse * math.sqrt(sum(float((d**2).sum()) for d in matrices) / count)
    codes = [_codes(d.reshape(1, -1), step * FINENESS.get(name, 1)) for name, d in found.items()]
    return pack_codes(codes) if any(part.any() for _, part, _ in codes) else b""


def _codes(rows: np.ndarray, steps: float | np.ndarray) -> Codes:
    """Rows as codes; steps: one, or one of each row."""
    scales = np.broadcast_to(np.clip(steps, 2.0**-24, 60000), len(rows)).astype(np.float16)
    size = rows.astype(np.float64) / scales.astype(np.float64)[:, None]
    codes = (np.sign(size) * np.floor(np.abs(size) + 0.35)).clip(-127, 127).astype(np.int64)
    return int(np.abs(codes).max(initial=1)), codes, scales


def _moved(
    rows: np.ndarray, uses: np.ndarray, step: float, often: float
) -> tuple[np.ndarray, Codes]:
    """Those of the mixer's rows that learning has moved enough, as `frequent_rows` gives them."""
    uses = np.maximum(uses, 0).astype(np.float64)
    return frequent_rows(rows * (uses / (uses + TIMID))[:, None], uses, step, often)


def frequent_rows(
    rows: np.ndarray, uses: np.ndarray, step: float, often: float
) -> tuple[np.ndarray, Codes]:
    """The numbers of rows that differ enough and were used often enough, and their differences.

    rows: differences, float [R, I]; uses: how often each was used, [R]; step: in units of a weight
    of one, of a row that was used `often` times.
    """
    wider = np.clip(np.sqrt(often / np.maximum(uses, 1)), 1, 2 * WIDEST)
    used = np.flatnonzero(wider <= WIDEST)
    largest, codes, scales = _codes(rows[used], step * 65536 * wider[used])
    kept = codes.any(axis=1)
    return used[kept], (largest, codes[kept], scales[kept])
