"""What was learned, in few bits: differences in wide steps, of what is used often enough.

A uniform quantiser with a wide zero (Sullivan 1996), as for what the program is shipped with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lmzip.arrays import np
from lmzip.codec.learned.prior import Differences
from lmzip.codec.learned.weights_file import Codes, pack_codes
from lmzip.codec.mixer.first_weights import FINAL_OTHERS, own_inputs, pack_differences
from lmzip.codec.mixer.mixer import Mixer
from lmzip.generations import newest
from lmzip.priors.network import Factors
from lmzip.priors.parts import Parts

STEP, TABLE_STEP = 0.02, 0.02
"""Of the network's factors: of those that are to be multiplied with one of length 1, and of what is
added to the table of slots. The longer the other one, the finer."""
NETWORK_SHARE = 0.9
"""Of what the text leaves, the network's differences may take so much, the mixer's the rest."""
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
    """What the mixer of a model has learned, beside what it began with."""

    contexts: int
    """Of the level."""
    sets: int
    weights: np.ndarray
    """[rows of all sets, I], means of several times, as are the next."""
    final_weights: np.ndarray
    """[rows of all final mixers, 16 or 32]"""
    first: Mixer
    last: Mixer
    """With the counts of uses."""
    read: int
    """Bytes that were read."""


def with_network(found: Parts, factors: Factors, size: int) -> Parts:
    """The same with the network's differences, as fine as fits: they leave some room for the
    mixer's in a file of at most `size` bytes."""
    left = NETWORK_SHARE * (size - len(found.pack()))
    network = _fitting(lambda coarse: network_differences(factors, coarse), left)
    return replace(found, differences=Differences(network))


def with_mixer(found: Parts, learned: Learned, size: int) -> Parts:
    """The same with the mixer's differences, as fine as fits into `size` bytes."""
    left = size - len(found.pack())
    mixer = _fitting(lambda coarse: mixer_differences(learned, coarse), left)
    return replace(found, differences=replace(found.differences, mixer=mixer))


def _fitting(made: Callable[[float], bytes], size: float) -> bytes:
    """What is made with steps as wide as usual, or so many times as wide that it fits; or nothing
    if nothing does."""
    coarse = 1.0
    while coarse < COARSEST:
        if len(data := made(coarse)) <= size:
            return data
        coarse *= COARSER
    return b""


def parts(level: int, told: Differences, text: bytes) -> Parts:
    """A prior for this code."""
    return Parts(level, newest().code, told, text)


def mixer_differences(learned: Learned, coarse: float = 1.0) -> bytes:
    """The file of the mixer's differences, in steps so many times as wide as usual; empty if all
    are too small for a step."""
    first, last, inputs = learned.first, learned.last, own_inputs(learned.contexts)
    final_inputs = learned.sets + FINAL_OTHERS
    often = 8 * OFTEN * learned.read
    sets = _moved(
        learned.weights[:, :inputs] - first.weights[:, :inputs],
        last.uses - first.uses,
        MIXER_STEP * coarse,
        often,
    )
    finals = _moved(
        learned.final_weights[:, :final_inputs] - first.final_weights[:, :final_inputs],
        last.final_uses - first.final_uses,
        FINAL_STEP * coarse,
        often,
    )
    return pack_differences(sets, finals) if len(sets[0]) or len(finals[0]) else b""


def network_differences(factors: Factors, coarse: float = 1.0) -> bytes:
    """The file of the network's differences; empty if all of them are too small for a step.

    Of every product the ranks are turned so that they are told one by one, the largest first
    (singular values); so the last are left out where steps are wide.
    """
    coded: list[list[Codes]] = []
    for outputs, inputs in factors.values():
        if inputs.size == 1:  # the table
            coded.append([_codes(outputs, TABLE_STEP * coarse)])
        else:
            pair = _turned(outputs, inputs)
            steps = STEP * coarse / np.maximum(np.linalg.norm(pair[1], axis=1), 1e-9)
            coded.append([_codes(factor, steps) for factor in pair])
    rank = max(_rank(pair) for pair in coded if len(pair) == 2)
    told = [pair if len(pair) == 1 else [_first_rows(one, rank) for one in pair] for pair in coded]
    flat = [one for pair in told for one in pair]
    if not any(codes.any() for _, codes, _ in flat):
        return b""
    return bytes([rank]) + pack_codes(flat)


def _rank(pair: list[Codes]) -> int:
    """Of the product of two factors as codes: rows behind it are of no use."""
    (_, outputs, _), (_, inputs, _) = pair
    (used,) = (outputs.any(axis=1) & inputs.any(axis=1)).nonzero()
    return int(used.max(initial=-1)) + 1


def _turned(outputs: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors [r, outputs] and [r, inputs] of the same product; float64. The rows of each are
    orthogonal, as long in the one as in the other, the longest first."""
    left, upper = np.linalg.qr(outputs.T.astype(np.float64))
    right, other = np.linalg.qr(inputs.T.astype(np.float64))
    u, values, v = np.linalg.svd(upper @ other.T)
    lengths = np.sqrt(values)
    return ((left @ u) * lengths).T, ((right @ v.T) * lengths).T


def _first_rows(codes: Codes, count: int) -> Codes:
    """Of codes the first rows; a row of zeros takes no codes."""
    rows, scales = codes[1][:count], codes[2][:count].copy()
    scales[~rows.any(axis=1)] = 0
    return int(np.abs(rows).max(initial=1)), rows, scales


def _codes(rows: np.ndarray, steps: float | np.ndarray) -> Codes:
    """Rows as codes; steps: one, or one of each row, which is wider where a code would be above
    127."""
    steps = np.maximum(steps, np.abs(rows).max(axis=1, initial=0) / 127)
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
