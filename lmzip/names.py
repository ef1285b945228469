"""How names of files are shown, which may hold any byte but a null."""

from __future__ import annotations

import unicodedata

_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
"""Controls, halves of surrogate pairs, ends of lines and paragraphs."""
_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""What changes the direction of the text behind it."""


def shown(text: str) -> str:
    r"""A name, or a message with names in it, as one line that no terminal takes for commands.

    >>> print(shown("a\n\x1b[2J\udcff"))
    a\n\x1b[2J\xff
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is no UTF-8, as `os.fsdecode` has it
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) in _CATEGORIES or (
        unicodedata.bidirectional(character) in _DIRECTIONS
    ):
        return character.encode("unicode_escape").decode()
    return character
