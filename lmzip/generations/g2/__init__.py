"""Everything that determines the bits of an archive, and nothing else.

It imports itself and `lmzip.interface`: so a copy of it can be frozen, under another name, as a
generation of its own (`lmzip/generations`). Importing this module is cheap: the arithmetic lives in
`loop.py`, which a caller imports only when it is about to encode or decode.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from .levels import BLOCK_SIZE, PRESETS, Preset

__all__ = [
    "BLOCK_SIZE",
    "PRESETS",
    "Preset",
    "source_bytes",
    "source_files",
    "source_hash",
    "source_name",
]


def source_files() -> list[Path]:
    """The files that determine the bits, in the order in which they are hashed.

    Learned weights are elsewhere; `learned/weights.txt` names them by their SHA-256.
    """
    here = Path(__file__).parent
    files = [*here.rglob("*.py"), here / "learned/weights.txt"]
    return sorted((path for path in files if path.parent.name != "__pycache__"), key=source_name)


def source_name(path: Path) -> str:
    """What a source file is called in the hash: relative to this folder, with `/` everywhere."""
    return path.relative_to(Path(__file__).parent).as_posix()


def source_bytes(path: Path) -> bytes:
    """What is hashed of a file: with the line ends of Unix, as a checkout may change them."""
    return path.read_bytes().replace(b"\r\n", b"\n")


@cache
def source_hash() -> bytes:
    """SHA-256 (32 bytes) over name, length (8 bytes, little-endian) and bytes of every source.

    Machine code is kept under it. What archives name is `lmzip.generations.code_hash`, which
    comments do not change.
    """
    digest = hashlib.sha256()
    for path in source_files():
        data = source_bytes(path)
        digest.update(source_name(path).encode() + b"\0" + len(data).to_bytes(8, "little") + data)
    return digest.digest()
