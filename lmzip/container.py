"""The container: block headers and what ends a block, packed and unpacked; no model.

`docs/FORMAT.md` is the reference. `Parser` walks an archive without doing any I/O: the
incremental decompressor feeds it from its buffer, `scan` feeds it from a file, and so both
accept exactly the same archives.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import ClassVar

from lmzip.codec.levels import BLOCK_SIZE
from lmzip.errors import GET_ANOTHER_COPY, CorruptError, FormatError, TruncatedError
from lmzip.header import (
    DIGEST_SIZE,
    MAGIC,
    SHORT_DIGEST,
    VERSION,
    Form,
    Header,
    begins_like_an_archive,
    check_version,
    form_of,
    not_an_archive,
    version_of,
)
from lmzip.series import Frame, Series

NO_DATA = hashlib.sha256().digest()[:DIGEST_SIZE]
"""What stands for no data: what the first block follows."""
SHORT_SIZE = BLOCK_SIZE - 1
"""Bytes of data that an archive of the short form has at most."""
SHORT_SIZE_BEFORE = (1 << 14) - 1
"""The same in version 3, which generations 1 and 2 write."""

END, CODED, STORED = 0, 1, 2
"""What follows: nothing, a block that the model coded, a block as it was."""

NOT_BY_LMZIP = "no lmzip writes this; get the archive again from where it came from"


@dataclass(frozen=True)
class BlockHeader:
    """The 12 bytes before the stored bytes of a block, or at the end of an archive."""

    type: int
    """CODED or STORED; END if no block follows: then all else is 0."""
    raw_size: int
    """Bytes of data, 1 to BLOCK_SIZE."""
    stored_size: int
    """Bytes that follow in the archive: fewer than `raw_size` if CODED, as many if STORED."""
    canary: int
    """Digest of the first probabilities, 16 bits, if CODED; 0 if STORED."""

    SIZE: ClassVar[int] = 12

    def pack(self, before: bytes) -> bytes:
        """The 12 bytes; their CRC also covers `before`: digest of the data before, and header."""
        size = max(self.raw_size - 1, 0)
        fields = size | self.type << 20 | self.stored_size << 24 | self.canary << 48
        return _sealed(fields.to_bytes(8, "little"), before)

    @classmethod
    def unpack(cls, data: bytes, index: int) -> BlockHeader:
        """Read `SIZE` bytes that their CRC has proved. Raises FormatError."""
        fields = int.from_bytes(data[:8], "little")
        size, kind = fields & 0xFFFFF, fields >> 20 & 0xF
        block = cls(kind, size + 1, fields >> 24 & 0xFFFFFF, fields >> 48)
        if kind == END:
            if fields:
                raise _impossible(index, "is the end, but has values of a block")
            return ARCHIVE_END
        if kind not in (CODED, STORED):
            raise _impossible(index, f"is of type {kind}, which does not exist")
        if kind == CODED and not block.stored_size < block.raw_size:
            raise _impossible(index, "is coded, but no smaller for it")
        if kind == STORED and block.stored_size != block.raw_size:
            raise _impossible(index, "is stored as it was, but in another size")
        if kind == STORED and block.canary:
            raise _impossible(index, "is stored as it was, but has the canary of a coded one")
        return block

    @property
    def is_last(self) -> bool:
        """Whether the archive ends behind it. A full block is written before that is known."""
        return self.raw_size < BLOCK_SIZE


ARCHIVE_END = BlockHeader(END, 0, 0, 0)
"""What stands where no block is left, unless a block that is not full has told so."""


@dataclass(frozen=True)
class Body:
    """What follows the header of a block."""

    stored: bytes
    """The block, coded or as it was."""
    digest: bytes
    """First 8 bytes of the SHA-256 of all data of the archive up to the end of the block."""

    END_SIZE: ClassVar[int] = DIGEST_SIZE + 4
    """Bytes behind the stored bytes: the digest, and a CRC of both."""

    def pack(self) -> bytes:
        return _sealed(self.stored + self.digest)

    @classmethod
    def unpack(cls, data: bytes, index: int) -> Body:
        """Check and read all that follows the header of block `index`. Raises CorruptError."""
        _check_seal(data, f"block {index} is damaged", "the CRC-32 of its stored bytes is wrong")
        return cls(data[: -cls.END_SIZE], data[-cls.END_SIZE : -4])


def pack_short(header: Header, raw_size: int, stored: bytes, digest: bytes) -> bytes:
    """An archive of the short form: one block, `stored` as it was if that has `raw_size` bytes."""
    sizes = _pack_size(raw_size) + _pack_size(len(stored))
    return _sealed(header.pack() + sizes + stored + digest[:SHORT_DIGEST])


def around(raw_size: int, stored_size: int) -> int:
    """Bytes around the one block of an archive."""
    if raw_size > SHORT_SIZE:
        return Header.SIZE + BlockHeader.SIZE + Body.END_SIZE
    return Header.SIZE + len(_pack_size(raw_size) + _pack_size(stored_size)) + SHORT_DIGEST + 4


@dataclass
class Parser:
    """Walks one archive: give `feed` exactly `needed` bytes, until it is `done`.

    Checks all that can be checked without the model: the CRCs, the limits of sizes, that each
    block follows the data that it was written behind, and each frame the one before. Whoever has
    the data compares them with `Body.digest`.
    """

    series: Series = field(default_factory=Series)
    """Where the archive stands; that goes on when the archive is done."""
    needed: int = Header.SIZE
    """Bytes that the next `feed` takes."""
    header: Header | None = None
    """The header; None until a CRC, that of the first block header for one, has proved it."""
    block: BlockHeader = ARCHIVE_END
    """That of the block that was begun last."""
    blocks: int = 0
    """Blocks whose header has been read."""
    stored_blocks: int = 0
    """Those of them that stand there as they were."""
    raw_size: int = 0
    """Bytes of data in these blocks."""
    digest: bytes = NO_DATA
    """What stands for all data of the blocks read, as the last of them says."""
    offset: int = 0
    """Bytes of the archive that have been fed."""
    done: bool = False
    """Whether the end has been read."""
    _place: str = "header"
    _head: bytes = b""
    _sizes: bytes = b""

    def feed(self, data: bytes) -> BlockHeader | Body | None:
        """Take the next part; return it if it is the header of a block, or its body.

        Raises FormatError, CorruptError, UnsupportedError.
        """
        self.offset += len(data)
        if self._place == "header":
            self.check_start(data)
            self._head = data
            if rest := Header.rest(data):
                self._expect("rest of header", rest)
            else:
                self._begin()
        elif self._place == "rest of header":
            self._head += data
            self._begin()
        elif self._place == "sizes":
            self._sizes += data
            if sizes := _unpack_sizes(self._sizes, self._longest_size):
                self._expect("short block", sizes[1] + SHORT_DIGEST + 4)
        elif self._place == "short block":
            return self._take_short(data)
        elif self._place == "block header":
            return self._open_block(data)
        elif self._place == "end of block":
            self._close_block(data[:DIGEST_SIZE])
        else:
            body = Body.unpack(data, self.blocks - 1)
            self._close_block(body.digest)
            return body
        return None

    def skip(self) -> None:
        """Pass over the stored bytes of the block just opened without looking at them."""
        assert self._place == "block"
        self.offset += self.block.stored_size
        self._expect("end of block", Body.END_SIZE)

    def check_start(self, data: bytes) -> None:
        """Raise FormatError, CorruptError or UnsupportedError as soon as `data`, the first few
        bytes, cannot be those of an archive, or of this version."""
        if self._place != "header":
            return
        self._check_magic(data)
        check_version(data)
        if len(data) > len(MAGIC) and form_of(data) == Form.TABLE:
            raise CorruptError(
                "here stands a table of frames, but not the frames that it belongs to",
                "they are missing, or damaged, or something else was put between",
                GET_ANOTHER_COPY,
            )

    def truncated(self, rest: bytes) -> FormatError | CorruptError:
        """The error to raise when the input ends here, `rest` being fewer bytes than needed."""
        start = self.series.start
        if self._place == "header" and not (rest or start):
            return FormatError("this is no lmz archive", "it is empty", "give another file")
        place = "in its header"
        if self._place == "block header":
            place = f"{'in' if rest else 'before'} the header of block {self.blocks}"
        elif self._place not in ("header", "rest of header"):
            place = f"in block {max(self.blocks - 1, 0)}"
        return TruncatedError(
            "the archive is incomplete",
            f"it ends after {start + self.offset + len(rest):,} bytes, {place}",
            GET_ANOTHER_COPY,
        )

    def _check_magic(self, data: bytes) -> None:
        if begins_like_an_archive(data):
            return
        if self.series.number:
            raise self.series.missing("no archive does")
        if start := self.series.start:
            raise CorruptError(
                "something follows the end of the archive",
                f"what begins at byte {start:,} is no further archive",
                f"cut it off (head -c {start}), or get the archive again",
            )
        raise not_an_archive(data)

    def _begin(self) -> None:
        if form_of(self._head) == Form.SHORT:
            self._expect("sizes", 1)
        else:
            self._expect("block header", BlockHeader.SIZE)

    @property
    def _longest_size(self) -> int:
        """Bytes that a size of the short form has at most."""
        return 2 if version_of(self._head) == VERSION else 3

    def _prove(self) -> None:
        self.header = Header.unpack(self._head)
        self.series.check(self.header)

    def _take_short(self, data: bytes) -> Body:
        _check_seal(data, "the archive is damaged", "its CRC-32 is wrong", self._head + self._sizes)
        self._prove()
        raw_size, stored_size = _unpack_sizes(self._sizes, self._longest_size)
        if self._sizes != _pack_size(raw_size) + _pack_size(stored_size):
            raise _impossible(0, "has sizes with zeros in front")
        if not 0 < raw_size <= (SHORT_SIZE_BEFORE if self._longest_size == 2 else SHORT_SIZE):
            raise _impossible(0, f"has {raw_size:,} bytes, which no block of the short form has")
        if stored_size > raw_size:
            raise _impossible(0, "is coded, but no smaller for it")
        kind = CODED if stored_size < raw_size else STORED
        self._count(BlockHeader(kind, raw_size, stored_size, 0))
        self.digest = data[stored_size:-4]
        self._end()
        return Body(data[:stored_size], self.digest)

    def _open_block(self, data: bytes) -> BlockHeader:
        what = f"the header of block {self.blocks} is damaged, or the block is not in its place"
        if self.header is None:
            what = "the header of the archive, or of its first block, is damaged"
        _check_seal(data, what, "its CRC-32 is wrong", self.digest + self._head)
        if self.header is None:
            self._prove()
        block = BlockHeader.unpack(data, self.blocks)
        if block.type == END:
            self.block = block
            self._end()
        else:
            self._count(block)
            self._expect("block", block.stored_size + Body.END_SIZE)
        return block

    def _count(self, block: BlockHeader) -> None:
        self.block = block
        self.blocks += 1
        self.stored_blocks += block.type == STORED
        self.raw_size += block.raw_size

    def _close_block(self, digest: bytes) -> None:
        self.digest = digest
        if self.block.is_last:
            self._end()
        else:
            self._expect("block header", BlockHeader.SIZE)

    def _end(self) -> None:
        assert self.header is not None
        self.done = True
        self.series.add(self.header, Frame(self.offset, self.raw_size, self.digest))
        self._expect("nothing", 0)

    def _expect(self, place: str, size: int) -> None:
        self._place, self.needed = place, size


def _pack_size(size: int) -> bytes:
    """7 bits in each byte, the lowest first, and bit 7 in all but the last (LEB128)."""
    packed = bytearray()
    while size > 127:
        packed.append(size & 127 | 128)
        size >>= 7
    return bytes([*packed, size])


def _unpack_sizes(data: bytes, longest: int) -> list[int]:
    """Two sizes, proved or not; none if more bytes are needed. Byte `longest` is always the last of
    a size."""
    sizes, size, count = [], 0, 0
    for byte in data:
        size |= (byte & 127) << 7 * count
        count += 1
        if byte < 128 or count == longest:
            sizes.append(size)
            size = count = 0
    return sizes if len(sizes) == 2 else []


def _sealed(fields: bytes, before: bytes = b"") -> bytes:
    return fields + struct.pack("<I", zlib.crc32(fields, zlib.crc32(before)))


def is_sealed(data: bytes, before: bytes = b"") -> bool:
    """Whether the last four bytes are the CRC-32 of `before` and of all other bytes."""
    crc = zlib.crc32(memoryview(data)[:-4], zlib.crc32(before))
    return crc == int.from_bytes(data[-4:], "little")


def _check_seal(data: bytes, what: str, why: str, before: bytes = b"") -> None:
    if not is_sealed(data, before):
        raise CorruptError(what, why, GET_ANOTHER_COPY)


def _impossible(index: int, why: str) -> FormatError:
    return FormatError("this archive breaks the format", f"block {index} {why}", NOT_BY_LMZIP)
