"""The mixer's first weights, learned with the trained network in front.

Documents are coded one after the other, each with a memory that is empty at first, while the mixer
goes on learning: what it has come to is what a mixer should begin with. Rows that were used most
keep what distinguishes them from their set, in steps that cost few bits (a uniform quantiser with
a wide zero, as in Sullivan 1996); all others begin as their set's mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmzip.codec.coder.bit_coder import FREQUENCY_BITS, count_ones, empty_bits, share_of_ones
from lmzip.codec.entry import entry
from lmzip.codec.learned.weights_file import Codes
from lmzip.codec.levels import PRESETS, preset_of
from lmzip.codec.loop import Codec
from lmzip.codec.memory.contexts import count_runs, look_up, pass_byte
from lmzip.codec.memory.slots import FORESEEN
from lmzip.codec.memory.tables import pass_bit, read_bit
from lmzip.codec.mixer.first_weights import (
    FINAL_OTHERS,
    FirstWeights,
    own_inputs,
    pack_weights,
    rows_of,
)
from lmzip.codec.mixer.mixer import Mixer, codable, empty_mixer, predict, train_mixer
from lmzip.priors.packing import FINAL_STEP, MIXER_STEP, OFTEN, TIMID, frequent_rows
from training.corpus import SHARES, Documents

SHORTEST, LONGEST = 1000, 65536
"""Bytes of a document that are read; its length is drawn, its logarithm uniform, between these."""
SETTLED = 1e4
"""Uses from which on a row counts no more in the mean of its set."""

WEIGHTS = ("weights", "uses", "final_weights", "final_uses")
"""What a mixer keeps from one document to the next."""


@dataclass(frozen=True)
class Path:
    """A document, and what foresight and the network say of it."""

    kind: str
    text: np.ndarray
    """uint8 [n]"""
    expected: np.ndarray
    """int16 [n]: FORESEEN, a byte that was excluded, or NOBODY, see `look_ahead`."""
    sure_bits: float
    """What the decisions cost of whether a byte is the one expected."""
    p: np.ndarray
    """int32 [n, 8]: what the network says of the bits of each byte that it is asked for."""


def drawn(documents: Documents, total: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Beginnings of documents of all kinds, about `total` bytes together, by their shares."""
    random = np.random.default_rng(seed)
    for kind, pieces in documents.items():
        left = total * max(SHARES[kind], 0.04)
        for i in random.permutation(len(pieces)):
            if left <= 0:
                break
            length = int(math.exp(random.uniform(math.log(SHORTEST), math.log(LONGEST))))
            yield kind, pieces[i][:length]
            left -= len(pieces[i][:length])


def path(level: int, kind: str, text: np.ndarray) -> Path:
    """What the level's transformer, learning as it goes, says of a document of one block."""
    p = np.zeros((len(text), 8), dtype=np.int32)
    known = np.zeros(len(text), dtype=np.int16)
    done, sure = 0, 0.0

    def note(bits, freq, part, chance, expected, *rest) -> None:
        nonlocal done, sure
        note_bits(freq, part, expected, p[done : done + len(part)])
        known[done : done + len(part)] = expected
        right = chance[chance > 0] / (1 << 22)
        sure -= np.log2(np.where(expected[chance > 0] == FORESEEN, right, 1 - right)).sum()
        done += len(part)

    codec = Codec(level, threads=1)
    # By the formula: there may be no file of first weights yet.
    codec.bits = empty_bits(preset_of(level, from_scratch=True), len(text))
    codec.encode(text.tobytes(), note)
    return Path(kind, text, known, sure, p)


@entry
def note_bits(freq, symbols, expected, p):
    """Fill p, int32 [n, 8], with what freq, int32 [asked, 256], says of the bits of symbols."""
    row = -1
    for r in range(symbols.shape[0]):
        if expected[r] == FORESEEN:
            continue
        row += 1
        first, last = 0, 256
        whole = np.int64(1 << FREQUENCY_BITS)
        for k in range(8):
            middle = (first + last) // 2
            ones = count_ones(freq[row], middle, last)
            p[r, k] = share_of_ones(ones, whole)
            if (np.int64(symbols[r]) >> (7 - k)) & 1:
                first, whole = middle, ones
            else:
                last, whole = middle, whole - ones


@entry
def read_path(bits, p, symbols, expected, said):
    """Read symbols, uint8 [n], as the codec does; `said`, int32 [n, 8], is its p of each bit."""
    s, m = bits.memory, bits.mixer
    for r in range(symbols.shape[0]):
        symbol = np.int64(symbols[r])
        if expected[r] == FORESEEN:
            pass_byte(s, symbol)
            continue
        look_up(s)
        for k in range(8):
            bit = (symbol >> (7 - k)) & 1
            if expected[r] >= 0:
                said[r, k] = codable(np.int64(p[r, k]))
                pass_bit(s, bit)
            else:
                said[r, k] = predict(s, m, np.int64(p[r, k]))
                train_mixer(m, s.steps, bit)
                read_bit(s, bit)
        count_runs(s, symbol)
        pass_byte(s, symbol)


def cost(level: int, path: Path, mixer: Mixer) -> float:
    """Bytes of a document by the whole model, with this mixer, which learns."""
    bits = empty_bits(preset_of(level, from_scratch=True), len(path.text))
    for name in WEIGHTS:
        vars(bits.mixer)[name][:] = vars(mixer)[name]
    said = np.zeros_like(path.p)
    read_path(bits, path.p, path.text, path.expected, said)
    for name in WEIGHTS:
        vars(mixer)[name][:] = vars(bits.mixer)[name]
    ones = (path.text[:, None] >> np.arange(7, -1, -1) & 1).astype(bool)
    right = np.where(ones, said, (1 << 22) - said) / (1 << 22)
    asked = path.expected != FORESEEN
    return float((path.sure_bits - np.log2(right[asked]).sum()) / 8)


def learn(level: int, paths: list[Path], seed: int = 1) -> Mixer:
    """A mixer that has gone through these documents, in some order."""
    preset = PRESETS[level]
    mixer = empty_mixer(preset.contexts, preset.sets)
    for i in np.random.default_rng(seed).permutation(len(paths)):
        cost(level, paths[i], mixer)
    return mixer


def file_of(level: int, mixer: Mixer, read: int) -> bytes:
    """The file of the weights of a mixer that has read so many bytes."""
    preset = PRESETS[level]
    rows, final_rows = rows_of(preset.sets)
    inputs = own_inputs(preset.contexts)
    final = mixer.final_weights[:, : preset.sets + FINAL_OTHERS]
    return pack_weights(
        _summed_up(mixer.weights[:, :inputs], mixer.uses, rows, MIXER_STEP, 8 * OFTEN * read),
        _summed_up(final, mixer.final_uses, final_rows, FINAL_STEP, 8 * OFTEN * read),
    )


def fresh(level: int, first: FirstWeights) -> Mixer:
    """The mixer that begins with these weights."""
    preset = PRESETS[level]
    return empty_mixer(preset.contexts, preset.sets, first)


def _summed_up(
    weights: np.ndarray, uses: np.ndarray, rows: tuple[int, ...], step: float, often: float
) -> tuple[np.ndarray, np.ndarray, Codes]:
    """Means of the sets, the numbers of rows that are kept, and their differences.

    A difference counts less where a row was seldom used, and rare rows begin as their set's mean.
    """
    weight = np.minimum(uses, SETTLED)[:, None]
    means, differences, start = [], [], 0
    for count in rows:
        part = slice(start, start + count)
        w, n = weights[part], weight[part]
        means.append((n * w).sum(0) / n.sum())
        differences.append(n / (n + TIMID) * (w - means[-1]))
        start += count
    return np.array(means), *frequent_rows(np.concatenate(differences), uses, step, often)
