"""Decodes lmz archives from docs/FORMAT.md alone: NumPy and plain Python, nothing of lmzip.

    python tests/reference_decoder.py FILE.lmz > FILE

It takes what it is given for an archive of this format, whatever its code hash, and about a
second for 80 bytes at level 5. Exit status: 0, or 2 if a checksum or the structure is wrong.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from pathlib import Path

from reference.codec import Codec
from reference.constants import LEVELS


class Damaged(ValueError):
    """The archive breaks the format, or a checksum is wrong."""


def check(sound: bool, what: str) -> None:
    if not sound:
        raise Damaged(what)


class Reader:
    """Takes parts of an archive from its bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        check(len(part) == size, f"the archive ends after {len(self.data)} bytes")
        self.at += size
        return part

    def sealed(self, layout: str, what: str, salt: bytes = b"") -> tuple:
        """Values that a CRC-32 follows, which covers `salt` too."""
        fields = self.take(struct.calcsize(layout))
        seal = int.from_bytes(self.take(4), "little")
        check(zlib.crc32(fields + salt) == seal, f"CRC-32 of {what}")
        return struct.unpack(layout, fields)


def decode(data: bytes) -> bytes:
    """The data of one archive, or of several, one after the other. Raises Damaged."""
    reader, out = Reader(data), b""
    while reader.at < len(data) or not data:
        out += _archive(reader)
        while data[reader.at : reader.at + 1] == b"\0":  # padding
            reader.at += 1
    return out


def _archive(reader: Reader) -> bytes:
    magic, version, level, _code = reader.sealed("<4sBB8s", "the header")
    check(magic == b"\x8cLMZ" and version == 1 and level in LEVELS, "magic, version or level")
    codec, out, blocks = Codec(level), b"", 0
    unlearned = b""
    while reader.data[reader.at : reader.at + 1] != b"\0":
        number = blocks.to_bytes(8, "little")
        kind, size, stored_size, crc, stored_crc, canary = reader.sealed(
            "<B5I", f"the header of block {blocks}", number
        )
        stored = reader.take(stored_size)
        check(zlib.crc32(stored) == stored_crc, f"CRC-32 of the stored bytes of block {blocks}")
        check(kind in (1, 2), f"type of block {blocks}")
        if unlearned:
            codec.learn(unlearned)
        if kind == 1:
            check(codec.canary() == canary, f"canary of block {blocks}")
            block = codec.decode(stored, size)
        else:
            block = stored
        check(zlib.crc32(block) == crc, f"CRC-32 of the data of block {blocks}")
        unlearned = stored if kind == 2 else b""
        out += block
        blocks += 1
    _, count, total, digest = reader.sealed("<BIQ16s", "the trailer")
    check((count, total) == (blocks, len(out)), "number of blocks or of bytes")
    check(hashlib.sha256(out).digest()[:16] == digest, "SHA-256 of the data")
    return out


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python tests/reference_decoder.py FILE.lmz > FILE", file=sys.stderr)
        return 1
    try:
        sys.stdout.buffer.write(decode(Path(sys.argv[1]).read_bytes()))
    except Damaged as error:
        print(f"reference_decoder: {sys.argv[1]}: wrong: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
