"""Makes files that must be refused, each for a reason of its own: `make_bad_files.py DIRECTORY`.

Whatever a checksum could notice before the fault in question is sealed anew, so that each file
fails for the reason in its name. Sizes are those of the format, no test's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from layout import (
    Blocks,
    changed,
    end,
    of_another_code,
    put_together,
    sealed_blocks,
    take_apart,
)

import lmzip
from lmzip import container
from lmzip.container import (
    ARCHIVE_END,
    BLOCK_SIZE,
    CODED,
    END,
    NO_DATA,
    STORED,
    BlockHeader,
    Body,
)
from lmzip.errors import (
    AfterError,
    CorruptError,
    FormatError,
    LMZError,
    MismatchError,
    PriorError,
    TruncatedError,
    UnsupportedError,
)
from lmzip.generations import newest
from lmzip.header import (
    CODE_SIZE,
    DIGEST_SIZE,
    MAGIC,
    SHORT_VERSION,
    VERSION,
    Form,
    Header,
)
from lmzip.series import Frame, pack_table


@dataclasses.dataclass(frozen=True)
class BadFile:
    """A file and how it fails."""

    name: str
    data: bytes
    error: type[LMZError]
    message: str
    """Part of the error's message."""


TEXT = b"the rain falls on the old stone bridge, " * 5
HEADER = Header(1, newest().code)
HEAD = HEADER.pack()
FULL = random.Random(1).randbytes(BLOCK_SIZE)


def stored(*datas: bytes) -> Blocks:
    """Blocks of these data, stored as they are."""
    found, digest = [], hashlib.sha256()
    for data in datas:
        digest.update(data)
        body = Body(data, digest.digest()[:DIGEST_SIZE])
        found.append((BlockHeader(STORED, len(data), len(data), 0), body))
    return found


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
    for name, size in (("byte", 1), ("magic", 4), ("header-cut", 9)):
        message = f"ends after {size} bytes, in its header"
        yield BadFile(f"only-{name}", HEAD[:size], TruncatedError, message)
    message = "after 10 bytes, before the header of block 0"
    yield BadFile("only-header", HEAD, TruncatedError, message)


def with_byte(place: int, value: int, *, sealed: bool = True) -> bytes:
    """An empty archive with another byte in its header."""
    head = HEAD[:place] + bytes([value]) + HEAD[place + 1 :]
    return head + ARCHIVE_END.pack(NO_DATA + (head if sealed else HEAD))


def headers() -> Iterator[BadFile]:
    """Wrong headers; nothing can be said of a field that no CRC proves, but for the version."""
    for version in (0, 2, 4, 44, 63):
        data = with_byte(4, version, sealed=version < VERSION)
        yield BadFile(f"version-{version}", data, UnsupportedError, f"format version {version}:")
    for level in (0, 10, 15):
        data = with_byte(5, level)
        yield BadFile(f"level-{level}", data, UnsupportedError, f"of level {level}:")
    for options in (5, 8, 13):
        data = with_byte(5, 16 * options + 1)
        yield BadFile(f"options-{options}", data, UnsupportedError, f"the options {options:04b}:")
    data = with_byte(9, HEAD[9] ^ 1, sealed=False)
    yield BadFile("header-checksum", data, CorruptError, "the header of the archive, or of its")
    data = of_another_code(put_together(HEADER, []), b"\xee" * CODE_SIZE)
    yield BadFile("code-newer", data, UnsupportedError, "by the code eeeeeeee, generation 238:")
    between = newest().code[:1] + b"\xee\xee\xee"
    data = of_another_code(put_together(HEADER, []), between)
    yield BadFile("code-of-no-release", data, UnsupportedError, f"by the code {between.hex()}:")
    data = put_together(dataclasses.replace(HEADER, after=b"\xee" * DIGEST_SIZE), stored(TEXT))
    yield BadFile("after-missing", data, AfterError, "by the digest eeeeeeeeeeeeeeee, and none")
    header = Header(1, b"", prior=b"\xee" * CODE_SIZE)
    missing = put_together(header, stored(TEXT))
    yield BadFile("prior-missing", missing, PriorError, "the prior eeeeeeee is missing, with")
    yield BadFile("after-cut", data[:13], TruncatedError, "after 13 bytes, in its header")


def short(small: bytes) -> Iterator[BadFile]:
    """Wrong archives of the short form, of which `small` is a sound one of a coded block."""
    start = len(HEAD)
    for name, data, error, message in (
        ("sizes-cut", small[: start + 1], TruncatedError, "after 11 bytes, in block 0"),
        ("cut", small[:-1], TruncatedError, f"after {len(small) - 1} bytes, in"),
        ("size-wrong", flip(small, start), CorruptError, "the archive is damaged: its CRC"),
        ("empty", changed(small, raw_size=0), FormatError, "0 bytes, which no block of the short"),
    ):
        yield BadFile(f"short-{name}", data, error, message)
    data = put_together(
        dataclasses.replace(HEADER, after=b"\xee" * DIGEST_SIZE).short(SHORT_VERSION), stored(TEXT)
    )
    yield BadFile("short-after-missing", data, AfterError, "by the digest eeeeeeee, and none")


def frames() -> Iterator[BadFile]:
    """Series of frames that are not whole, and what is none."""
    packed = [
        put_together(dataclasses.replace(HEADER, form=Form.FRAME, number=i, last=i == 2), found)
        for i, found in enumerate([stored(TEXT), stored(TEXT[:9]), stored(TEXT[9:])])
    ]
    for name, places, error, message in (
        (
            "first-missing",
            (1, 2),
            CorruptError,
            "frame 0 should begin at byte 0, but frame 1 follows",
        ),
        (
            "one-missing",
            (0, 2),
            CorruptError,
            f"1 should begin at byte {len(packed[0])}, but frame 2",
        ),
        ("repeated", (0, 1, 1, 2), CorruptError, "but frame 1 follows"),
        ("last-missing", (0, 1), TruncatedError, "behind frame 1, which is not the last"),
    ):
        yield BadFile(f"frames-{name}", b"".join(packed[i] for i in places), error, message)
    table = pack_table([Frame(len(data), 9, bytes(8)) for data in packed])
    yield BadFile("frames-table-alone", table, CorruptError, "here stands a table of frames, but")
    data = packed[0] + put_together(HEADER, stored(TEXT))
    yield BadFile("frames-other-inside", data, CorruptError, "but an archive that is none")
    yield BadFile("frames-text-inside", packed[0] + TEXT, CorruptError, "but no archive does")


def blocks(coded: bytes) -> Iterator[BadFile]:
    """Wrong blocks; `coded` is a sound archive of one coded block of TEXT."""
    start = Header.SIZE + BlockHeader.SIZE
    one = put_together(HEADER, stored(TEXT))
    two = put_together(HEADER, stored(FULL, TEXT))
    for name, data, message in (
        *((f"block-type-{n}", changed(coded, type=n), f"0 is of type {n},") for n in (3, 8, 15)),
        ("end-with-values", changed(two, 1, type=END), "block 1 is the end, but has values"),
        ("coded-larger", changed(coded, stored_size=0xFFFFFF), "block 0 is coded, but no smaller"),
        ("coded-as-large", changed(two, 1, type=CODED), "block 1 is coded, but no smaller"),
        ("stored-smaller", changed(one, stored_size=3), "block 0 is stored as it was, but in"),
        ("stored-larger", changed(two, 1, stored_size=999), "block 1 is stored as it was, but in"),
        ("stored-with-canary", changed(one, canary=1), "has the canary of a coded one"),
    ):
        yield BadFile(name, data, FormatError, message)
    second = Header.SIZE + BlockHeader.SIZE + BLOCK_SIZE + Body.END_SIZE
    for name, data, message in (
        ("block-checksum", flip(two, second + 9), "the header of block 1 is damaged"),
        ("payload-checksum", flip(coded, start), "block 0 is damaged: the CRC-32 of its stored"),
        ("digest-checksum", flip(two, len(two) - 12), "block 1 is damaged: the CRC-32 of its"),
    ):
        yield BadFile(name, data, CorruptError, message)
    for name, size, message in (
        ("first-block-header-cut", start - 1, "after 21 bytes, in the header of block 0"),
        ("payload-cut", start + 1, "after 23 bytes, in block 0"),
        ("digest-cut", len(coded) - 1, f"after {len(coded) - 1} bytes, in block 0"),
    ):
        yield BadFile(name, coded[:size], TruncatedError, message)
    for name, size, message in (
        ("second-block-header-cut", second + 1, "in the header of block 1"),
        ("second-block-cut", len(two) - 1, "in block 1"),
    ):
        yield BadFile(name, two[:size], TruncatedError, message)
    ((good, _),) = take_apart(coded)[1]
    data = changed(coded, canary=good.canary ^ 1)
    yield BadFile("canary", data, MismatchError, "first probabilities of block 0 differ")
    data = changed(coded, digest=bytes(DIGEST_SIZE))
    yield BadFile("digest-of-coded", data, MismatchError, "block 0 decodes to other data")
    data = changed(one, digest=bytes(DIGEST_SIZE))
    yield BadFile("digest-of-stored", data, CorruptError, "the SHA-256 of all data up to its end")


def order() -> Iterator[BadFile]:
    """Blocks that are each sound, in an order in which none were written."""
    found = stored(*(random.Random(i).randbytes(BLOCK_SIZE) for i in range(6)))
    packed, last = sealed_blocks(HEADER, found), end(HEADER, found)
    for name, places, index in (
        ("swapped", (0, 1, 3, 2, 4, 5), 2),
        ("repeated", (0, 1, 2, 2, 3, 4, 5), 3),
        ("dropped", (0, 1, 2, 3, 5), 4),
        ("last-dropped", (0, 1, 2, 3, 4), 5),
        ("last-repeated", (0, 1, 2, 3, 4, 5, 5), 6),
    ):
        data = HEAD + b"".join(packed[i] for i in places) + last
        message = f"header of block {index} is damaged, or the block is not in its place"
        yield BadFile(f"blocks-{name}", data, CorruptError, message)
    data = HEAD + b"".join(packed)
    message = f"after {len(data):,} bytes, before the header of block 6"
    yield BadFile("end-missing", data, TruncatedError, message)
    data += last[:-1]
    yield BadFile("end-cut", data, TruncatedError, f"after {len(data):,} bytes, in the header of")


def behind(coded: bytes) -> Iterator[BadFile]:
    """What may not follow an archive."""
    yield BadFile("appended", coded + b"\0?", CorruptError, "something follows the end")
    header, found = take_apart(coded)
    data = coded + ARCHIVE_END.pack(found[-1][1].digest + header.pack())
    yield BadFile("end-behind-the-last", data, CorruptError, f"begins at byte {len(coded) + 8}")
    text = f"after {len(coded) + 9:,} bytes, in its header"
    yield BadFile("second-cut", coded + HEAD[:9], TruncatedError, text)
    data = coded + with_byte(4, 55)
    yield BadFile("second-of-other-version", data, UnsupportedError, "format version 55:")
    data = coded + of_another_code(put_together(HEADER, []), b"\xdd" * CODE_SIZE)
    yield BadFile("second-of-other-code", data, UnsupportedError, "by the code dddddddd, gen")


def bad_files() -> list[BadFile]:
    """All of them."""
    small = lmzip.compress(TEXT, level=1)
    with patch.object(container, "SHORT_SIZE", 0):
        coded = lmzip.compress(TEXT, level=1)
    makers: list[Callable[[], Iterator[BadFile]]] = [
        foreign,
        headers,
        lambda: short(small),
        frames,
        lambda: blocks(coded),
        order,
        lambda: behind(coded),
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
