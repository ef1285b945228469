"""Everything that determines the bits of an archive, and nothing else.

The SHA-256 of this package's sources and learned weights is the code hash that every archive names.
Importing this module is cheap: the arithmetic lives in `lmzip.codec.loop`, which a
caller imports only when it is about to encode or decode.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from lmzip.codec.levels import BLOCK_SIZE, PRESETS, Preset

__all__ = [
    "BLOCK_SIZE",
    "PRESETS",
    "Preset",
    "code_hash",
    "source_bytes",
    "source_files",
    "source_name",
]


def source_files() -> list[Path]:
    """The files that determine the bits, in the order in which they are hashed."""
    here = Path(__file__).parent
    files = [*here.rglob("*.py"), *here.rglob("*.weights")]
    return sorted((path for path in files if path.parent.name != "__pycache__"), key=source_name)


def source_name(path: Path) -> str:
    """What a source file is called in the hash: relative to this folder, with `/` everywhere."""
    return path.relative_to(Path(__file__).parent).as_posix()


def source_bytes(path: Path) -> bytes:
    """What is hashed of a file: text with the line ends of Unix, as a checkout may change them."""
    data = path.read_bytes()
    return data.replace(b"\r\n", b"\n") if path.suffix == ".py" else data


@cache
def code_hash() -> bytes:
    """SHA-256 (32 bytes) over name, length (8 bytes, little-endian) and bytes of every source."""
    digest = hashlib.sha256()
    for path in source_files():
        data = source_bytes(path)
        digest.update(source_name(path).encode() + b"\0" + len(data).to_bytes(8, "little") + data)
    return digest.digest()
