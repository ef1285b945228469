"""What is noted of every byte that has been read, and the contexts that it leads to.

A context is a hash of what is known before a byte is coded: the last bytes, words, the byte
above in a line, a record or a table, what followed the last time. `tables.py` looks them up. The
kinds of contexts follow PAQ8 (Mahoney) and its successors. Those from number 31 on are in
`text_contexts.py`.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from .characters import char_class, is_letter, lower
from .matches import follow_match
from .operands import aim, note_operand
from .sample_contexts import note_sample, set_sample_contexts
from .sample_distribution import expect_byte
from .tables import (
    ALPHA,
    BIT,
    CANDIDATE,
    CLASSES,
    FIELD,
    FIELD_HASH,
    FIRST_CONTEXTS,
    LAST4,
    LAST8,
    LETTERS,
    LINE,
    LINE1,
    NODE,
    OPERAND,
    PARTIAL,
    PERIOD,
    POSITION,
    STEP,
    TOLD,
    VOTES,
    WORD,
    WORD1,
    WORD2,
    ask_for_slots,
    byte_at,
    count_run,
    find_slots,
    mix,
)
from .text_contexts import note_text, set_text_contexts


@kernel
def look_up(s):
    """Find what is known in the contexts of the next byte."""
    ask(s)
    find_slots(s, False)


@kernel
def ask(s):
    """Ask for what is known in the contexts of the next byte, and say what is expected of it."""
    set_contexts(s, s.at[LAST4] & 0xFF, s.hashes.shape[0] > FIRST_CONTEXTS)
    ask_for_slots(s, False)
    if s.at[STEP] > 0:
        expect_byte(s)
    if s.at[OPERAND] > 0:
        aim(s)


@kernel
def count_runs(s, c):
    """Byte c, whose contexts were looked up, is known: their runs go on. `pass_byte` comes next."""
    for i in range(s.run.shape[0]):
        count_run(s.cells, s.run[i], c)


@kernel
def pass_byte(s, c):
    """Note byte c, whose contexts need not have been looked up."""
    at = s.at
    if s.hashes.shape[0] > FIRST_CONTEXTS:
        note_text(s, c)
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
    for i in range(s.match_at.shape[0]):
        follow_match(s, i, c)
    note_sample(s, c)
    note_operand(s)


@kernel
def read_word(s, c):
    """Keep the hashes of this word and of the two before."""
    at = s.at
    if is_letter(c):
        at[WORD] = mix(at[WORD], lower(c))
        at[LETTERS] += 1
        at[ALPHA] = (at[ALPHA] << 5 | (c & 31)) & 0x3FFFFFFF
    elif at[LETTERS] > 0:
        at[WORD2], at[WORD1], at[WORD], at[LETTERS] = at[WORD1], at[WORD], 0, 0


@kernel
def read_line(s, c):
    """Keep where this line and the line above begin, and the fields of this and of two above."""
    at, fields = s.at, s.fields
    if c == 10:
        at[LINE1], at[LINE] = at[LINE], at[POSITION]
        fields[0, at[FIELD]] = at[FIELD_HASH]
        at[FIELD] = at[FIELD_HASH] = 0
        for j in range(fields.shape[1]):
            fields[2, j] = fields[1, j]
            fields[1, j] = fields[0, j]
            fields[0, j] = 0
    elif c == 44 or c == 59 or c == 9 or c == 124 or c == 32:
        fields[0, at[FIELD]] = at[FIELD_HASH]
        at[FIELD] = min(at[FIELD] + 1, fields.shape[1] - 1)
        at[FIELD_HASH] = 0
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
def set_contexts(s, c1, further):
    """Hash the contexts of the next byte; c1 is the last. A level uses the first of them."""
    at, h, text, position = s.at, s.next_hashes, s.text, s.at[POSITION]
    last4, last8, word = at[LAST4], at[LAST8], at[WORD]
    c2, c4 = (last4 >> 8) & 255, last4 >> 24
    column = min(position - at[LINE], 4095)
    above = above_next = np.int64(0)
    place = at[LINE1] + column
    if at[LINE] > 0 and place < at[LINE]:
        above, above_next = byte_at(text, place) + 1, byte_at(text, place + 1)
    begun = mix(at[FIELD_HASH], at[FIELD])
    field1, field2 = s.fields[1, at[FIELD]], s.fields[2, at[FIELD]]
    period = at[PERIOD] if at[PERIOD] > 0 else 4
    up1, up2 = byte_at(text, position - period), byte_at(text, position - 2 * period)
    up_next = byte_at(text, position - period + 1)
    h[0] = mix(1, c1)
    h[1] = mix(2, last4 & 0xFFFF)
    h[2] = mix(3, last4 & 0xFFFFFF)
    h[3] = mix(4, last4)
    h[4] = mix(mix(5, last4), last8 & 0xFFFF)
    h[5] = mix(mix(6, last4), last8 & 0xFF)
    h[6] = mix(mix(7, word), c1)
    h[7] = mix(mix(8, word), at[WORD1])
    h[8] = mix(mix(9, up1 + c1 * 256), period)
    h[9] = mix(mix(10, above), above_next + c1 * 256)
    h[10] = mix(mix(11, last4), last8)
    h[11] = mix(12, last4 & 0xFFFF00)
    h[12] = mix(mix(13, up1), position % period + period * 4096)
    h[13] = mix(mix(mix(14, begun), field1), field2)
    h[14] = mix(mix(15, up1 + up2 * 256), up_next + period * 256)
    h[15] = mix(mix(16, above), column)
    h[16] = mix(17, last4 & 0xFF00FF)
    h[17] = mix(18, last4 & 0xFFFF0000)
    h[18] = mix(mix(19, begun), field1)
    h[19] = mix(20, at[CLASSES])
    h[20] = mix(mix(21, c1), s.after1[c1])
    h[21] = mix(mix(22, last4 & 0xFFFF), s.after2[last4 & 0xFFFF])
    h[22] = mix(mix(23, word), at[WORD2] + c1)
    h[23] = mix(mix(mix(24, word), at[WORD1]), at[WORD2])
    h[24] = mix(mix(25, at[WORD1]), c1 + at[LETTERS] * 256)
    h[25] = mix(mix(26, c4), c2 + 256 * (at[CLASSES] & 0x3F))
    h[26] = mix(mix(27, last4 & 0xFFFFFF00), last8 & 0xFF)
    h[27] = mix(mix(28, last4), last8 & 0xFFFFFF)
    h[28] = mix(29, at[ALPHA])
    h[29] = mix(mix(30, word), at[CLASSES] & 0xFFF000)
    h[30] = mix(mix(31, at[WORD1]), at[WORD2] + c1 * 65536)
    if further:
        set_text_contexts(s, above)
    at[TOLD] = last4 & 0xFFFFFF
    if at[STEP] > 0:
        set_sample_contexts(s)
    for i in range(s.hashes.shape[0]):
        s.hashes[i] = h[i]
    direct = s.direct_hash
    direct[0] = mix(41, c1)
    direct[1] = mix(42, last4 & 0xFFFF)
    direct[2] = mix(43, last4 & 0xFFFFFF)
    direct[3] = mix(mix(44, word), c1)
