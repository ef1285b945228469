"""Makes files that must be refused, each for a reason of its own: `make_bad_files.py DIRECTORY`.

Whatever a checksum could notice before the fault in question is sealed anew, so that each file
fails for the reason in its name. Sizes are those of the format, no test's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import lmzip
from lmzip.codec import code_hash
from lmzip.container import (
    BLOCK_SIZE,
    CODE_SIZE,
    CODED,
    DIGEST_SIZE,
    MAGIC,
    STORED,
    VERSION,
    BlockHeader,
    Header,
    Trailer,
)
from lmzip.errors import (
    CorruptError,
    FormatError,
    LMZError,
    MismatchError,
    TruncatedError,
    UnsupportedError,
)


@dataclasses.dataclass(frozen=True)
class BadFile:
    """A file and how it fails."""

    name: str
    data: bytes
    error: type[LMZError]
    message: str
    """Part of the error's message."""


TEXT = b"the rain falls on the old stone bridge, " * 5
HEADER = Header(1, code_hash()[:CODE_SIZE])
HEAD = HEADER.pack()


def stored_block(data: bytes, index: int, **changes: int) -> bytes:
    """A stored block with some fields changed, sealed."""
    crc = zlib.crc32(data)
    block = BlockHeader(STORED, len(data), len(data), crc, crc, 0)
    return dataclasses.replace(block, **changes).pack(index) + data


def trailer(data: bytes, blocks: int, **changes: int | bytes) -> bytes:
    """The trailer of an archive of `data` with some fields changed, sealed."""
    digest = hashlib.sha256(data).digest()[:DIGEST_SIZE]
    return dataclasses.replace(Trailer(blocks, len(data), digest), **changes).pack()


def sealed_header(version: int, level: int) -> bytes:
    fields = struct.pack("<4sBB", MAGIC, version, level) + HEADER.code
    return fields + struct.pack("<I", zlib.crc32(fields))


def flip(data: bytes, at: int) -> bytes:
    """One bit wrong."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def foreign() -> Iterator[BadFile]:
    """Files that are something else, or a part of an archive's beginning."""
    yield BadFile("empty", b"", FormatError, "it is empty")
    for name, start, message in (
        ("text", b"this is a text", "begins with 74 68 69 73"),
        ("gzip", b"\x1f\x8b\x08\0", "begins with 1F 8B 08 00"),
        ("xz", b"\xfd7zXZ\0", "begins with FD 37 7A 58"),
        ("zeros", bytes(4), "begins with 00 00 00 00"),
        ("magic-wrong", MAGIC[:3] + b"[", "begins with 8C 4C 4D 5B"),
        ("magic-reversed", MAGIC[::-1], "begins with 5A 4D 4C 8C"),
        ("magic-without-first-bit", b"\x0cLMZ", "begins with 0C 4C 4D 5A"),
    ):
        yield BadFile(name, start + bytes(100), FormatError, message)
    for name, size in (("byte", 1), ("magic", 4), ("header-cut", 17)):
        message = f"ends after {size} bytes, in its header"
        yield BadFile(f"only-{name}", HEAD[:size], TruncatedError, message)
    yield BadFile("only-header", HEAD, TruncatedError, "after 18 bytes, before a block")


def headers() -> Iterator[BadFile]:
    """Wrong headers, sealed but for the one whose seal is wrong."""
    rest = trailer(b"", 0)
    for version in (0, 2, VERSION | 0x80, 255):
        data = sealed_header(version, 1) + rest
        yield BadFile(f"version-{version}", data, UnsupportedError, f"format version {version}:")
    for level in (0, 10, 1 | 0x80, 255):
        data = sealed_header(VERSION, level) + rest
        yield BadFile(f"level-{level}", data, UnsupportedError, f"of level {level}:")
    yield BadFile("header-checksum", flip(HEAD, 14) + rest, CorruptError, "header is damaged")
    other = Header(1, b"\xee" * CODE_SIZE).pack()
    yield BadFile("code-unknown", other + rest, UnsupportedError, "by the code eeeeeeeeeeeeeeee")


def blocks(coded: bytes) -> Iterator[BadFile]:
    """Wrong blocks; `coded` is a sound archive of one coded block of TEXT."""
    head, end = HEAD, trailer(TEXT, 1)
    body = Header.SIZE + BlockHeader.SIZE
    good = BlockHeader.unpack(coded[Header.SIZE : body], 0)

    def with_fields(**changes: int) -> bytes:
        return head + dataclasses.replace(good, **changes).pack(0) + coded[body:]

    for kind in (3, 0x81, 255):
        data = head + bytes([kind]) + coded[Header.SIZE + 1 :]
        yield BadFile(f"block-type-{kind}", data, CorruptError, f"no block of type {kind};")
    yield BadFile(
        "block-checksum", flip(coded, body - 1), CorruptError, "the header of block 0 is damaged"
    )
    yield BadFile("block-header-cut", coded[: body - 1], TruncatedError, "in its block header")
    for size in (0, BLOCK_SIZE + 1, 0x80000000, 0xFFFFFFFF):
        data = with_fields(raw_size=size)
        yield BadFile(f"block-of-{size}", data, FormatError, f"claims {size} bytes")
    data = with_fields(stored_size=0xFFFFFFFF)
    yield BadFile("coded-larger", data, FormatError, "block 0 is coded, but no smaller")
    full = random.Random(1).randbytes(BLOCK_SIZE)
    data = head + stored_block(full, 0) + stored_block(TEXT, 1, type=CODED) + end
    yield BadFile("coded-as-large", data, FormatError, "block 1 is coded, but no smaller")
    data = head + stored_block(TEXT, 0, stored_size=len(TEXT) - 1) + end
    yield BadFile("stored-of-another-size", data, FormatError, "but in another size")
    for field, at in (("canary", 0), ("raw_crc", 1)):
        data = head + stored_block(full, 0) * at + stored_block(TEXT, at, **{field: 1}) + end
        message = f"block {at} is stored as it was, but has values of a coded one"
        yield BadFile(f"stored-with-{field}", data, FormatError, message)
    yield BadFile("payload-checksum", flip(coded, body), CorruptError, "CRC-32 of its stored bytes")
    data = coded[: body + good.stored_size - 1]
    yield BadFile("payload-cut", data, TruncatedError, "in the stored bytes of block 0")
    data = with_fields(canary=good.canary ^ 1)
    yield BadFile("canary", data, MismatchError, "first probabilities of block 0 differ")
    data = with_fields(raw_crc=good.raw_crc ^ 1)
    yield BadFile("raw-checksum", data, MismatchError, "block 0 decodes to other data")


def order() -> Iterator[BadFile]:
    """Blocks that are each sound, in an order in which none were written."""
    datas = [random.Random(i).randbytes(BLOCK_SIZE) for i in range(5)]
    packed = [stored_block(data, i) for i, data in enumerate(datas)]
    end = trailer(b"".join(datas), 5)
    for name, places, index in (
        ("swapped", (0, 2, 1, 3, 4), 1),
        ("repeated", (0, 1, 1, 2, 3, 4), 2),
        ("dropped", (0, 1, 2, 4), 3),
    ):
        data = HEAD + b"".join(packed[i] for i in places) + end
        message = f"header of block {index} is damaged, or the block is not in its place"
        yield BadFile(f"blocks-{name}", data, CorruptError, message)
    data = HEAD + b"".join(packed[:4]) + end
    yield BadFile("last-block-dropped", data, CorruptError, "4,194,304 bytes in 4 blocks")
    data = HEAD + packed[0] + stored_block(TEXT, 1) + stored_block(TEXT, 2) + end
    yield BadFile("short-before-last", data, FormatError, "block 1 is short, but not the last")


def ends(coded: bytes) -> Iterator[BadFile]:
    """Wrong trailers, and what may not follow them."""
    body = coded[: -Trailer.SIZE]
    size = len(body)
    yield BadFile(
        "end-missing", body, TruncatedError, f"after {size} bytes, before a block or the trailer"
    )
    yield BadFile("trailer-cut", coded[:-1], TruncatedError, "in its trailer")
    yield BadFile("trailer-checksum", flip(coded, len(coded) - 1), CorruptError, "the trailer is")
    data = HEAD + trailer(TEXT, 1)
    yield BadFile("trailer-first", data, CorruptError, "holds 0 bytes in 0 blocks")
    for count in (0, 2, 0xFFFFFFFF):
        data = body + trailer(TEXT, count)
        yield BadFile(f"trailer-of-{count}-blocks", data, CorruptError, f"200 in {count};")
    for name, claim in (("0", 0), ("2^60", 1 << 60), ("2^63", 1 << 63), ("2^64-1", (1 << 64) - 1)):
        data = body + trailer(TEXT, 1, raw_size=claim)
        yield BadFile(f"trailer-of-{name}-bytes", data, CorruptError, f"counts {claim:,} in 1;")
    data = body + trailer(TEXT, 1, digest=bytes(DIGEST_SIZE))
    yield BadFile("digest", data, CorruptError, "the SHA-256 of all the data is wrong")
    yield BadFile("appended", coded + b"\0?", CorruptError, "something follows the end")
    end = len(coded) + 9
    text = f"after {end:,} bytes, in its header"
    yield BadFile("second-cut", coded + HEAD[:9], TruncatedError, text)
    data = coded + Header(1, b"\xdd" * CODE_SIZE).pack() + trailer(b"", 0)
    yield BadFile("second-of-other-code", data, UnsupportedError, "by the code dddddddddddddddd")


def bad_files() -> list[BadFile]:
    """All of them."""
    coded = lmzip.compress(TEXT, level=1)
    makers: list[Callable[[], Iterator[BadFile]]] = [
        foreign,
        headers,
        lambda: blocks(coded),
        order,
        lambda: ends(coded),
    ]
    return [file for make in makers for file in make()]


def main(directory: str) -> None:
    """Write them to a directory, with a list of what each must say."""
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    for file in bad_files():
        (target / f"{file.name}.lmz").write_bytes(file.data)
        print(f"{file.name}.lmz: {file.error.__name__}: ...{file.message}...")


if __name__ == "__main__":
    main(*sys.argv[1:])
