"""The container: every damaged bit is found, every impossible value refused, before any model."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import replace

import pytest
from layout import end, put_together, sealed_blocks

from lmzip.container import (
    ARCHIVE_END,
    BLOCK_SIZE,
    CODED,
    NO_DATA,
    STORED,
    BlockHeader,
    Body,
    Parser,
)
from lmzip.errors import (
    CorruptError,
    FormatError,
    LMZError,
    TruncatedError,
    UnsupportedError,
)
from lmzip.header import SHORT_VERSION, VERSION, Form, Header
from lmzip.series import Series

HEADER = Header(level=1, code=b"code")
DATA = b"abc"


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:8]


BLOCK = BlockHeader(STORED, 3, 3, 0)
BODY = Body(DATA, digest(DATA))
ARCHIVE = put_together(HEADER, [(BLOCK, BODY)])
EMPTY = put_together(HEADER, [])
SHORT = HEADER.short(SHORT_VERSION)
BEFORE = HEADER.short(VERSION)
"""Of the short form as generations 1 and 2 write it."""
SHORT_BODY = Body(DATA, digest(DATA)[:4])
CODED_BLOCK = BlockHeader(CODED, 200, 3, 0)
FRAME = replace(HEADER, form=Form.FRAME, number=0, last=True)
AFTER = replace(HEADER, after=b"the text")
PRIOR = replace(AFTER, code=b"", prior=b"mine")

FULL = [bytes([kind]) * BLOCK_SIZE for kind in (1, 2)]
FULL_BLOCKS = [
    (BlockHeader(STORED, BLOCK_SIZE, BLOCK_SIZE, 0), Body(data, digest(b"".join(FULL[: i + 1]))))
    for i, data in enumerate(FULL)
]
ARCHIVES = {
    "one block": ARCHIVE,
    "empty": EMPTY,
    "after other data": put_together(AFTER, [(BLOCK, BODY)]),
    "empty after other data": put_together(AFTER, []),
    "with a prior": put_together(PRIOR, [(BLOCK, BODY)]),
    "short": put_together(SHORT, [(BLOCK, SHORT_BODY)]),
    "short after other data": put_together(AFTER.short(SHORT_VERSION), [(CODED_BLOCK, BODY)]),
    "short of version 3": put_together(BEFORE, [(BLOCK, SHORT_BODY)]),
    "short of version 3, after": put_together(AFTER.short(VERSION), [(CODED_BLOCK, BODY)]),
    "frame": put_together(FRAME, [(BLOCK, BODY)]),
    "full": put_together(HEADER, FULL_BLOCKS),
}
SMALL = [name for name in ARCHIVES if name != "full"]


def walk(archive: bytes, series: Series | None = None) -> list:
    """Headers and bodies of all blocks of an archive, and its own header behind them."""
    parser, parts, at = Parser(series or Series()), [], 0
    while not parser.done:
        piece = archive[at : at + parser.needed]
        parser.check_start(piece)
        if len(piece) < parser.needed:
            raise parser.truncated(piece)
        at += len(piece)
        parts.append(parser.feed(piece))
    assert at == len(archive) == parser.offset
    return [*(part for part in parts if part is not None), parser.header]


def test_an_archive_is_its_parts():
    assert walk(ARCHIVE) == [BLOCK, BODY, HEADER]
    assert walk(EMPTY) == [ARCHIVE_END, HEADER]
    assert len(HEADER.pack()) == Header.SIZE
    assert len(BLOCK.pack(b"")) == BlockHeader.SIZE
    assert len(BODY.pack()) == len(DATA) + Body.END_SIZE


def test_it_takes_34_bytes_besides_its_block_and_22_if_it_is_empty():
    assert len(ARCHIVE) == 34 + len(DATA)
    assert len(EMPTY) == 22


@pytest.mark.parametrize(
    ("size", "around"),
    [(1, 20), (127, 20), (128, 22), ((1 << 14) - 1, 22), (1 << 14, 24), ((1 << 20) - 1, 24)],
)
def test_a_short_one_takes_20_to_24_bytes_besides_its_block(size, around):
    stored = bytes(size)
    block = [(BlockHeader(STORED, size, size, 0), Body(stored, DATA * 2))]
    archive = put_together(SHORT, block)
    assert len(archive) == size + around
    assert walk(archive) == [Body(stored, (DATA * 2)[:4]), SHORT]
    before = put_together(BEFORE, block)
    if size < 1 << 14:
        assert before[4] == archive[4] - 1 and before[5:-4] == archive[5:-4]
        assert walk(before) == [Body(stored, (DATA * 2)[:4]), BEFORE]
    else:
        with pytest.raises(LMZError):
            walk(before)


def test_what_is_read_first_is_named_by_8_bytes_and_by_4_in_a_short_one():
    header = AFTER.short(SHORT_VERSION)
    assert header.after == b"the " and len(header.pack()) == 14
    assert walk(ARCHIVES["short after other data"])[-1] == header
    assert walk(ARCHIVES["short of version 3, after"])[-1] == AFTER.short(VERSION)
    assert len(AFTER.short(VERSION).pack()) == len(AFTER.pack()) == 18


def test_the_layout_of_a_short_one_is_that_of_the_document():
    head = b"\x8cLMZ\x44\x01code" + bytes([200 & 127 | 128, 1, 3])
    sealed = head + DATA + digest(DATA)[:4]
    archive = put_together(SHORT, [(CODED_BLOCK, BODY)])
    assert archive == sealed + struct.pack("<I", zlib.crc32(sealed))
    parser = Parser()
    for size in (10, 1, 1, 1, 3 + 8):
        assert parser.needed == size and not parser.done
        parser.feed(archive[parser.offset :][:size])
    assert parser.done and parser.block == CODED_BLOCK and parser.blocks == 1


@pytest.mark.parametrize(
    ("header", "sizes", "why"),
    [
        (SHORT, b"\x83\0\x03", "sizes with zeros in front"),
        (SHORT, b"\x83\x80\0\x03", "sizes with zeros in front"),
        (SHORT, b"\x83\x80\x80\x03", "sizes with zeros in front"),
        (BEFORE, b"\x83\x80\x03", "sizes with zeros in front"),
        (SHORT, b"\0\0", "has 0 bytes, which no block of the short form has"),
        (SHORT, b"\x80\x80\x40\3", "has 1,048,576 bytes, which no block of the short form has"),
        (SHORT, b"\2\3", "is coded, but no smaller for it"),
    ],
)
def test_sizes_that_no_lmzip_writes_are_refused(header, sizes, why):
    sealed = header.pack() + sizes + DATA[: sizes[-1]] + digest(DATA)[:4]
    with pytest.raises(FormatError, match=why):
        walk(sealed + struct.pack("<I", zlib.crc32(sealed)))


def test_a_frame_has_its_number_in_the_header():
    archive = ARCHIVES["frame"]
    assert archive[:14] == b"\x8cLMZ\x83\x01code\0\0\0\x80" and walk(archive)[2] == FRAME
    assert len(archive) == 38 + len(DATA)
    first = replace(FRAME, last=False, after=b"the text")
    assert first.pack() == b"\x8cLMZ\x83\x21code\0\0\0\0the text"
    assert walk(put_together(first, [(BLOCK, BODY)]))[2] == first


def test_the_layout_is_that_of_the_document():
    head = b"\x8cLMZ\x03\x01code"
    fields = struct.pack("<Q", 2 | STORED << 20 | 3 << 24)
    assert bytes.fromhex("E3 B0 C4 42 98 FC 1C 14") == NO_DATA
    expected = [
        head,
        fields,
        struct.pack("<I", zlib.crc32(NO_DATA + head + fields)),
        DATA,
        digest(DATA),
        struct.pack("<I", zlib.crc32(DATA + digest(DATA))),
    ]
    assert b"".join(expected) == ARCHIVE
    nothing = bytes(8)
    assert head + nothing + struct.pack("<I", zlib.crc32(NO_DATA + head + nothing)) == EMPTY
    coded = BlockHeader(CODED, 1 << 20, (1 << 20) - 1, 0xFEDC).pack(b"")
    assert coded[:8] == bytes.fromhex("FF FF 1F FF FF 0F DC FE")


@pytest.mark.parametrize("name", SMALL)
def test_every_flipped_bit_is_found(name):
    archive = ARCHIVES[name]
    for bit in range(8 * len(archive)):
        damaged = bytearray(archive)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(LMZError):
            walk(bytes(damaged))


@pytest.mark.parametrize("name", SMALL)
def test_every_wrong_value_of_every_byte_is_found(name):
    archive = ARCHIVES[name]
    for at in range(len(archive)):
        for value in range(256):
            if value != archive[at]:
                with pytest.raises(LMZError):
                    walk(archive[:at] + bytes([value]) + archive[at + 1 :])


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_truncation_is_found(name):
    archive = ARCHIVES[name]
    with pytest.raises(FormatError, match="empty"):
        walk(b"")
    sizes = {*range(60), *range(len(archive) - 60, len(archive))}
    for size in sizes & {*range(1, len(archive))}:
        with pytest.raises(TruncatedError, match="ends after"):
            walk(archive[:size])


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"hello", b"\x8cLMX"])
def test_foreign_files_are_told_from_damaged_ones(start):
    with pytest.raises(FormatError, match="no lmz archive"):
        walk(start + bytes(100))


def with_byte(place: int, value: int, sealed: bool = True) -> bytes:
    """The archive with another byte in its header."""
    head = bytearray(HEADER.pack())
    head[place] = value
    before = NO_DATA + bytes(head if sealed else HEADER.pack())
    return bytes(head) + BLOCK.pack(before) + BODY.pack()


def test_archives_of_another_version_say_what_to_do():
    for version, remedy in ((2, "the lmzip that wrote it"), (4, "use a newer lmzip")):
        for size in (5, 12, 60):
            with pytest.raises(UnsupportedError, match=f"version {version}: .*{remedy}"):
                walk(with_byte(4, version)[:size])


def test_archives_of_another_lmzip_are_named():
    for level in (0, 10, 15):
        with pytest.raises(UnsupportedError, match=f"level {level}: .*newer"):
            walk(with_byte(5, level))
    for options in (5, 8, 9, 13):
        with pytest.raises(UnsupportedError, match=f"options {options:04b}: .*newer"):
            walk(with_byte(5, 16 * options + 1))


def test_the_first_option_is_from_scratch():
    """It is not in the header of an archive that begins with learned weights."""
    header = replace(HEADER, from_scratch=True)
    assert walk(put_together(header, [(BLOCK, BODY)])) == [BLOCK, BODY, header]
    assert header.pack() == HEADER.pack()[:5] + b"\x11" + HEADER.pack()[6:]


def test_the_third_option_is_a_prior_which_stands_where_the_code_would():
    assert walk(ARCHIVES["with a prior"]) == [BLOCK, BODY, PRIOR]
    assert PRIOR.pack() == b"\x8cLMZ\x03\x61minethe text"


def test_the_second_option_is_after_other_data():
    """Their digest stands behind the header, and every block header is sealed with it."""
    assert walk(ARCHIVES["after other data"]) == [BLOCK, BODY, AFTER]
    assert AFTER.pack() == HEADER.pack()[:5] + b"\x21" + HEADER.pack()[6:] + b"the text"
    both = replace(AFTER, from_scratch=True)
    assert both.pack()[5] == 0x31 and walk(put_together(both, [])) == [ARCHIVE_END, both]
    assert Header.rest(AFTER.pack()[:10]) == 8 and Header.rest(HEADER.pack()) == 0
    assert len(put_together(AFTER, [])) == 30
    other = replace(AFTER, after=b"another.")
    mixed = [*sealed_blocks(AFTER, FULL_BLOCKS)[:1], *sealed_blocks(other, FULL_BLOCKS)[1:]]
    with pytest.raises(CorruptError, match="header of block 1"):
        walk(AFTER.pack() + b"".join(mixed) + end(AFTER, FULL_BLOCKS))


def test_a_damaged_header_is_taken_for_nothing_else():
    """Level, options and code are looked at when the first block header has proved them."""
    for place, value in ((5, 10), (5, 0x11), (5, 2), (6, 0), (9, 0)):
        with pytest.raises(CorruptError, match="header of the archive, or of its first block, is"):
            walk(with_byte(place, value, sealed=False))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": 3}, "of type 3"),
        ({"type": 15}, "of type 15"),
        ({"type": CODED}, "no smaller"),
        ({"type": CODED, "stored_size": 4}, "no smaller"),
        ({"stored_size": 2}, "another size"),
        ({"stored_size": 0xFFFFFF}, "another size"),
        ({"canary": 1}, "the canary of a coded one"),
        ({"type": 0}, "is the end, but has values of a block"),
    ],
)
def test_values_that_no_lmzip_writes_are_refused(changes, why):
    block = replace(BLOCK, **changes)
    with pytest.raises(FormatError, match=why):
        walk(put_together(HEADER, [(block, BODY)]))


def test_the_order_of_blocks_is_sealed():
    head, packed = HEADER.pack(), sealed_blocks(HEADER, FULL_BLOCKS)
    assert len(walk(head + packed[0] + packed[1] + end(HEADER, FULL_BLOCKS))) == 6
    for order in ((1, 0), (0, 0), (1, 1), (0,), (1,), (), (0, 1, 1)):
        with pytest.raises(CorruptError):
            walk(head + b"".join(packed[i] for i in order) + end(HEADER, FULL_BLOCKS))


def test_blocks_of_the_same_bytes_are_not_taken_for_each_other():
    """Their CRCs are the same, but not that of all the data up to each."""
    head, full = HEADER.pack(), FULL[0]
    blocks = [(FULL_BLOCKS[0][0], Body(full, digest(full * i))) for i in (1, 2, 3)]
    packed = sealed_blocks(HEADER, blocks)
    for order in ((0, 2), (1, 2), (0, 1, 1), (0, 1), (0, 2, 1)):
        with pytest.raises(CorruptError):
            walk(head + b"".join(packed[i] for i in order) + end(HEADER, blocks))


def test_a_block_or_an_end_of_another_archive_is_found():
    """Without the model: each is sealed with the archive's header and with the data before it."""
    other = Header(2, HEADER.code)
    data = [FULL[1], FULL[0]]
    others = [(FULL_BLOCKS[0][0], Body(data[i], digest(b"".join(data[: i + 1])))) for i in (0, 1)]
    for header, blocks in ((HEADER, others), (other, FULL_BLOCKS)):
        mine = [*sealed_blocks(HEADER, FULL_BLOCKS), end(HEADER, FULL_BLOCKS)]
        for i, part in enumerate([*sealed_blocks(header, blocks), end(header, blocks)]):
            mixed = [*mine[:i], part, *mine[i + 1 :]]
            with pytest.raises(CorruptError, match="header"):
                walk(HEADER.pack() + b"".join(mixed))


def test_an_archive_ends_behind_the_block_that_is_not_full():
    """There is one way to write it: nothing follows, not even the end."""
    walk(put_together(HEADER, [*FULL_BLOCKS, (BLOCK, BODY)]))
    with pytest.raises(AssertionError):
        walk(ARCHIVE + ARCHIVE_END.pack(BODY.digest + HEADER.pack()))
