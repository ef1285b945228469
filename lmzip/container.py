"""The container: header, block headers and trailer, packed and unpacked; no model.

`docs/FORMAT.md` is the reference. `Parser` walks an archive without doing any I/O: the
incremental decompressor feeds it from its buffer, `scan` feeds it from a file, and so both
accept exactly the same archives.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import ClassVar

from lmzip.codec.levels import BLOCK_SIZE, MAX_LEVEL, MIN_LEVEL
from lmzip.errors import CorruptError, FormatError, TruncatedError, UnsupportedError

MAGIC = b"\x8cLMZ"
VERSION = 1
CODE_SIZE = 8
"""Bytes of the code hash that an archive carries."""
DIGEST_SIZE = 16
"""Bytes of the SHA-256 of the data that the trailer carries."""

END, CODED, STORED = 0, 1, 2
"""What follows: the rest of the trailer, a block that the model coded, a block as it was."""

GET_ANOTHER_COPY = "get the archive again from where it came from, or from a backup"
NOT_BY_LMZIP = "no lmzip writes this; get the archive again from where it came from"


@dataclass(frozen=True)
class Header:
    """The first 18 bytes of an archive."""

    level: int
    """1 to 9, a key of `lmzip.codec.PRESETS`."""
    code: bytes
    """First 8 bytes of the code hash of the codec that wrote the archive."""

    SIZE: ClassVar[int] = 18
    _FIELDS: ClassVar[struct.Struct] = struct.Struct("<4sBB8s")

    def pack(self) -> bytes:
        return _sealed(self._FIELDS.pack(MAGIC, VERSION, self.level, self.code))

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Check and read `SIZE` bytes. Raises FormatError, CorruptError or UnsupportedError."""
        magic, version, level, code = cls._FIELDS.unpack_from(data)
        if magic != MAGIC:
            raise not_an_archive(data)
        _check_seal(data, "the header is damaged")
        if version != VERSION:
            raise UnsupportedError(
                f"this is an archive of format version {version}",
                f"this lmzip reads version {VERSION}",
                "use a newer lmzip",
            )
        if not MIN_LEVEL <= level <= MAX_LEVEL:
            raise UnsupportedError(
                f"this is an archive of level {level}",
                f"this lmzip knows the levels {MIN_LEVEL} to {MAX_LEVEL}",
                "use a newer lmzip",
            )
        return cls(level, code)


@dataclass(frozen=True)
class BlockHeader:
    """The 25 bytes before the stored bytes of a block."""

    type: int
    """CODED or STORED."""
    raw_size: int
    """Bytes of data, 1 to BLOCK_SIZE."""
    stored_size: int
    """Bytes that follow in the archive: fewer than `raw_size` if CODED, as many if STORED."""
    raw_crc: int
    """CRC-32 of the data."""
    stored_crc: int
    """CRC-32 of the bytes that follow."""
    canary: int
    """Digest of the first probabilities if CODED, 0 if STORED."""

    SIZE: ClassVar[int] = 25
    _FIELDS: ClassVar[struct.Struct] = struct.Struct("<B5I")

    def pack(self, index: int) -> bytes:
        """The 25 bytes; their CRC also covers `index`, the number of blocks before this one."""
        fields = self._FIELDS.pack(
            self.type,
            self.raw_size,
            self.stored_size,
            self.raw_crc,
            self.stored_crc,
            self.canary,
        )
        return _sealed(fields, salt=index.to_bytes(8, "little"))

    @classmethod
    def unpack(cls, data: bytes, index: int) -> BlockHeader:
        """Check and read `SIZE` bytes. Raises CorruptError or FormatError."""
        _check_seal(
            data,
            f"the header of block {index} is damaged, or the block is not in its place",
            salt=index.to_bytes(8, "little"),
        )
        block = cls(*cls._FIELDS.unpack_from(data))
        if not 1 <= block.raw_size <= BLOCK_SIZE:
            raise _impossible(index, f"claims {block.raw_size} bytes, not 1 to {BLOCK_SIZE}")
        if block.type == CODED and not block.stored_size < block.raw_size:
            raise _impossible(index, "is coded, but no smaller for it")
        if block.type == STORED and block.stored_size != block.raw_size:
            raise _impossible(index, "is stored as it was, but in another size")
        if block.type == STORED and (block.canary or block.stored_crc != block.raw_crc):
            raise _impossible(index, "is stored as it was, but has values of a coded one")
        return block


@dataclass(frozen=True)
class Trailer:
    """The last 33 bytes of an archive."""

    blocks: int
    raw_size: int
    """Bytes of data in all blocks."""
    digest: bytes
    """First 16 bytes of the SHA-256 of the data."""

    SIZE: ClassVar[int] = 33
    _FIELDS: ClassVar[struct.Struct] = struct.Struct("<BIQ16s")

    def pack(self) -> bytes:
        return _sealed(self._FIELDS.pack(END, self.blocks, self.raw_size, self.digest))

    @classmethod
    def unpack(cls, data: bytes) -> Trailer:
        """Check and read `SIZE` bytes. Raises CorruptError."""
        _check_seal(data, "the trailer is damaged")
        return cls(*cls._FIELDS.unpack_from(data)[1:])


Part = Header | BlockHeader | bytes | Trailer


@dataclass
class Parser:
    """Walks one archive: give `feed` exactly `needed` bytes, until it returns the trailer.

    Checks all that can be checked without the model: the CRCs of header, block headers,
    stored bytes and trailer, the limits of sizes, and the count of blocks and bytes. Whoever
    has the data compares them with `BlockHeader.raw_crc` and `Trailer.digest`.
    """

    start: int = 0
    """Bytes before the archive: others, of which the first begins at 0, and zeros behind them."""
    needed: int = Header.SIZE
    """Bytes that the next `feed` takes."""
    blocks: int = 0
    """Blocks whose header has been read."""
    raw_size: int = 0
    """Bytes of data in these blocks."""
    offset: int = 0
    """Bytes of the archive that have been fed."""
    done: bool = False
    """Whether the trailer has been read."""
    _place: str = "header"
    _type: bytes = b""
    _block: BlockHeader | None = field(default=None, repr=False)

    def feed(self, data: bytes) -> Part | None:
        """Take the next part: Header, BlockHeader, the stored bytes of a block, or Trailer.

        None means that the part is not complete yet. Raises FormatError, CorruptError,
        UnsupportedError.
        """
        self.offset += len(data)
        if self._place == "header":
            self._check_magic(data)
            self._expect("type", 1)
            return Header.unpack(data)
        if self._place == "type":
            self._type = data
            if data[0] == END:
                self._expect("trailer", Trailer.SIZE - 1)
            elif data[0] in (CODED, STORED):
                self._expect("block header", BlockHeader.SIZE - 1)
            else:
                raise CorruptError(
                    f"block {self.blocks} is damaged",
                    f"there is no block of type {data[0]}",
                    GET_ANOTHER_COPY,
                )
            return None
        if self._place == "block header":
            return self._open_block(self._type + data)
        if self._place == "stored bytes":
            assert self._block is not None
            if zlib.crc32(data) != self._block.stored_crc:
                raise CorruptError(
                    f"block {self.blocks - 1} is damaged",
                    "the CRC-32 of its stored bytes is wrong",
                    GET_ANOTHER_COPY,
                )
            self._expect("type", 1)
            return data
        return self._close(self._type + data)

    def skip(self) -> None:
        """Pass over the stored bytes of the block just opened without looking at them."""
        assert self._place == "stored bytes"
        self.offset += self.needed
        self._expect("type", 1)

    def check_start(self, data: bytes) -> None:
        """Raise FormatError as soon as `data`, the first few bytes, cannot be an archive's."""
        if self._place == "header":
            self._check_magic(data)

    def truncated(self, rest: bytes) -> FormatError | CorruptError:
        """The error to raise when the input ends here, `rest` being fewer bytes than needed."""
        if self._place == "header" and not (rest or self.start):
            return FormatError("this is no lmz archive", "it is empty", "give another file")
        place = (
            "before a block or the trailer" if self._place == "type" else f"in its {self._place}"
        )
        if self._place == "stored bytes":
            place = f"in the stored bytes of block {self.blocks - 1}"
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
        block = BlockHeader.unpack(data, self.blocks)
        if self.blocks and self._block.raw_size != BLOCK_SIZE:
            raise _impossible(self.blocks - 1, "is short, but not the last")
        if self.blocks == 0xFFFFFFFF:
            raise _impossible(self.blocks, "is one more than the trailer can count")
        self.blocks += 1
        self.raw_size += block.raw_size
        self._block = block
        self._expect("stored bytes", block.stored_size)
        return block

    def _close(self, data: bytes) -> Trailer:
        trailer = Trailer.unpack(data)
        if (trailer.blocks, trailer.raw_size) != (self.blocks, self.raw_size):
            raise CorruptError(
                "the archive is incomplete",
                f"it holds {self.raw_size:,} bytes in {self.blocks} blocks, "
                f"its trailer counts {trailer.raw_size:,} in {trailer.blocks}",
                GET_ANOTHER_COPY,
            )
        self.done = True
        self._expect("end", 0)
        return trailer

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


def _sealed(fields: bytes, salt: bytes = b"") -> bytes:
    return fields + struct.pack("<I", zlib.crc32(fields + salt))


def _check_seal(data: bytes, what: str, salt: bytes = b"") -> None:
    if data[-4:] != _sealed(data[:-4], salt)[-4:]:
        raise CorruptError(what, "its CRC-32 is wrong", GET_ANOTHER_COPY)


def _impossible(index: int, why: str) -> FormatError:
    return FormatError("this archive breaks the format", f"block {index} {why}", NOT_BY_LMZIP)
