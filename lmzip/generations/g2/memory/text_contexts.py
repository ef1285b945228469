"""The contexts from number 31 on, and what only they need to know of the bytes read.

Most of them are for text: stems, what stands between words, text without case, open brackets,
lines. Only the high levels use them; the others skip this module.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from .characters import is_letter, lower, vowel_class
from .matches import length_class
from .tables import (
    CLASSES,
    FOLDED,
    FOLDED8,
    GAP,
    LAST4,
    LAST8,
    LETTERS,
    LINE,
    LINE1,
    OPENED,
    POSITION,
    PUNCTUATION,
    QUOTED,
    STEM,
    STEM1,
    VOWELS,
    WORD,
    WORD1,
    WORD2,
    WORD3,
    byte_at,
    mix,
)

STEM_LETTERS = 5


@kernel
def note_text(s, c):
    """Note byte c, before the registers of `contexts.py` have: they still tell of those before."""
    at = s.at
    read_gap(s, c)
    read_folded(s, c)
    at[VOWELS] = (at[VOWELS] << 3 | vowel_class(c)) & 0x3FFFFFFF
    if c == 34:
        at[QUOTED] ^= 1
    elif c == 40 or c == 91 or c == 123 or c == 60:
        # The brackets ( [ { < differ in c >> 3.
        at[OPENED] = (at[OPENED] << 4 | c >> 3) & 0xFFFFF
    elif c == 41 or c == 93 or c == 125 or c == 62:
        at[OPENED] = 0


@kernel
def read_gap(s, c):
    """Keep the stems of this word and of the last, and what is between the words."""
    at = s.at
    if is_letter(c):
        if at[LETTERS] < STEM_LETTERS:
            at[STEM] = mix(at[STEM], lower(c))
        return
    if at[LETTERS] > 0:
        at[WORD3] = at[WORD2]
        at[STEM1], at[STEM], at[GAP] = at[STEM], 0, 0
    at[GAP] = mix(at[GAP], c)
    if c != 32:
        at[PUNCTUATION] = c


@kernel
def read_folded(s, c):
    """Keep the last eight bytes of a text without case, digits, line ends and indentation."""
    at = s.at
    folded = lower(c)
    if 48 <= c <= 57:
        folded = 48
    elif c < 32:
        folded = 32
    if folded != 32 or at[FOLDED] & 255 != 32:
        at[FOLDED8] = (at[FOLDED8] << 8 | at[FOLDED] >> 24) & 0xFFFFFFFF
        at[FOLDED] = (at[FOLDED] << 8 | folded) & 0xFFFFFFFF


@kernel
def set_text_contexts(s, above):
    """Hash the contexts from number 31 on. above: the byte above and 1, or 0."""
    at, h, text, position = s.at, s.next_hashes, s.text, s.at[POSITION]
    last4, c1 = at[LAST4], at[LAST4] & 255
    word, word1, word3 = at[WORD], at[WORD1], at[WORD3]
    folded, folded8, stem1, gap = at[FOLDED], at[FOLDED8], at[STEM1], at[GAP]
    opened = at[OPENED] + (at[QUOTED] << 20)
    column = min(position - at[LINE], 4095)
    line_length = min(at[LINE] - at[LINE1], 65535)
    first = byte_at(text, at[LINE]) if column > 0 else np.int64(0)
    expected = length = np.int64(0)
    for i in range(s.match_at.shape[0]):
        if s.match_at[i] > 0 and expected == 0:
            expected = byte_at(text, s.match_at[i]) + 1
            length = length_class(s.match_length[i])
    h[31] = mix(mix(101, expected), length)
    h[32] = mix(mix(102, column), c1)
    h[33] = mix(mix(103, opened), c1)
    h[34] = mix(mix(104, opened), word)
    h[35] = mix(mix(105, line_length), column)
    h[36] = mix(mix(106, word), stem1)
    h[37] = mix(mix(mix(107, gap), word1), at[LETTERS])
    h[38] = mix(mix(108, word), gap)
    h[39] = mix(mix(109, first), word)
    h[40] = mix(mix(110, at[CLASSES]), c1)
    h[41] = mix(mix(111, word), at[PUNCTUATION])
    h[42] = mix(mix(112, above), last4 & 0xFFFF)
    h[43] = mix(113, folded & 0xFFFFFF)
    h[44] = mix(114, folded)
    h[45] = mix(mix(115, folded), folded8 & 0xFFFF)
    h[46] = mix(mix(116, folded), folded8)
    h[47] = mix(mix(117, at[VOWELS]), last4 & 0xFFFF)
    h[48] = mix(mix(118, first), column)
    h[49] = mix(mix(119, last4 & 0xFFFF0000), at[LAST8] & 0xFFFF)
    h[50] = mix(mix(120, above), word)
    h[51] = mix(mix(mix(121, word), c1), column)
    h[52] = mix(mix(122, at[STEM]), stem1)
    h[53] = mix(mix(mix(123, word), word1), word3)
    h[54] = mix(mix(mix(mix(124, word1), at[WORD2]), word3), c1)
    h[55] = mix(mix(125, expected), last4 & 0xFFFF)
    h[56] = mix(mix(126, expected), word)
    h[57] = mix(mix(mix(127, gap), word), word1)
