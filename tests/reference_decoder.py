"""Decodes lmz archives from docs/FORMAT.md alone: NumPy and plain Python, nothing of lmzip.

    python tests/reference_decoder.py FILE.lmz [OLD | PRIOR.lmp]... > FILE

It takes what it is given for an archive of this format, whatever its code hash, and about a
second for 80 bytes at level 5. Exit status: 0, or 2 if a checksum or the structure is wrong.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from pathlib import Path

from reference.codec import Codec
from reference.constants import LEVELS
from reference.prior import MAGIC, NoPrior, Prior, read


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

    def sealed(self, size: int, what: str, before: bytes = b"") -> bytes:
        """That many bytes, whose CRC-32 follows them; it covers `before` too."""
        part = self.take(size)
        seal = int.from_bytes(self.take(4), "little")
        check(zlib.crc32(before + part) == seal, f"CRC-32 of {what}")
        return part


def decode(data: bytes, after: bytes = b"", prior: bytes = b"") -> bytes:
    """The data of one archive, or of several, one after the other. Raises Damaged, NoPrior.

    `after`: what those archives that ask for it read first, of which the end is taken. `prior`: the
    file of that which some begin with.
    """
    reader, out = Reader(data), b""
    while reader.at < len(data) or not data:
        out += _archive(reader, after[-(1 << 24) :], read(prior) if prior else None)
        while data[reader.at : reader.at + 1] == b"\0":  # padding
            reader.at += 1
    return out


def _archive(reader: Reader, after: bytes, prior: Prior | None) -> bytes:
    header = reader.take(12)
    check(header[:5] == b"\x8cLMZ\2", "magic or version")
    if header[5] & 32:
        header += reader.take(8)
    codec, out, blocks, full, first = None, b"", 0, True, 0
    unlearned: list[bytes] = []
    while full:
        sealed = reader.sealed(8, f"the header of block {blocks}", _digest(out) + header)
        level, scratch, old = header[5] & 15, header[5] >> 4 & 1, header[5] >> 5 & 1
        begun = header[5] >> 6 & 1
        sound = header[5] < 128 and not (begun and scratch)
        check(level in LEVELS and sound, "level or options")
        if begun:
            check(prior is not None, "a prior is needed")
            check((prior.name, prior.level) == (header[6:12], level), "another prior")
        else:
            prior = None
        if old:
            check(header[12:] == _digest(len(after).to_bytes(8, "little") + after), "what to read")
        fields = int.from_bytes(sealed, "little")
        size, kind = (fields & 0xFFFFF) + 1, fields >> 20 & 15
        stored_size, canary = fields >> 24 & 0xFFFFFF, fields >> 48
        if fields == 0:
            break
        check(kind in (1, 2), f"type of block {blocks}")
        check(stored_size < size if kind == 1 else stored_size == size, f"size of block {blocks}")
        first = first or size
        body = reader.sealed(stored_size + 8, f"the stored bytes of block {blocks}")
        stored, digest = body[:-8], body[-8:]
        if kind == 1:
            if codec is None:
                codec = Codec(level, scratch == 1, prior)
                between = after if old else b""
                if prior is not None:
                    codec.read(prior.text, len(between) + first)
                codec.read(between, first)
            while unlearned:
                codec.learn(unlearned.pop(0))
            check(codec.canary() & 0xFFFF == canary, f"canary of block {blocks}")
            block = codec.decode(stored, size)
        else:
            check(canary == 0, f"canary of block {blocks}")
            block = stored
            unlearned.append(block)
        out += block
        check(_digest(out) == digest, f"SHA-256 of the data up to block {blocks}")
        blocks += 1
        full = size == 1 << 20
    return out


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:8]


def main() -> int:
    if len(sys.argv) < 2:
        print(
            "usage: python tests/reference_decoder.py FILE.lmz [OLD | PRIOR.lmp]... > FILE",
            file=sys.stderr,
        )
        return 1
    archive, *rest = (Path(name).read_bytes() for name in sys.argv[1:])
    after = b"".join(data for data in rest if not data.startswith(MAGIC))
    prior = next((data for data in rest if data.startswith(MAGIC)), b"")
    try:
        sys.stdout.buffer.write(decode(archive, after, prior))
    except (Damaged, NoPrior) as error:
        print(f"reference_decoder: {sys.argv[1]}: wrong: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
