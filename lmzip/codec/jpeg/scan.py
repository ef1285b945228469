"""The Huffman code of coefficients (ITU T.81, F.2), bit by bit."""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from .tables import (
    AC,
    ACROSS,
    ACROSS_UNIT,
    BLOCK,
    CODE,
    COMPONENT,
    COUNT,
    DC,
    DOWN,
    DOWN_UNIT,
    EXTRA,
    FRESH,
    INTERVAL,
    LENGTH,
    LONGEST_CODE,
    MARKER,
    NATURAL,
    OVER,
    PLACE,
    RING,
    SCAN,
    SIZE,
    SYMBOL,
    UNIT,
    X,
    Y,
)

LARGEST_DC = (1 << 15) - 1


@kernel
def begin(j):
    """The first bit of a scan comes next."""
    at = j.at
    at[SCAN], at[MARKER], at[UNIT], at[COMPONENT], at[BLOCK] = 1, 0, 0, 0, 0
    for k in range(j.last.shape[0]):
        j.last[k] = 0
    restart(j)
    begin_block(j)


@kernel
def restart(j):
    """An interval begins."""
    j.at[OVER] = 0
    for k in range(j.dc.shape[0]):
        j.dc[k] = 0


@kernel
def begin_code(j):
    at = j.at
    at[FRESH], at[SYMBOL] = 1, -1
    at[CODE] = at[LENGTH] = at[SIZE] = at[EXTRA] = 0


@kernel
def begin_block(j):
    """Go to the first coefficient of a block."""
    at, c = j.at, j.components[j.at[COMPONENT]]
    across, block = c[ACROSS_UNIT], at[BLOCK]
    at[X] = at[UNIT] % at[ACROSS] * across + block % across
    at[Y] = at[UNIT] // at[ACROSS] * c[DOWN_UNIT] + block // across
    here = j.blocks[at[COMPONENT], at[Y] % RING, at[X]]
    for i in range(64):
        here[i] = 0
    at[PLACE] = 0
    begin_code(j)


@kernel
def holds_coefficients(at):
    """Whether the next bit is one of a coefficient."""
    return at[SCAN] > 0 and at[OVER] == 0 and at[MARKER] == 0


@kernel
def step(j, bit):
    """A bit of a coefficient is known."""
    at = j.at
    if at[SYMBOL] >= 0:
        at[EXTRA] = at[EXTRA] * 2 + bit
        if at[EXTRA] >> at[SIZE] > 0:
            # The upper half of numbers of so many digits are themselves, the lower half negative.
            value, half = at[EXTRA] - (1 << at[SIZE]), 1 << (at[SIZE] - 1)
            end_code(j, value if value >= half else value - 2 * half + 1)
        return
    c = j.components[at[COMPONENT]]
    table = c[DC] if at[PLACE] == 0 else c[AC]
    at[CODE] = at[CODE] * 2 + bit
    at[LENGTH] += 1
    of_length = j.codes[table, at[LENGTH]]
    i = at[CODE] - of_length[0]
    if 0 <= i < of_length[1]:
        at[SYMBOL] = j.symbols[table, of_length[2] + i]
        at[SIZE], at[EXTRA] = at[SYMBOL] & 15, 1
        if at[PLACE] == 0 and at[SYMBOL] > 15:
            at[SCAN] = 0
        elif at[SIZE] == 0:
            end_code(j, np.int64(0))
    elif at[LENGTH] == LONGEST_CODE:
        at[SCAN] = 0  # no such code: these are no coefficients


@kernel
def end_code(j, value):
    """A symbol and the bits behind it are known."""
    at, symbol = j.at, j.at[SYMBOL]
    component, here = at[COMPONENT], j.blocks[at[COMPONENT], at[Y] % RING, at[X]]
    j.last[2], j.last[1], j.last[0] = j.last[1], j.last[0], symbol
    if at[PLACE] == 0:
        j.dc[component] = min(max(j.dc[component] + value, -LARGEST_DC), LARGEST_DC)
        here[0] = j.dc[component]
        at[PLACE] = 1
    elif symbol == 0:
        at[PLACE] = 64
    else:
        at[PLACE] += symbol >> 4
        if at[PLACE] > 63:
            at[SCAN] = 0
            return
        here[NATURAL[at[PLACE]]] = value
        at[PLACE] += 1
    if at[PLACE] > 63:
        end_block(j)
    else:
        begin_code(j)


@kernel
def end_block(j):
    """Go on to the next block, or to the end of an interval."""
    at = j.at
    c = j.components[at[COMPONENT]]
    at[BLOCK] += 1
    if at[BLOCK] == c[ACROSS_UNIT] * c[DOWN_UNIT]:
        at[BLOCK] = 0
        at[COMPONENT] += 1
        if at[COMPONENT] == at[COUNT]:
            at[COMPONENT] = 0
            at[UNIT] += 1
            whole = at[UNIT] == at[ACROSS] * at[DOWN]
            if whole or (at[INTERVAL] > 0 and at[UNIT] % at[INTERVAL] == 0):
                at[OVER] = 1
                if whole:
                    return
    begin_block(j)


@kernel
def end_byte(j, c, over):
    """A byte of a scan is known, and its bits have been taken. over: OVER before it."""
    at = j.at
    if at[MARKER] > 0:
        at[MARKER] = 0
        if c == 0:
            return  # FF 00 is FF
        if at[OVER] > 0 and 0xD0 <= c <= 0xD7 and at[UNIT] < at[ACROSS] * at[DOWN]:
            restart(j)
        else:
            at[SCAN] = 0
    elif c == 0xFF:
        at[MARKER] = 1
    elif over > 0:
        at[SCAN] = 0


@kernel
def read_bits(j, c):
    """A byte of a scan is known that was not predicted as one."""
    over = j.at[OVER]
    for k in range(8):
        if holds_coefficients(j.at):
            step(j, c >> (7 - k) & 1)
    end_byte(j, c, over)
