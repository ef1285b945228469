"""Any bytes as characters that can be shown: text as text, the rest as escapes."""

from __future__ import annotations

from collections.abc import Iterator

SPACES = "\n\t "
"""What `is_text` takes for text though it is not printable."""

DIGITS = 20
"""Bytes that `line` shows of data that are no text."""
LOOK = 1 << 16
"""Bytes by which `is_text` judges."""


def characters(data: bytes) -> Iterator[tuple[str, int]]:
    """The characters of UTF-8 with the bytes that each takes.

    A byte that is no UTF-8 is a lone surrogate, as `surrogateescape` makes it.
    """
    for character in data.decode("utf-8", "surrogateescape"):
        yield character, len(character.encode("utf-8", "surrogateescape"))


def is_text(data: bytes) -> bool:
    """Whether nine tenths of the first characters are printable, and none is zero."""
    shown = data[:LOOK].decode("utf-8", "surrogateescape").replace("\r", "")
    good = sum(character.isprintable() or character in SPACES for character in shown)
    return "\0" not in shown and good >= 0.9 * len(shown)


def escaped(character: str) -> str:
    r"""A printable character as it is; any other as \n, \t, \r, \x and 2 digits, or \u{...}."""
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        code -= 0xDC00
    elif code >= 0x80:
        return f"\\u{{{code:x}}}"
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code, f"\\x{code:02x}")


def whole(data: bytes, place: int) -> int:
    """The beginning of the character of UTF-8 that has the byte at `place`, if it is one."""
    for back in range(min(4, place + 1)):
        if place < len(data) and data[place - back] & 0xC0 != 0x80:
            return place - back
    return place


def line(data: bytes, start: int, stop: int, *, text: bool) -> str:
    """Some of the data on one line: their characters, or the first of their bytes as digits."""
    if not text:
        digits = data[start : min(stop, start + DIGITS)].hex(" ")
        return digits + (" ..." if stop - start > DIGITS else "")
    part = data[whole(data, start) : whole(data, stop)]
    return "".join(escaped(character) for character, _ in characters(part))
