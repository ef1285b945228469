"""What the transformer is told of the past: which bytes followed a context, and how often.

A context of a kind (the last bytes, the word, ..) leads to a slot: up to 14 candidate bytes with
counts, sorted by count, as in PPM (Cleary, Witten 1984). Before a position its slots become

* tokens, whose embeddings the transformer reads: the last bytes, the first candidate of every
  slot, and how often that one and all were seen;
* candidates: each adds `gate * table[kind, class of its count, class of all counts]` to the logit
  of its byte. The transformer returns the gates, the table is learned.

Everything but the gates and the table is integers. What they add to the logits is in
`transformer/kernels/candidates.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..jit import kernel
from ..levels import Preset
from ..native.intrinsics import prefetch
from ..native.structs import Struct, zeros
from .characters import is_letter, lower
from .tables import mix

SYMBOLS = 256
"""Values of a byte."""
HISTORY = 3
"""Preceding bytes that are embedded, each with rows of its own."""
KINDS = 11
"""Kinds of contexts that have slots, see `hash_of`."""
NO_CANDIDATE = 256
"""Stands for the first candidate of an empty slot."""
STATES = 144
"""Class of a candidate's count * 12 + class of the slot's."""
CANDIDATES = 14
"""Bytes that a slot remembers."""
SLOT = 32
"""Bytes of a slot: a check of 16 bits, 14 candidates from 2, their counts from 16."""
MOST = 255
"""When a count reaches it, all counts of its slot are halved."""
FAST = (4, 5, 6, 7)
"""Kinds that forget fast: orders 5, 6, 8 and 16."""
NOBODY, FORESEEN = -1, -2
"""Of a byte: none was expected with certainty; it was the one expected, and nobody is asked."""

# Registers: the last 16 bytes, four in each; this word and the one before.
(LAST4, LAST8, LAST12, LAST16, WORD, WORD1) = range(6)
REGISTERS = 6


@dataclass(frozen=True, eq=False)
class Slots(Struct):
    """K kinds of contexts; N = 2T rows, so that of two segments all is known: position t of a block
    has row t mod N."""

    cells: np.ndarray
    """uint8 [K << log_slots, 32]"""
    registers: np.ndarray
    """int64 [7]"""
    place: np.ndarray
    """int64 [K]: the slots of this position."""
    check: np.ndarray
    """int64 [K]"""
    tokens: np.ndarray
    """int64 [N, 3 + 2K]: rows of the embedding."""
    candidates: np.ndarray
    """uint8 [N, K, 14]"""
    classes: np.ndarray
    """uint8 [N, K, 14]: of the candidates' counts; 0 where there is no candidate."""
    totals: np.ndarray
    """uint8 [N, K]: class of the sum of all counts."""
    classes_of: np.ndarray
    """uint8 [256]: `count_class` of every count."""


def empty_slots(preset: Preset, old: Slots | None = None) -> Slots:
    """Slots before a block's first byte. What the slots of `old` contain is kept."""
    kinds, rows = kind_count(preset), 2 * preset.segment
    cells = zeros((kinds << preset.log_slots, SLOT), np.uint8) if old is None else old.cells
    return Slots(
        cells=cells,
        registers=zeros(REGISTERS, np.int64),
        place=zeros(kinds, np.int64),
        check=zeros(kinds, np.int64),
        tokens=zeros((rows, HISTORY + 2 * kinds), np.int64),
        candidates=zeros((rows, kinds, CANDIDATES), np.uint8),
        classes=zeros((rows, kinds, CANDIDATES), np.uint8),
        totals=zeros((rows, kinds), np.uint8),
        classes_of=np.array([class_of(count) for count in range(MOST + 1)], dtype=np.uint8),
    )


def kind_count(preset: Preset) -> int:
    """Kinds of slots that a level has."""
    return KINDS if preset.log_slots > 0 else 0


def class_of(n):
    """A count in 12 classes."""
    if n < 6:
        return n
    if n < 12:
        return 6 + (n >> 3)
    if n < 40:
        return 8 + n // 20
    return 10 + n // 90 if n < 180 else 11


count_class = kernel(class_of)
"""The same for kernels."""


@kernel
def hash_of(kind, r):
    """Hash of the context of a kind, 32 bits. r: the registers."""
    last4, last8 = r[LAST4], r[LAST8]
    if kind < 4:
        return mix(61 + kind, last4 & (0xFFFFFFFF >> (24 - 8 * kind)))
    if kind < 7:
        more = 4 if kind == 6 else kind - 3
        return mix(mix(61 + kind, last4), last8 & (0xFFFFFFFF >> (32 - 8 * more)))
    if kind == 7:
        return mix(mix(mix(mix(68, last4), last8), r[LAST12]), r[LAST16])
    if kind == 8:
        return mix(mix(69, r[WORD]), last4 & 255)
    if kind == 9:
        return mix(mix(70, r[WORD]), r[WORD1])
    return mix(71, last4 & 0xFFFF00)


def expected_of(text: np.ndarray, expected: np.ndarray | None = None) -> np.ndarray:
    """`expected` of the bytes of a text; without it, they are all asked for."""
    return np.full(len(text), NOBODY, dtype=np.int16) if expected is None else expected


@kernel
def find_places(s):
    """Where the slots of a position are; ask for their lines."""
    r, kinds = s.registers, s.place.shape[0]
    bits = 0
    while kinds << bits < s.cells.shape[0]:
        bits += 1
    for kind in range(kinds):
        h = hash_of(kind, r)
        place = (kind << bits) + (h >> (32 - bits))
        s.place[kind], s.check[kind] = place, max(h & 0xFFFF, 1)
        prefetch(s.cells, place * SLOT)


@kernel
def look_up(s, row):
    """Fill the row of a position from its slots, and change nothing in these."""
    r, kinds = s.registers, s.place.shape[0]
    for back in range(HISTORY):
        s.tokens[row, back] = SYMBOLS * back + ((r[LAST4] >> (8 * back)) & 255)
    find_places(s)
    for kind in range(kinds):
        place, check = s.place[kind], s.check[kind]
        known = np.int64(s.cells[place, 0]) + 256 * np.int64(s.cells[place, 1]) == check
        total = np.int64(0)
        for k in range(CANDIDATES):
            count = np.int64(s.cells[place, 2 + CANDIDATES + k]) if known else 0
            s.candidates[row, kind, k] = s.cells[place, 2 + k]
            s.classes[row, kind, k] = s.classes_of[count]
            total += count
        s.totals[row, kind] = count_class(total)
        first = np.int64(s.candidates[row, kind, 0]) if known else NO_CANDIDATE
        state = np.int64(s.classes[row, kind, 0]) * 12 + s.totals[row, kind]
        s.tokens[row, HISTORY + kind] = SYMBOLS * HISTORY + first
        s.tokens[row, HISTORY + kinds + kind] = (
            SYMBOLS * HISTORY + NO_CANDIDATE + 1 + STATES * kind + state
        )


@kernel
def read(s, byte):
    """The byte of the position that was looked up last is known: count it, and go on."""
    for kind in range(s.place.shape[0]):
        cell, check = s.cells[s.place[kind]], s.check[kind]
        if np.int64(cell[0]) + 256 * np.int64(cell[1]) != check:
            cell[0], cell[1] = check & 255, check >> 8
            for k in range(2, SLOT):
                cell[k] = 0
        counts = 2 + CANDIDATES
        found = 0
        while found < CANDIDATES - 1 and cell[counts + found] > 0 and cell[2 + found] != byte:
            found += 1
        count = np.int64(cell[counts + found]) + 1 if cell[2 + found] == byte else 1
        if kind in FAST:
            for k in range(CANDIDATES):
                if cell[counts + k] > 2:
                    cell[counts + k] = (np.int64(cell[counts + k]) + 2) >> 1
        # Sorted by count, of equal ones the newest first.
        while found > 0 and cell[counts + found - 1] <= count:
            cell[2 + found] = cell[1 + found]
            cell[counts + found] = cell[counts + found - 1]
            found -= 1
        cell[2 + found], cell[counts + found] = byte, count
        if count == MOST:
            for k in range(CANDIDATES):
                cell[counts + k] = (np.int64(cell[counts + k]) + 1) >> 1
    pass_byte(s, byte)


@kernel
def pass_byte(s, byte):
    """Note a byte that no slot counts."""
    r = s.registers
    r[LAST16] = (r[LAST16] << 8 | r[LAST12] >> 24) & 0xFFFFFFFF
    r[LAST12] = (r[LAST12] << 8 | r[LAST8] >> 24) & 0xFFFFFFFF
    r[LAST8] = (r[LAST8] << 8 | r[LAST4] >> 24) & 0xFFFFFFFF
    r[LAST4] = (r[LAST4] << 8 | byte) & 0xFFFFFFFF
    if is_letter(byte):
        r[WORD] = mix(r[WORD], lower(byte))
    elif r[WORD] != 0:
        r[WORD1], r[WORD] = r[WORD], 0


@kernel
def read_segment(s, first, text):
    """Fill the rows from `first` on of known bytes: text uint8 [n]."""
    for at in range(text.shape[0]):
        look_up(s, first + at)
        read(s, np.int64(text[at]))


@kernel
def read_known(s, first, text, expected, excluded):
    """Fill the rows from `first` on of those bytes of `text`, uint8 [n], that are asked for.

    expected, int16 [n]: FORESEEN for the others, else what is excluded, or NOBODY; that is put into
    `excluded`, int64 [N]. Without any bytes, one row is filled, of the byte that would come.
    """
    row = first
    for i in range(text.shape[0]):
        if expected[i] == FORESEEN:
            pass_byte(s, np.int64(text[i]))
        else:
            look_up(s, row)
            excluded[row] = expected[i]
            read(s, np.int64(text[i]))
            row += 1
    if text.shape[0] == 0:
        look_up(s, row)
        excluded[row] = NOBODY
