"""Any bytes as characters that can be shown: text as text, the rest as escapes."""

from __future__ import annotations

from collections.abc import Iterator

SPACES = "\n\t "
"""What `is_text` takes for text though it is not printable."""


def characters(data: bytes) -> Iterator[tuple[str, int]]:
    """The characters of UTF-8 with the bytes that each takes.

    A byte that is no UTF-8 is a lone surrogate, as `surrogateescape` makes it.
    """
    for character in data.decode("utf-8", "surrogateescape"):
        yield character, len(character.encode("utf-8", "surrogateescape"))


def is_text(data: bytes) -> bool:
    """Whether nine tenths of the characters are printable, and none is zero."""
    shown = data.decode("utf-8", "surrogateescape").replace("\r", "")
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


def line(data: bytes) -> str:
    """Bytes as one line."""
    return "".join(escaped(character) for character, _ in characters(data))
