"""What an archive begins with: magic, version, form, level, code.

`docs/FORMAT.md`, section 1, is the reference.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, replace
from typing import ClassVar

from lmzip.codec.levels import MAX_LEVEL, MIN_LEVEL
from lmzip.errors import FormatError, UnsupportedError

MAGIC = b"\x8cLMZ"
VERSION = 3
SHORT_VERSION = 4
"""That of the short form since generation 3: larger data, and fewer bytes of a digest."""
SHORT_DIGEST = 4
"""Bytes of a SHA-256 that stand for data in the short form."""
CODE_SIZE = 4
"""Bytes by which an archive names its code: its generation, a byte, and the first of the code hash;
or its prior: the first of its digest."""
DIGEST_SIZE = 8
"""Bytes of a SHA-256 that stand for data."""


class Form(enum.IntEnum):
    """What stands behind a header."""

    BLOCKS = 0
    """Blocks, each with a header of its own."""
    SHORT = 1
    """One small block, sealed once."""
    FRAME = 2
    """Blocks; further archives, of which the header tells the number, hold the rest of the data."""
    TABLE = 3
    """No data: the sizes and digests of the frames before."""


def form_of(data: bytes) -> int:
    """The form that a header's first five bytes name, proved or not."""
    return data[4] >> 6


def version_of(data: bytes) -> int:
    """The version that they name."""
    return data[4] & 63


@dataclass(frozen=True)
class Header:
    """What an archive begins with: 10 bytes, and 4 more for a frame, and 8 more, or 4 in version 4,
    if the model first read data that both sides have.

    An archive with a prior names that in the place of the code: the prior names the code. What
    follows seals it: the CRC of each block header, or that of the short form.
    """

    level: int
    """1 to 9, a key of `lmzip.codec.PRESETS`."""
    code: bytes
    """What names the codec that wrote the archive, 4 bytes (`generations.Generation.code`); empty
    with a prior."""
    from_scratch: bool = False
    """Whether the model began with nothing learned."""
    after: bytes = b""
    """Digest of what the model read first, `DIGEST_SIZE` bytes, `SHORT_DIGEST` of version 4; empty
    if it read nothing."""
    prior: bytes = b""
    """First 4 bytes of the digest of the prior that the model began with; empty without one."""
    revision: bool = False
    """Whether the data are a revision of what the model read first (`Codec.expect_revision`)."""
    form: Form = Form.BLOCKS
    version: int = VERSION
    """4 of the short form since generation 3, else 3."""
    number: int = 0
    """Of a frame, the first having 0."""
    last: bool = False
    """Whether a frame is the last of its series."""

    SIZE: ClassVar[int] = 10
    """Bytes of all but the number of a frame, and `after`, which stand behind them."""
    _FIELDS: ClassVar[struct.Struct] = struct.Struct("<4sBB4s")
    _NUMBER: ClassVar[struct.Struct] = struct.Struct("<I")

    def pack(self) -> bytes:
        told = self.level | self.from_scratch << 4 | bool(self.after) << 5
        told |= bool(self.prior) << 6 | self.revision << 7
        packed = self._FIELDS.pack(
            MAGIC, self.version | self.form << 6, told, self.prior or self.code
        )
        if self.form == Form.FRAME:
            packed += self._NUMBER.pack(self.number | self.last << 31)
        return packed + self.after

    def short(self, version: int) -> Header:
        """The same for the short form of a version."""
        size = SHORT_DIGEST if version == SHORT_VERSION else DIGEST_SIZE
        return replace(self, form=Form.SHORT, version=version, after=self.after[:size])

    @classmethod
    def rest(cls, data: bytes) -> int:
        """Bytes of the header that stand behind `data`, its first `SIZE` bytes, proved or not."""
        number = cls._NUMBER.size if form_of(data) == Form.FRAME else 0
        digest = SHORT_DIGEST if version_of(data) == SHORT_VERSION else DIGEST_SIZE
        return number + (digest if data[5] & 1 << 5 else 0)

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Read a whole header that a CRC has proved. Raises UnsupportedError."""
        _, _, told, named = cls._FIELDS.unpack(data[: cls.SIZE])
        options, level = divmod(told, 16)
        scratch, after, prior, revision = (bool(options & 1 << i) for i in range(4))
        if (scratch and prior) or (revision and not after):
            raise UnsupportedError(
                f"this archive has the options {options:04b}",
                "this lmzip knows 0001, from scratch, or 0100, with a prior; and 0010, after other "
                "data, or 1010, a revision of these",
                "use a newer lmzip",
            )
        if not MIN_LEVEL <= level <= MAX_LEVEL:
            raise UnsupportedError(
                f"this is an archive of level {level}",
                f"this lmzip knows the levels {MIN_LEVEL} to {MAX_LEVEL}",
                "use a newer lmzip",
            )
        form, rest, number = Form(form_of(data)), data[cls.SIZE :], 0
        if form == Form.FRAME:
            number, rest = cls._NUMBER.unpack(rest[: cls._NUMBER.size])[0], rest[4:]
        code, digest = (b"", named) if prior else (named, b"")
        series = {
            "form": form,
            "version": version_of(data),
            "number": number & ~(1 << 31),
            "last": bool(number >> 31),
        }
        begins = {"from_scratch": scratch, "after": rest, "revision": revision, "prior": digest}
        return cls(level, code, **begins, **series)


def check_version(data: bytes) -> None:
    """Raise UnsupportedError if `data`, which begin with the magic, are of another version."""
    if len(data) <= len(MAGIC) or version_of(data) == VERSION:
        return
    told = version_of(data)
    if told == SHORT_VERSION and form_of(data) == Form.SHORT:
        return
    raise UnsupportedError(
        f"this is an archive of format version {told}",
        f"this lmzip reads version {VERSION}, and {SHORT_VERSION} of the short form",
        "use a newer lmzip"
        if told > VERSION
        else "restore it with the lmzip that wrote it, and compress it anew",
    )


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
