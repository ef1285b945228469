"""The container: every damaged bit is found, every impossible value refused, before any model."""

from __future__ import annotations

import dataclasses
import struct
import zlib

import pytest

from lmzip.container import (
    BLOCK_SIZE,
    CODED,
    STORED,
    BlockHeader,
    Header,
    Parser,
    Trailer,
)
from lmzip.errors import (
    CorruptError,
    FormatError,
    LMZError,
    TruncatedError,
    UnsupportedError,
)

HEADER = Header(level=1, code=b"codecode")
DATA = b"abc"
BLOCK = BlockHeader(STORED, 3, 3, zlib.crc32(DATA), zlib.crc32(DATA), 0)
TRAILER = Trailer(blocks=1, raw_size=3, digest=bytes(range(16)))
ARCHIVE = HEADER.pack() + BLOCK.pack(0) + DATA + TRAILER.pack()


def walk(archive: bytes) -> list:
    """All parts of an archive."""
    parser, parts, at = Parser(), [], 0
    while not parser.done:
        piece = archive[at : at + parser.needed]
        parser.check_start(piece)
        if len(piece) < parser.needed:
            raise parser.truncated(piece)
        at += len(piece)
        parts.append(parser.feed(piece))
    return [part for part in parts if part is not None]


def reseal(fields: bytes, salt: bytes = b"") -> bytes:
    """Fields with the CRC-32 that belongs to them."""
    return fields + struct.pack("<I", zlib.crc32(fields + salt))


def test_an_archive_is_its_parts():
    assert walk(ARCHIVE) == [HEADER, BLOCK, DATA, TRAILER]
    assert [len(part.pack()) for part in (HEADER, TRAILER)] == [Header.SIZE, Trailer.SIZE]
    assert len(BLOCK.pack(0)) == BlockHeader.SIZE


def test_every_flipped_bit_is_found():
    for bit in range(8 * len(ARCHIVE)):
        damaged = bytearray(ARCHIVE)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(LMZError):
            walk(bytes(damaged))


def test_every_wrong_value_of_every_byte_is_found():
    for at in range(len(ARCHIVE)):
        for value in range(256):
            if value != ARCHIVE[at]:
                with pytest.raises(LMZError):
                    walk(ARCHIVE[:at] + bytes([value]) + ARCHIVE[at + 1 :])


def test_every_truncation_is_found():
    with pytest.raises(FormatError, match="empty"):
        walk(b"")
    for size in range(1, len(ARCHIVE)):
        with pytest.raises(TruncatedError, match="ends after"):
            walk(ARCHIVE[:size])


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"hello", b"\x8cLMX"])
def test_foreign_files_are_told_from_damaged_ones(start):
    with pytest.raises(FormatError, match="no lmz archive"):
        walk(start + bytes(100))


def test_archives_of_another_lmzip_are_named():
    later = reseal(struct.pack("<4sBB8s", b"\x8cLMZ", 2, 1, b"codecode"))
    with pytest.raises(UnsupportedError, match="version 2"):
        walk(later)
    for level in (0, 10, 255):
        with pytest.raises(UnsupportedError, match=f"level {level}"):
            walk(dataclasses.replace(HEADER, level=level).pack())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"raw_size": 0, "stored_size": 0}, "claims 0 bytes"),
        ({"raw_size": BLOCK_SIZE + 1, "stored_size": BLOCK_SIZE + 1}, "claims"),
        ({"raw_size": 0xFFFFFFFF, "stored_size": 3}, "claims"),
        ({"type": CODED}, "no smaller"),
        ({"type": CODED, "stored_size": 4}, "no smaller"),
        ({"stored_size": 2}, "another size"),
        ({"canary": 1}, "values of a coded one"),
        ({"raw_crc": 5}, "values of a coded one"),
    ],
)
def test_values_that_no_lmzip_writes_are_refused(changes, why):
    block = dataclasses.replace(BLOCK, **changes)
    with pytest.raises(FormatError, match=why):
        walk(HEADER.pack() + block.pack(0) + DATA + TRAILER.pack())


def test_the_order_of_blocks_is_sealed():
    full = [bytes([kind]) * BLOCK_SIZE for kind in (1, 2)]
    crcs = [zlib.crc32(data) for data in full]
    blocks = [BlockHeader(STORED, BLOCK_SIZE, BLOCK_SIZE, crc, crc, 0) for crc in crcs]
    packed = [block.pack(i) + full[i] for i, block in enumerate(blocks)]
    trailer = Trailer(2, 2 * BLOCK_SIZE, bytes(16)).pack()
    assert len(walk(HEADER.pack() + packed[0] + packed[1] + trailer)) == 6
    for order in ((1, 0), (0, 0), (1, 1), (0,), (1,), (0, 1, 1)):
        with pytest.raises(CorruptError):
            walk(HEADER.pack() + b"".join(packed[i] for i in order) + trailer)


def test_only_the_last_block_may_be_short():
    with pytest.raises(FormatError, match="short, but not the last"):
        walk(HEADER.pack() + BLOCK.pack(0) + DATA + BLOCK.pack(1) + DATA + TRAILER.pack())


@pytest.mark.parametrize("changes", [{"blocks": 2}, {"raw_size": 4}, {"raw_size": 1 << 63}])
def test_the_trailer_counts(changes):
    with pytest.raises(CorruptError, match="its trailer counts"):
        walk(ARCHIVE[: -Trailer.SIZE] + dataclasses.replace(TRAILER, **changes).pack())
