"""Decodes lmz archives from docs/FORMAT.md alone: NumPy and plain Python, nothing of lmzip.

    python tests/reference_decoder.py FILE.lmz [OLD | PRIOR.lmp]... > FILE

It takes what it is given for an archive of the generation that it names, whatever its code hash,
and about a second for 80 bytes at level 5. Exit status: 0, or 2 if a checksum or the structure is
wrong, or if it does not know the generation.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

from reference.codec import Codec
from reference.constants import GENERATIONS, Level
from reference.prior import MAGIC, NoPrior, Prior, read


class Damaged(ValueError):
    """The archive breaks the format, or a checksum is wrong."""


class UnknownGeneration(ValueError):
    """The archive is of a codec that this decoder does not know."""


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
    """The data of one archive, or of several, one after the other. Raises Damaged, NoPrior,
    UnknownGeneration.

    `after`: what those archives that ask for it read first, of which the end is taken. `prior`: the
    file of that which some begin with.
    """
    reader, out = Reader(data), b""
    text, begun = after[-(1 << 24) :], read(prior) if prior else None
    while reader.at < len(data) or not data:
        start, at = len(out), reader.at
        header = _header(reader)
        form = header[4] >> 6
        check(form != 3, "a table without frames")
        reads = {0: _blocks, 1: _short, 2: _blocks}[form]
        out += reads(reader, header, text, begun)
        if form == 2:
            frames, number = [], int.from_bytes(header[10:14], "little")
            while True:
                check(number & 0x7FFFFFFF == len(frames), "number of a frame")
                frames += [(reader.at - at, len(out) - start, _digest(out[start:]))]
                if number >> 31:
                    break
                start, at = len(out), reader.at
                header = _header(reader)
                check(header[4] >> 6 == 2, "a frame is missing")
                number = int.from_bytes(header[10:14], "little")
                out += _blocks(reader, header, text, begun)
            check(reader.take(len(_table(frames))) == _table(frames), "table of frames")
        while data[reader.at : reader.at + 1] == b"\0":  # padding
            reader.at += 1
    return out


def _table(frames: list[tuple[int, int, bytes]]) -> bytes:
    """What stands behind frames of these sizes, of archive and of data, and digests."""
    count = struct.pack("<I", len(frames))
    table = b"\x8cLMZ" + bytes([3 | 3 << 6, 0]) + count
    table += b"".join(struct.pack("<QQ8s", *frame) for frame in frames) + count
    return table + struct.pack("<I4s", zlib.crc32(table), b"ZML\x8c")


def _header(reader: Reader) -> bytes:
    header = reader.take(10)
    check(header[:4] == b"\x8cLMZ" and header[4] in (3, 67, 131, 195, 68), "magic or version")
    number, digest = 4 * (header[4] >> 6 == 2), (4 if header[4] == 68 else 8) * (header[5] >> 5 & 1)
    return header + reader.take(number + digest if header[4] >> 6 != 3 else 0)


class Beginning(NamedTuple):
    """What the model begins with."""

    level: Level
    scratch: bool
    text: bytes
    revision: bool
    prior: Prior | None


def _beginning(header: bytes, text: bytes, prior: Prior | None) -> Beginning:
    """As a proved header says."""
    level, scratch, old = header[5] & 15, header[5] >> 4 & 1, header[5] >> 5 & 1
    begun, revision = header[5] >> 6 & 1, header[5] >> 7
    sound = old >= revision and not (begun and scratch)
    check(1 <= level <= 9 and sound, "level or options")
    code = header[6:10]
    if begun:
        check(prior is not None, "a prior is needed")
        check((prior.name, prior.level) == (code, level), "another prior")
        code = prior.code
    if code[0] not in GENERATIONS:
        known = ", ".join(map(str, GENERATIONS))
        raise UnknownGeneration(f"it is of generation {code[0]}, and known here are: {known}")
    if old:
        wanted = _digest(len(text).to_bytes(8, "little") + text)
        size = 4 if header[4] & 63 == 4 else 8
        check(header[-size:] == wanted[:size], "what to read")
    check(code[0] > 2 or not revision, "a revision")
    of_level = GENERATIONS[code[0]][level]
    before, with_prior = text if old else b"", prior if begun else None
    return Beginning(of_level, scratch == 1, before, revision == 1, with_prior)


def _new_codec(beginning: Beginning, first: int) -> Codec:
    """A model that has read what it is to read before a first block of that many bytes."""
    level, scratch, text, revision, prior = beginning
    codec = Codec(level, scratch, prior)
    if prior is not None:
        codec.read(prior.text, len(text) + first)
    codec.read(text, first)
    if revision:
        codec.expect_revision(text)
    return codec


def _short(reader: Reader, header: bytes, text: bytes, prior: Prior | None) -> bytes:
    sizes, told, longest = [0, 0], header, 2 if header[4] & 63 == 3 else 3
    for k in range(2):
        for digit in range(longest):
            byte = reader.take(1)
            told += byte
            sizes[k] += (byte[0] & 127) << 7 * digit
            if byte < b"\x80":
                check(byte > b"\0" or digit == 0, "a size")
                break
        else:
            raise Damaged("a size")
    size, stored_size = sizes
    body = reader.sealed(stored_size + 4, "the archive", told)
    beginning = _beginning(header, text, prior)
    check(0 < size < 1 << (14 if longest == 2 else 20) and stored_size <= size, "sizes")
    block = body[:-4]
    if stored_size < size:
        codec = _new_codec(beginning, size)
        codec.canary()
        block = codec.decode(block, size)
    check(_digest(block)[:4] == body[-4:], "SHA-256 of the data")
    return block


def _blocks(reader: Reader, header: bytes, text: bytes, prior: Prior | None) -> bytes:
    codec, out, blocks, full, first = None, b"", 0, True, 0
    unlearned: list[bytes] = []
    while full:
        sealed = reader.sealed(8, f"the header of block {blocks}", _digest(out) + header)
        beginning = _beginning(header, text, prior)
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
                codec = _new_codec(beginning, first)
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
    except (Damaged, NoPrior, UnknownGeneration) as error:
        print(f"reference_decoder: {sys.argv[1]}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
