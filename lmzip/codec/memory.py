"""What has been read, looked up by context: bit histories, runs, direct counts, matches.

After every byte each of 26 contexts - the last 1 to 8 bytes, words, skipped bytes, the byte
above in a record, line or table, what followed before - is hashed, and twice a byte (before
its first and its fifth bit) the hash leads to a slot of 15 bit histories, one for every
partial nibble. The contexts and the slots follow PAQ8 (Mahoney) and its successors.

Everything is integers. A probability under adaptation is stored as `p << 10 | n`: 22 bits of
probability and a count, whose step is 1 / (n + 1.5) until the count reaches its limit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmzip.codec.bittables import share, squash_table, state_tables, step_table, stretch_table
from lmzip.codec.jit import kernel

CONTEXTS = 26
ORDERS = 7
"""The first contexts are the last 1, 2, 3, 4, 5, 6 and 8 bytes."""
DIRECT = 4
"""Contexts that also have adaptive probabilities of their own, without bit history."""
HISTORY_SIZE = 1 << 24
"""Bytes that matches can reach back."""
MATCHES = 2
"""Match pointers: one for long matches, one for short."""
MATCH_HASH = 1 << 20
BUCKET = 64
"""Bytes: three 16-bit checks, three pairs (byte, run length) from 6, three slots from 16."""
HALF = 1 << 31
"""Probability one half, count 0."""

# Registers in `Memory.at`.
(POSITION, PARTIAL, BIT, NODE, LAST4, LAST8, WORD, WORD1, WORD2, LETTERS, CLASSES) = range(11)
(LINE, LINE1, FIELD, FIELD_HASH, PERIOD, CANDIDATE, VOTES, EXPECTED, UPDATES) = range(11, 20)
REGISTERS = 20


class Memory(NamedTuple):
    """Tables of the contexts. C contexts, D direct ones, M match pointers."""

    at: np.ndarray
    """int64 [20]: registers, see above."""
    stretch: np.ndarray
    squash: np.ndarray
    following: np.ndarray
    steps: np.ndarray
    cells: np.ndarray
    """uint8 [C, 64 * buckets]"""
    checks: np.ndarray
    """The same memory as uint16."""
    hashes: np.ndarray
    """int64 [C]: of this byte's contexts."""
    slot: np.ndarray
    """int64 [C]: offsets of this nibble's histories."""
    run: np.ndarray
    """int64 [C]: offsets of this byte's run."""
    state: np.ndarray
    """int64 [C]: this bit's histories."""
    state_p: np.ndarray
    """int64 [C, 256]"""
    run_row: np.ndarray
    """int64 [C]: this bit's entry in run_p, or -1."""
    run_p: np.ndarray
    """int64 [C, 64]: by run length (to 31) and expected bit."""
    direct_hash: np.ndarray
    direct_row: np.ndarray
    direct_p: np.ndarray
    """uint32 [D, 16 * buckets]"""
    order0_p: np.ndarray
    """int64 [256], by partial byte."""
    text: np.ndarray
    """uint8 [2^24]: a ring of what was read."""
    match_table: np.ndarray
    """int32 [M, 2^20]"""
    match_at: np.ndarray
    match_length: np.ndarray
    match_misses: np.ndarray
    match_row: np.ndarray
    match_p: np.ndarray
    """int64 [M, 192]: by length, misses and expected bit."""
    places: np.ndarray
    """int64 [256, 3]: the last positions of each byte value."""
    fields: np.ndarray
    """int64 [2, 256]: where the fields of the line above and of this line begin."""
    after1: np.ndarray
    """int64 [256]: the last three bytes that followed a byte."""
    after2: np.ndarray
    """int64 [65536]: the last two bytes that followed two bytes."""


def empty_memory(log_buckets: int) -> Memory:
    """A memory that has read nothing, with 2^log_buckets buckets of 64 bytes per context."""

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    following, counts = state_tables()
    cells = np.zeros((CONTEXTS, BUCKET << log_buckets), dtype=np.uint8)
    state_p, run_p, match_p = zeros(CONTEXTS, 256), zeros(CONTEXTS, 64), zeros(MATCHES, 192)
    for state, (no, yes) in enumerate(counts.tolist()):
        # Krichevsky-Trofimov, a little bolder: (ones + 0.4) / (all + 0.8).
        p = share(10 * yes + 4, 10 * (no + yes) + 8)
        state_p[:, state] = p << 10 | min(2 * (no + yes), 30)
    for length in range(32):
        run_p[:, 2 * length] = share(1, 2 * length + 2) << 10
        run_p[:, 2 * length + 1] = share(2 * length + 1, 2 * length + 2) << 10
    for length in range(24):
        for misses in range(4):
            row = (length * 4 + misses) * 2
            odd = share(1, length + 3) if misses == 0 else share(3, 10)
            match_p[:, row] = odd << 10
            match_p[:, row + 1] = ((1 << 22) - odd) << 10
    at = zeros(REGISTERS)
    at[PARTIAL] = at[NODE] = 1
    return Memory(
        at=at,
        stretch=stretch_table(),
        squash=squash_table(),
        following=following,
        steps=step_table(),
        cells=cells,
        checks=cells.view("<u2"),
        hashes=zeros(CONTEXTS),
        # Before the first byte every context leads to its first slot.
        slot=zeros(CONTEXTS) + 16,
        run=zeros(CONTEXTS) + 6,
        state=zeros(CONTEXTS),
        state_p=state_p,
        run_row=zeros(CONTEXTS) - 1,
        run_p=run_p,
        direct_hash=zeros(DIRECT),
        direct_row=zeros(DIRECT),
        direct_p=np.full((DIRECT, 16 << log_buckets), HALF, dtype=np.uint32),
        order0_p=zeros(256) + HALF,
        text=np.zeros(HISTORY_SIZE, dtype=np.uint8),
        match_table=np.zeros((MATCHES, MATCH_HASH), dtype=np.int32),
        match_at=zeros(MATCHES),
        match_length=zeros(MATCHES),
        match_misses=zeros(MATCHES),
        match_row=zeros(MATCHES) - 1,
        match_p=match_p,
        places=zeros(256, 3),
        fields=zeros(2, 256),
        after1=zeros(256),
        after2=zeros(65536),
    )


@kernel
def mix(a, b):
    """32-bit hash of two numbers below 2^32; every product stays below 2^63."""
    h = (a * 0x2F0B4C47 + b * 0x1E35A7BD + 0x3C6EF372) & 0xFFFFFFFF
    h ^= h >> 15
    h = (h * 0x2C1B3C6D) & 0xFFFFFFFF
    return h ^ (h >> 13)


@kernel
def find(cells, checks, h, mask):
    """Offset of the slot of hash h; if there is none, the least used slot of its bucket."""
    bucket = (h >> 14) & mask
    check = max(h & 0xFFFF, 1)
    for k in range(3):
        if checks[bucket * 32 + k] == check:
            return bucket * 64 + 16 + 16 * k
    best, lowest = 0, 1000
    for k in range(3):
        used = np.int64(cells[bucket * 64 + 16 + 16 * k])
        if checks[bucket * 32 + k] == 0:
            used = -1
        if used < lowest:
            best, lowest = k, used
    checks[bucket * 32 + best] = check
    slot = bucket * 64 + 16 + 16 * best
    for node in range(15):
        cells[slot + node] = 0
    cells[bucket * 64 + 6 + 2 * best] = 0
    cells[bucket * 64 + 7 + 2 * best] = 0
    return slot


@kernel
def find_slots(s, second):
    """Look up the slots of a nibble: the byte's first, or its second."""
    mask = np.int64(s.cells.shape[1] // 64 - 1)
    for i in range(s.slot.shape[0]):
        h = s.hashes[i]
        if second:
            h = mix(h, s.at[PARTIAL] + 1)
        slot = find(s.cells[i], s.checks[i], h, mask)
        s.slot[i] = slot
        if not second:
            k = ((slot & 63) - 16) >> 4
            s.run[i] = (slot >> 6) * 64 + 6 + 2 * k


@kernel
def adapt(table, row, bit, steps, limit):
    """Move an adaptive probability towards the bit."""
    cell = np.int64(table[row])
    n = cell & 1023
    p = cell >> 10
    p += (((bit << 22) - p) * np.int64(steps[n])) >> 16
    table[row] = (min(max(p, 1), 4194303) << 10) | min(n + 1, limit)


@kernel
def byte_at(text, position):
    """The byte at a position, in the ring."""
    return np.int64(text[position & (text.shape[0] - 1)])


@kernel
def char_class(c):
    """0 other, 1 lower case, 2 upper case, 3 digit, 4 space, 5 line end, 6 above 127, 7 control."""
    if 97 <= c <= 122:
        return 1
    if 65 <= c <= 90:
        return 2
    if 48 <= c <= 57:
        return 3
    if c == 32:
        return 4
    if c == 10 or c == 13:
        return 5
    if c >= 128:
        return 6
    return 7 if c < 32 else 0


@kernel
def read_byte(s, c):
    """Byte c has been coded: remember it, and look up the contexts of the next."""
    at = s.at
    for i in range(s.run.shape[0]):
        cells, run = s.cells[i], s.run[i]
        if cells[run + 1] == 0 or cells[run] != c:
            cells[run] = c
            cells[run + 1] = 1
        elif cells[run + 1] < 255:
            cells[run + 1] += 1
    last1, last2 = at[LAST4] & 0xFF, at[LAST4] & 0xFFFF
    s.after1[last1] = (s.after1[last1] << 8 | c) & 0xFFFFFF
    s.after2[last2] = (s.after2[last2] << 8 | c) & 0xFFFF
    s.text[at[POSITION] & (s.text.shape[0] - 1)] = c
    at[POSITION] += 1
    at[LAST8] = (at[LAST8] << 8 | at[LAST4] >> 24) & 0xFFFFFFFF
    at[LAST4] = (at[LAST4] << 8 | c) & 0xFFFFFFFF
    at[PARTIAL], at[NODE], at[BIT] = 1, 1, 0
    at[CLASSES] = (at[CLASSES] << 3 | char_class(c)) & 0xFFFFFF
    read_word(s, c)
    read_line(s, c)
    read_period(s, c)
    set_contexts(s, c)
    find_slots(s, False)
    for i in range(s.match_at.shape[0]):
        follow_match(s, i, c)


@kernel
def read_word(s, c):
    """Keep the hashes of this word and of the two before."""
    at = s.at
    if 97 <= c <= 122 or 65 <= c <= 90 or c >= 128:
        at[WORD] = mix(at[WORD], c + 32 if 65 <= c <= 90 else c)
        at[LETTERS] += 1
    elif at[LETTERS] > 0:
        at[WORD2], at[WORD1], at[WORD], at[LETTERS] = at[WORD1], at[WORD], 0, 0


@kernel
def read_line(s, c):
    """Keep where this line and the line above begin, and their fields."""
    at = s.at
    if c == 10:
        at[LINE1], at[LINE] = at[LINE], at[POSITION]
        at[FIELD] = at[FIELD_HASH] = 0
        for j in range(s.fields.shape[1]):
            s.fields[0, j] = s.fields[1, j]
            s.fields[1, j] = 0
        s.fields[1, 0] = at[POSITION]
    elif c == 44 or c == 59 or c == 9 or c == 124 or c == 32:
        at[FIELD] = min(at[FIELD] + 1, s.fields.shape[1] - 1)
        at[FIELD_HASH] = 0
        s.fields[1, at[FIELD]] = at[POSITION]
    else:
        at[FIELD_HASH] = mix(at[FIELD_HASH], c + 1)


@kernel
def read_period(s, c):
    """Detect the length of records: bytes that came back three times at one distance vote."""
    at, place = s.at, s.places[c]
    distance = at[POSITION] - place[0]
    if 1 < distance < 4096 and distance == place[0] - place[1] == place[1] - place[2]:
        if distance == at[CANDIDATE]:
            at[VOTES] = min(at[VOTES] + 1, 64)
            if at[VOTES] > 12 and distance > 2:
                at[PERIOD] = distance
        else:
            at[VOTES] -= 2
            if at[VOTES] < 0:
                at[CANDIDATE], at[VOTES] = distance, 1
    place[2] = place[1]
    place[1] = place[0]
    place[0] = at[POSITION]


@kernel
def set_contexts(s, c1):
    """Hash the contexts of the next byte; c1 is the last."""
    at, h, text, position = s.at, s.hashes, s.text, s.at[POSITION]
    last4, last8, word = at[LAST4], at[LAST8], at[WORD]
    c2, c4 = (last4 >> 8) & 255, last4 >> 24
    column = min(position - at[LINE], 4095)
    above = above_next = field = field_next = np.int64(0)
    place = at[LINE1] + column
    if at[LINE] > 0 and place < at[LINE]:
        above, above_next = byte_at(text, place) + 1, byte_at(text, place + 1)
    begin = s.fields[0, at[FIELD]]
    place = begin + position - s.fields[1, at[FIELD]]
    if begin > 0 and place < position:
        field, field_next = byte_at(text, place) + 1, byte_at(text, place + 1)
    period = at[PERIOD] if at[PERIOD] > 0 else 4
    up1, up2 = byte_at(text, position - period), byte_at(text, position - 2 * period)
    up_next = byte_at(text, position - period + 1)
    h[0] = mix(1, c1)
    h[1] = mix(2, last4 & 0xFFFF)
    h[2] = mix(3, last4 & 0xFFFFFF)
    h[3] = mix(4, last4)
    h[4] = mix(mix(5, last4), last8 & 0xFF)
    h[5] = mix(mix(6, last4), last8 & 0xFFFF)
    h[6] = mix(mix(7, last4), last8)
    h[7] = mix(mix(8, word), c1)
    h[8] = mix(mix(9, word), at[WORD1])
    h[9] = mix(mix(10, word), at[WORD2] + c1)
    h[10] = mix(mix(mix(11, word), at[WORD1]), at[WORD2])
    h[11] = mix(12, last4 & 0xFFFF00)
    h[12] = mix(13, last4 & 0xFF00FF)
    h[13] = mix(14, last4 & 0xFFFF0000)
    h[14] = mix(mix(15, up1), position % period + period * 4096)
    h[15] = mix(mix(16, up1 + c1 * 256), period)
    h[16] = mix(mix(17, up1 + up2 * 256), up_next + period * 256)
    h[17] = mix(mix(18, above), column)
    h[18] = mix(mix(19, above), above_next + c1 * 256)
    h[19] = mix(mix(20, at[FIELD_HASH]), at[FIELD])
    h[20] = mix(mix(21, field), field_next + c1 * 256)
    h[21] = mix(22, at[CLASSES])
    h[22] = mix(mix(23, c1), s.after1[c1])
    h[23] = mix(mix(24, last4 & 0xFFFF), s.after2[last4 & 0xFFFF])
    h[24] = mix(mix(25, at[WORD1]), c1 + at[LETTERS] * 256)
    h[25] = mix(mix(26, c4), c2 + 256 * (at[CLASSES] & 0x3F))
    direct = s.direct_hash
    direct[0] = mix(31, c1)
    direct[1] = mix(32, last4 & 0xFFFF)
    direct[2] = mix(33, last4 & 0xFFFFFF)
    direct[3] = mix(mix(34, word), c1)


@kernel
def follow_match(s, i, c):
    """Move match pointer i past byte c; look for another one where it is not long.

    A pointer survives up to eight mismatches in a row: behind a changed word the match goes on.
    """
    at, text, position = s.at, s.text, s.at[POSITION]
    shortest = 12 if i == 0 else 5
    if s.match_at[i] > 0:
        if byte_at(text, s.match_at[i]) == c:
            s.match_length[i] = min(s.match_length[i] + 1, 65535)
            if s.match_length[i] > 15:
                s.match_misses[i] = 0
        else:
            s.match_length[i] = 0
            s.match_misses[i] += 1
        s.match_at[i] += 1
        if s.match_misses[i] > 8:
            s.match_at[i] = s.match_length[i] = 0
    h = mix(mix(41 + i, at[LAST4]), at[LAST8] if i == 0 else at[LAST8] & 0xFF)
    if i == 0:
        before = byte_at(text, position - 9) << 8 | byte_at(text, position - 10)
        h = mix(h, before << 8 | byte_at(text, position - 11))
    h &= s.match_table.shape[1] - 1
    if s.match_length[i] < shortest:
        found = np.int64(s.match_table[i, h])
        if found > 0 and position - found < text.shape[0] - 64:
            length = 0
            while length < 64 and byte_at(text, found - 1 - length) == byte_at(
                text, position - 1 - length
            ):
                length += 1
            if length >= shortest and length > s.match_length[i]:
                s.match_at[i], s.match_length[i], s.match_misses[i] = found, length, 0
    s.match_table[i, h] = position & 0x7FFFFFFF
