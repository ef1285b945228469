"""Where coefficients of a JPEG picture begin, and what is told of them before.

Nothing is looked for but the beginning of a picture (SOI) and of a scan (SOS). When the header of
a scan has come, all segments from the beginning on are read, in one go.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from ..memory.tables import LAST4, POSITION, byte_at
from .model import get_ready
from .scan import begin, read_bits
from .tables import (
    AC,
    ACROSS,
    ACROSS_UNIT,
    COMPONENTS,
    COUNT,
    DC,
    DOWN,
    DOWN_UNIT,
    FIRST,
    ID,
    INTERVAL,
    LONGEST_CODE,
    MOST_BLOCKS,
    NATURAL,
    QUANTISED,
    SCAN,
    STARTS,
    TAKEN,
)

LONGEST_SCAN_HEADER = 6 + 2 * COMPONENTS
MOST_SEGMENTS = 256
MOST_OF_TABLES = 1 << 14
"""Bytes of segments that hold tables: others must not make it slow to look for a scan."""
DQT, DHT, SOF0, SOF1, SOF15, DRI, SOS = 0xDB, 0xC4, 0xC0, 0xC1, 0xCF, 0xDD, 0xDA


@kernel
def note_byte(j, s, c):
    """Byte c was noted by the memory."""
    if j.at[TAKEN] > 0:
        j.at[TAKEN] = 0
    elif j.at[SCAN] > 0:
        read_bits(j, c)
    else:
        look(j, s)


@kernel
def look(j, s):
    """A byte was noted that is none of coefficients: a picture begins with it, or a scan."""
    at, last4, position = j.at, s.at[LAST4], s.at[POSITION]
    if last4 & 0xFFFFFF == 0xFFD8FF:
        for k in range(STARTS - 1, 0, -1):
            j.starts[k] = j.starts[k - 1]
        j.starts[0] = position - 2
    if at[FIRST] == 0:
        if last4 & 0xFFFF == 0xFF00 | SOS and j.starts[0] > 0:
            at[FIRST] = position
        return
    size = two_bytes(s.text, at[FIRST])
    if position == at[FIRST] + 2 and size > LONGEST_SCAN_HEADER:
        at[FIRST] = 0
    elif position >= at[FIRST] + max(size, 2):
        for k in range(STARTS):
            if j.starts[k] > 0 and read_segments(j, s.text, j.starts[k] - 1, at[FIRST] - 2):
                get_ready(j)
                begin(j)
                break
        at[FIRST] = 0


@kernel
def two_bytes(text, i):
    return byte_at(text, i) << 8 | byte_at(text, i + 1)


@kernel
def read_segments(j, text, start, scan):
    """Read the segments of a picture up to its scan; both are positions of a marker. Returns
    whether all is as it should be, and the scan one that is understood."""
    forget(j)
    i, tables = start + 2, np.int64(0)
    for _ in range(MOST_SEGMENTS):
        marker, size = byte_at(text, i + 1), two_bytes(text, i + 2)
        if byte_at(text, i) != 0xFF or i > scan:
            return False
        if marker == SOS:
            return i == scan and read_scan(j, text, i + 4, size)
        sound = marker > 1 and not 0xD0 <= marker <= 0xD9 and size >= 2
        end = i + 2 + size
        if marker in (DQT, DHT):
            tables += size
        sound = sound and tables <= MOST_OF_TABLES
        if marker == DQT:
            sound = sound and read_steps(j, text, i + 4, end)
        elif marker == DHT:
            sound = sound and read_codes(j, text, i + 4, end)
        elif SOF0 <= marker <= SOF1:
            sound = sound and read_frame(j, text, i + 4, size)
        elif SOF1 < marker <= SOF15:
            sound = False  # progressive, lossless, arithmetic
        elif marker == DRI:
            j.at[INTERVAL] = two_bytes(text, i + 4)
        if not sound:
            return False
        i = end
    return False


@kernel
def forget(j):
    """Nothing is known of a picture."""
    j.at[COUNT] = j.at[INTERVAL] = 0
    for k in range(j.steps.shape[0]):
        for i in range(64):
            j.steps[k, i] = 1
    for k in range(j.codes.shape[0]):
        for n in range(LONGEST_CODE + 1):
            j.codes[k, n, 1] = 0


@kernel
def read_steps(j, text, i, end):
    """Tables of quantisation, of bytes."""
    while i < end:
        table = byte_at(text, i)
        if table > 3:
            return False
        for k in range(64):
            j.steps[table, NATURAL[k]] = max(byte_at(text, i + 1 + k), 1)
        i += 65
    return i == end


@kernel
def read_codes(j, text, i, end):
    """Huffman tables."""
    while i < end:
        head = byte_at(text, i)
        if head & 15 > 3 or head >> 4 > 1:
            return False
        table = (head >> 4) * 4 + (head & 15)
        codes, symbols = j.codes[table], j.symbols[table]
        code = total = np.int64(0)
        for n in range(1, LONGEST_CODE + 1):
            count = byte_at(text, i + n)
            codes[n, 0], codes[n, 1], codes[n, 2] = code, count, total
            code = (code + count) << 1
            total += count
        i += 17
        if total > 256:
            return False
        for k in range(total):
            symbols[k] = byte_at(text, i + k)
        i += total
    return i == end


@kernel
def read_frame(j, text, i, size):
    """Size and components of the picture."""
    at, high, wide = j.at, two_bytes(text, i + 1), two_bytes(text, i + 3)
    count = byte_at(text, i + 5)
    if byte_at(text, i) != 8 or not 0 < count <= COMPONENTS or size != 8 + 3 * count:
        return False
    most_across = most_down = np.int64(1)
    for k in range(count):
        part, c = i + 6 + 3 * k, j.components[k]
        c[ID], c[QUANTISED] = byte_at(text, part), byte_at(text, part + 2)
        c[ACROSS_UNIT], c[DOWN_UNIT] = byte_at(text, part + 1) >> 4, byte_at(text, part + 1) & 15
        if not (0 < c[ACROSS_UNIT] <= 2 and 0 < c[DOWN_UNIT] <= 2 and c[QUANTISED] < 4):
            return False
        if count == 1:
            c[ACROSS_UNIT] = c[DOWN_UNIT] = 1
        most_across, most_down = max(most_across, c[ACROSS_UNIT]), max(most_down, c[DOWN_UNIT])
    at[COUNT] = count
    at[ACROSS] = (wide + 8 * most_across - 1) // (8 * most_across)
    at[DOWN] = (high + 8 * most_down - 1) // (8 * most_down)
    return at[ACROSS] * most_across <= MOST_BLOCKS and wide > 0 and high > 0


@kernel
def read_scan(j, text, i, size):
    """The Huffman tables of the components, which must be all, and all of their coefficients."""
    count = byte_at(text, i)
    if count == 0 or count != j.at[COUNT] or size != 6 + 2 * count:
        return False
    for k in range(count):
        c, tables = j.components[k], byte_at(text, i + 2 + 2 * k)
        c[DC], c[AC] = tables >> 4, 4 + (tables & 15)
        if byte_at(text, i + 1 + 2 * k) != c[ID] or c[DC] > 3 or c[AC] > 7:
            return False
    i += 1 + 2 * count
    return byte_at(text, i) == 0 and byte_at(text, i + 1) == 63 and byte_at(text, i + 2) == 0
