"""Classes of bytes, as text is made of them."""

from __future__ import annotations

from ..jit import kernel


@kernel
def is_letter(c):
    """Whether words are made of the byte: A-Z, a-z, and all above 127."""
    return 97 <= c <= 122 or 65 <= c <= 90 or c >= 128


@kernel
def is_digit(c):
    """0-9"""
    return 48 <= c <= 57


@kernel
def is_text(c):
    """Whether the byte is one of ASCII that is printed, a tab, or the end of a line."""
    return 32 <= c < 127 or c == 9 or c == 10 or c == 13


@kernel
def lower(c):
    """The byte, as a-z if it is A-Z."""
    return c + 32 if 65 <= c <= 90 else c


@kernel
def vowel_class(c):
    """1 vowel, 2 other lower case, 3 upper case, 4 space, 5 digit, 6 line end, 7 all others."""
    if c == 97 or c == 101 or c == 105 or c == 111 or c == 117 or c == 121:
        return 1
    if 97 <= c <= 122:
        return 2
    if 65 <= c <= 90:
        return 3
    if c == 32:
        return 4
    if 48 <= c <= 57:
        return 5
    return 6 if c == 10 else 7


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
