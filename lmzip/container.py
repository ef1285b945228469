"""The container: header, block headers and what ends a block, packed and unpacked; no model.

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

from lmzip.codec.levels import BLOCK_SIZE, MAX_LEVEL, MIN_LEVEL
from lmzip.errors import CorruptError, FormatError, TruncatedError, UnsupportedError

MAGIC = b"\x8cLMZ"
VERSION = 2
CODE_SIZE = 6
"""Bytes of the code hash that an archive carries."""
DIGEST_SIZE = 8
"""Bytes of the SHA-256 of all data up to its end that a block carries."""
NO_DATA = hashlib.sha256().digest()[:DIGEST_SIZE]
"""The same of no data: what the first block follows."""

END, CODED, STORED = 0, 1, 2
"""What follows: nothing, a block that the model coded, a block as it was."""

GET_ANOTHER_COPY = "get the archive again from where it came from, or from a backup"
NOT_BY_LMZIP = "no lmzip writes this; get the archive again from where it came from"


@dataclass(frozen=True)
class Header:
    """What an archive begins with: 12 bytes, 20 if the model first read data that both sides have.

    An archive with a prior names that in the place of the code: the prior names the code.

    Their CRC is that of each block header.
    """

    level: int
    """1 to 9, a key of `lmzip.codec.PRESETS`."""
    code: bytes
    """First 6 bytes of the code hash of the codec that wrote the archive; empty with a prior."""
    from_scratch: bool = False
    """Whether the model began with nothing learned."""
    after: bytes = b""
    """Digest of what the model read first, `DIGEST_SIZE` bytes; empty if it read nothing."""
    prior: bytes = b""
    """First 6 bytes of the digest of the prior that the model began with; empty without one."""

    SIZE: ClassVar[int] = 12
    """Bytes of all but `after`, which stands behind them."""
    _FIELDS: ClassVar[struct.Struct] = struct.Struct("<4sBB6s")

    def pack(self) -> bytes:
        told = self.level | self.from_scratch << 4 | bool(self.after) << 5 | bool(self.prior) << 6
        return self._FIELDS.pack(MAGIC, VERSION, told, self.prior or self.code) + self.after

    @staticmethod
    def rest(data: bytes) -> int:
        """Bytes of the header that stand behind `data`, its first `SIZE` bytes, proved or not."""
        return DIGEST_SIZE if data[5] & 1 << 5 else 0

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Read a whole header that a CRC has proved. Raises UnsupportedError."""
        _, _, told, named = cls._FIELDS.unpack(data[: cls.SIZE])
        options, level = divmod(told, 16)
        scratch, prior = bool(options & 1), bool(options & 4)
        if options > 7 or (scratch and prior):
            raise UnsupportedError(
                f"this archive has the options {options:04b}",
                "this lmzip knows 0001, from scratch, or 0100, with a prior; and 0010, after other "
                "data",
                "use a newer lmzip",
            )
        if not MIN_LEVEL <= level <= MAX_LEVEL:
            raise UnsupportedError(
                f"this is an archive of level {level}",
                f"this lmzip knows the levels {MIN_LEVEL} to {MAX_LEVEL}",
                "use a newer lmzip",
            )
        code, digest = (b"", named) if prior else (named, b"")
        return cls(level, code, from_scratch=scratch, after=data[cls.SIZE :], prior=digest)


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


@dataclass
class Parser:
    """Walks one archive: give `feed` exactly `needed` bytes, until it is `done`.

    Checks all that can be checked without the model: the CRCs, the limits of sizes, and that
    each block follows the data that it was written behind. Whoever has the data compares them
    with `Body.digest`.
    """

    start: int = 0
    """Bytes before the archive: others, of which the first begins at 0, and zeros behind them."""
    needed: int = Header.SIZE
    """Bytes that the next `feed` takes."""
    header: Header | None = None
    """The header; None until the first block header, whose CRC proves it, has been read."""
    blocks: int = 0
    """Blocks whose header has been read."""
    raw_size: int = 0
    """Bytes of data in these blocks."""
    digest: bytes = NO_DATA
    """First 8 bytes of the SHA-256 of all data of the blocks read, as the last of them says."""
    offset: int = 0
    """Bytes of the archive that have been fed."""
    done: bool = False
    """Whether the end has been read."""
    _place: str = "header"
    _head: bytes = b""
    _block: BlockHeader = field(default=ARCHIVE_END, repr=False)

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
                self._expect("block header", BlockHeader.SIZE)
            return None
        if self._place == "rest of header":
            self._head += data
            self._expect("block header", BlockHeader.SIZE)
            return None
        if self._place == "block header":
            return self._open_block(data)
        if self._place == "end of block":
            self._close_block(data[:DIGEST_SIZE])
            return None
        body = Body.unpack(data, self.blocks - 1)
        self._close_block(body.digest)
        return body

    def skip(self) -> None:
        """Pass over the stored bytes of the block just opened without looking at them."""
        assert self._place == "block"
        self.offset += self._block.stored_size
        self._expect("end of block", Body.END_SIZE)

    def check_start(self, data: bytes) -> None:
        """Raise FormatError or UnsupportedError as soon as `data`, the first few bytes, cannot
        be those of an archive, or of this version."""
        if self._place != "header":
            return
        self._check_magic(data)
        version = data[len(MAGIC) : len(MAGIC) + 1]
        if version and version[0] != VERSION:
            raise UnsupportedError(
                f"this is an archive of format version {version[0]}",
                f"this lmzip reads version {VERSION}",
                "use a newer lmzip"
                if version[0] > VERSION
                else "restore it with the lmzip that wrote it, and compress it anew",
            )

    def truncated(self, rest: bytes) -> FormatError | CorruptError:
        """The error to raise when the input ends here, `rest` being fewer bytes than needed."""
        if self._place == "header" and not (rest or self.start):
            return FormatError("this is no lmz archive", "it is empty", "give another file")
        place = "in its header"
        if self._place == "block header":
            place = f"{'in' if rest else 'before'} the header of block {self.blocks}"
        elif self._place not in ("header", "rest of header"):
            place = f"in block {self.blocks - 1}"
        return TruncatedError(
            "the archive is incomplete",
            f"it ends after {self.start + self.offset + len(rest):,} bytes, {place}",
            GET_ANOTHER_COPY,
        )

    def _check_magic(self, data: bytes) -> None:
        if begins_like_an_archive(data):
            return
        if self.start:
            raise CorruptError(
                "something follows the end of the archive",
                f"what begins at byte {self.start:,} is no further archive",
                f"cut it off (head -c {self.start}), or get the archive again",
            )
        raise not_an_archive(data)

    def _open_block(self, data: bytes) -> BlockHeader:
        what = f"the header of block {self.blocks} is damaged, or the block is not in its place"
        if self.header is None:
            what = "the header of the archive, or of its first block, is damaged"
        _check_seal(data, what, "its CRC-32 is wrong", self.digest + self._head)
        if self.header is None:
            self.header = Header.unpack(self._head)
        self._block = block = BlockHeader.unpack(data, self.blocks)
        if block.type == END:
            self._end()
        else:
            self.blocks += 1
            self.raw_size += block.raw_size
            self._expect("block", block.stored_size + Body.END_SIZE)
        return block

    def _close_block(self, digest: bytes) -> None:
        self.digest = digest
        if self._block.is_last:
            self._end()
        else:
            self._expect("block header", BlockHeader.SIZE)

    def _end(self) -> None:
        self.done = True
        self._expect("nothing", 0)

    def _expect(self, place: str, size: int) -> None:
        self._place, self.needed = place, size


def begins_like_an_archive(data: bytes) -> bool:
    """Whether `data`, or the first four of them, can be an archive's first bytes."""
    return data[: len(MAGIC)] == MAGIC[: len(data)]


def not_an_archive(data: bytes) -> FormatError:
    """The error for data that begin with `data` and are no archive."""
    return FormatError(
        "this is no lmz archive",
        f"it begins with {data[:4].hex(' ').upper()}, not {MAGIC.hex(' ').upper()}",
        "give the name of an archive that lmzip made",
    )


def _sealed(fields: bytes, before: bytes = b"") -> bytes:
    return fields + struct.pack("<I", zlib.crc32(fields, zlib.crc32(before)))


def _check_seal(data: bytes, what: str, why: str, before: bytes = b"") -> None:
    if zlib.crc32(memoryview(data)[:-4], zlib.crc32(before)) != int.from_bytes(data[-4:], "little"):
        raise CorruptError(what, why, GET_ANOTHER_COPY)


def _impossible(index: int, why: str) -> FormatError:
    return FormatError("this archive breaks the format", f"block {index} {why}", NOT_BY_LMZIP)
