"""Bytes that are samples, made up, and a memory that reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
from make_golden import Dice, walk

from lmzip.codec.entry import entry
from lmzip.codec.levels import PRESETS
from lmzip.codec.memory import contexts
from lmzip.codec.memory.tables import Memory, empty_memory


def fax(width: int, height: int) -> bytes:
    """Rows of black and white pixels, eight in a byte; a row differs little from that above."""
    dice, row, made = Dice(7), bytearray(width), b""
    for _ in range(height):
        for place in range(0, width - 5, 7):
            if dice.below(4) > 0:
                row[place + dice.below(5)] = dice.below(256)
        made += row
    return made


def heights(width: int, height: int, order: Any) -> bytes:
    """A map of steep hills: an image of one channel, whose samples have two bytes."""
    dice, made = Dice(9), bytearray()
    row = [level for _ in range(0, width, 25) for level in [walk(dice, 16000)] * 25]
    row = [walk(dice, 30, level) for level in row]
    for _ in range(height):
        row = [walk(dice, 30, level) for level in row]
        made += b"".join((2 * level).to_bytes(2, order, signed=True) for level in row)
    return bytes(made)


def loud(count: int, channels: int = 2) -> bytes:
    """Sound of which the lower bytes are noise, and the higher ones no steps of one."""
    dice, made, levels = Dice(11), bytearray(), [0] * channels
    for _ in range(count):
        levels = [walk(dice, 3500, level) for level in levels]
        for level in levels:
            made += level.to_bytes(2, "little", signed=True)
    return bytes(made)


def resonance(count: int) -> bytes:
    """Sound of a byte a sample: noise behind a filter of the second order."""
    dice, made, last, before = Dice(12), bytearray(), 0, 0
    for _ in range(count):
        last, before = (18 * last - 9 * before) // 10 + dice.below(13) - 6, last
        made.append(128 + last)
    return bytes(made)


def empty(level: int = 5) -> Memory:
    return empty_memory(PRESETS[level].contexts, 6)


@entry
def pass_bytes(memory, text):
    for i in range(text.shape[0]):
        contexts.pass_byte(memory, np.int64(text[i]))
