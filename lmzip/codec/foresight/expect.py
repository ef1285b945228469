"""Which byte is expected, and how sure that is; then what it was.

If the chance to be wrong is below the risk of its kind, one decision is coded: whether it is that
byte. If so, nobody else is asked. Everything is integers.
"""

from __future__ import annotations

import numpy as np

from ..entry import entry
from ..jit import kernel
from ..memory.characters import is_digit, is_text
from ..memory.probabilities import adapt
from ..memory.slots import FORESEEN, NOBODY
from ..memory.tables import HISTORY_SIZE, byte_at, mix
from ..mixer.maps import MAP_LIMIT, add_maps
from ..mixer.mixer import mixed, train
from .tables import (
    ASKED,
    CHANCE,
    CLASSES,
    EXPECTED,
    HITS,
    LAST4,
    LAST8,
    LENGTH,
    LOG_CELLS,
    MATCH,
    MISSES,
    POSITION,
    ROW,
    SIZE,
    STRETCH,
    Foresight,
    class_of,
)

LIMIT = 1000
"""What the probabilities of `right` count to."""
RATE = 400
"""Of learning the weights, in units of 2^-14 / 2^16."""
CERTAIN = (1 << 22) - 16
"""The largest chance, of 2^22."""
SHORTEST, FARTHEST = 8, 400
"""Bytes that a match has at least when it is found; up to which it is told how long it is."""
PATIENCE = 8
"""Mismatches in a row after which a match is given up."""


@kernel
def expect(f):
    """Before a byte: fill EXPECTED, or NOBODY, and CHANCE, of 2^22, that it comes."""
    at, byte, row = f.at, f.byte, f.row
    byte[0] = NOBODY
    if at[MATCH] > 0 and at[LENGTH] > 0:
        byte[0] = byte_at(f.text, at[MATCH])
        row[0] = class_of(at[LENGTH]) * 4 + min(at[MISSES], 3)
    last4, last8 = at[LAST4], at[LAST8]
    for i in range(f.place.shape[0]):
        h = mix(mix(81, last4), last8 & 0xFF)
        if i == 1:
            h = mix(mix(mix(82, last4), last8), at[HITS])
        f.place[i], f.check[i] = (i << LOG_CELLS) + (h >> (32 - LOG_CELLS)), h & 0xFFFF
    for i in range(f.place.shape[0]):
        cell = np.int64(f.cells[f.place[i]])
        byte[1 + i] = NOBODY
        if cell >> 16 == f.check[i] and cell & 255 > 0:
            byte[1 + i] = (cell >> 8) & 255
            row[1 + i] = min(cell & 255, 31)
    choose(f)
    at[CHANCE] = 0
    if at[EXPECTED] >= 0:
        weigh(f)


@kernel
def choose(f):
    """EXPECTED becomes the byte for which those who expect it are surest together."""
    at, byte, said = f.at, f.byte, f.said
    for i in range(byte.shape[0]):
        if byte[i] >= 0:
            said[i] = f.stretch[np.int64(f.right[i, f.row[i]] >> 16)]
    at[EXPECTED], most = NOBODY, np.int64(-1)
    for i in range(byte.shape[0]):
        if byte[i] >= 0:
            total = np.int64(0)
            for j in range(byte.shape[0]):
                if byte[j] == byte[i]:
                    total += max(said[j], 0)
            if total > most:
                at[EXPECTED], most = byte[i], total


@kernel
def weigh(f):
    """CHANCE: what all say of EXPECTED, weighed, and what that has been worth."""
    at, byte, x = f.at, f.byte, f.inputs
    expected, agree = at[EXPECTED], 0
    for i in range(byte.shape[0]):
        x[i] = 0
        if byte[i] >= 0:
            x[i] = f.said[i] if byte[i] == expected else -f.said[i]
            agree += 1 if byte[i] == expected else 0
    x[byte.shape[0]] = 256
    length = class_of(at[LENGTH]) if byte[0] == expected else CLASSES - 1
    at[ROW] = min(agree, 3) * CLASSES + length
    stretched = mixed(x, f.weights[at[ROW]])
    at[STRETCH] = stretched
    f.map_cell[0] = expected * 256 + (at[LAST4] & 255)
    p = np.int64(f.squash[stretched + 3072]) * 2
    at[CHANCE] = min(add_maps(f.maps, f.map_cell, stretched, p) >> 3, CERTAIN)


@kernel
def is_sure(f):
    """Whether it is asked first if the byte is the one expected.

    The risk grows with what has been read: nobody learns from what is foreseen, and at first there
    is most to learn.
    """
    return f.at[CHANCE] >= (1 << 22) - min(risk(f), np.int64(f.at[POSITION]) >> 1)


@kernel
def risk(f):
    """How likely foresight may be wrong, by what the byte expected and the three before it are."""
    c, last = f.at[EXPECTED], f.at[LAST4]
    if is_digit(c):
        return f.risks[0]
    text = is_text(c) and is_text(last & 255) and is_text(last >> 8 & 255)
    return f.risks[1] if text and is_text(last >> 16 & 255) else f.risks[2]


@kernel
def learn(f, c):
    """The byte that was expected, or another: move what was said of it."""
    at, byte = f.at, f.byte
    hit = 1 if at[EXPECTED] == c else 0
    if at[EXPECTED] >= 0:
        error = (hit << 22) - np.int64(f.squash[at[STRETCH] + 3072])
        train(f.inputs, f.weights[at[ROW]], np.int32((error * RATE) >> 14))
        adapt(f.maps, f.map_cell[0], hit, f.steps, MAP_LIMIT)
    for i in range(byte.shape[0]):
        if byte[i] >= 0:
            adapt(f.right[i], f.row[i], 1 if byte[i] == c else 0, f.steps, LIMIT)
    for i in range(f.place.shape[0]):
        cell = np.int64(f.cells[f.place[i]])
        run = 1
        if cell >> 16 == f.check[i] and (cell >> 8) & 255 == c:
            run = min((cell & 255) + 1, 255)
        f.cells[f.place[i]] = f.check[i] << 16 | c << 8 | run
    at[HITS] = (at[HITS] << 1 | hit) & 0xFF


@kernel
def read(f, c):
    """Byte c is known: learn from it, and go on."""
    at, text = f.at, f.text
    learn(f, c)
    text[at[POSITION] & (text.shape[0] - 1)] = c
    at[POSITION] += 1
    at[LAST8] = (at[LAST8] << 8 | at[LAST4] >> 24) & 0xFFFFFFFF
    at[LAST4] = (at[LAST4] << 8 | c) & 0xFFFFFFFF
    if at[MATCH] > 0:
        if byte_at(text, at[MATCH]) == c:
            at[LENGTH] = min(at[LENGTH] + 1, 65535)
            if at[LENGTH] > 15:
                at[MISSES] = 0
        else:
            at[LENGTH] = 0
            at[MISSES] += 1
        at[MATCH] += 1
        if at[MISSES] > PATIENCE:
            at[MATCH] = at[LENGTH] = 0
    h = mix(mix(83, at[LAST4]), at[LAST8]) & (f.matches.shape[0] - 1)
    if at[LENGTH] < 16:
        find_match(f, np.int64(f.matches[h]))
    f.matches[h] = at[POSITION] & 0x7FFFFFFF


@kernel
def find_match(f, found):
    """Follow the bytes behind `found` from now on, if more before it agree than of the match."""
    at, text, position = f.at, f.text, f.at[POSITION]
    if found > 0 and position - found < text.shape[0] - 2 * FARTHEST:
        length = 0
        while length < FARTHEST and byte_at(text, found - 1 - length) == byte_at(
            text, position - 1 - length
        ):
            length += 1
        if length >= SHORTEST and length > at[LENGTH]:
            at[MATCH], at[LENGTH], at[MISSES] = found, length, 0


def point_match(f: Foresight, place: int, length: int) -> None:
    """Follow the bytes from a place on, with so many before it that are the last ones."""
    f.at[MATCH] = place + HISTORY_SIZE  # 0 would be none; in the ring it is the same
    f.at[LENGTH], f.at[MISSES] = length, 0


@entry
def look_ahead(f, segment, text, chance, expected):
    """Read the bytes of a segment, the first of `text`, up to the T-th that the model is asked for.

    chance, int32, and expected, int16, as long as `text`: CHANCE of each byte of which it is asked
    first whether it is the one expected, else 0; and FORESEEN if it is, that byte if it is not, or
    NOBODY. Fills SIZE, ASKED, and the segment's row of `asked`.
    """
    at, asked = f.at, f.asked[segment & 1]
    at[SIZE] = at[ASKED] = 0
    while at[SIZE] < text.shape[0] and at[ASKED] < asked.shape[0]:
        i, c = at[SIZE], np.int64(text[at[SIZE]])
        expect(f)
        sure = is_sure(f)
        chance[i] = at[CHANCE] if sure else 0
        expected[i] = at[EXPECTED] if sure else NOBODY
        if sure and c == at[EXPECTED]:
            expected[i] = FORESEEN
        else:
            asked[at[ASKED]] = c
            at[ASKED] += 1
        read(f, c)
        at[SIZE] += 1
