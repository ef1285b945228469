"""What stands before an archive, and what must follow: frames of one series, and their table.

Data that were cut into frames are archives in a row, numbered, and behind the last of them a table
with the size and the digest of each, so that any can be found at once. Whoever reads archives in a
row hands one `Series` from each to the next. `docs/FORMAT.md`, section 1.
"""

from __future__ import annotations

import hashlib
import operator
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from lmzip.errors import (
    GET_ANOTHER_COPY,
    CorruptError,
    PaddingWarning,
    TableWarning,
    TruncatedError,
)
from lmzip.header import DIGEST_SIZE, MAGIC, VERSION, Form, Header

END_MAGIC = MAGIC[::-1]
"""What a table ends in, so that it is found from the end."""


@dataclass(frozen=True)
class Frame:
    """What the table says of one archive of a series."""

    size: int
    """Bytes of the archive."""
    raw_size: int
    """Bytes of its data."""
    digest: bytes
    """First 8 bytes of the SHA-256 of its data."""

    FIELDS: ClassVar[struct.Struct] = struct.Struct(f"<QQ{DIGEST_SIZE}s")


def digest_of(data: bytes) -> bytes:
    """What stands for the data of a frame."""
    return hashlib.sha256(data).digest()[:DIGEST_SIZE]


HEAD = struct.Struct("<4sBBI")
"""Magic, version and form, 0, number of frames."""
TAIL = struct.Struct("<II4s")
"""Number of frames, CRC-32 of all before, and the magic backwards."""


def pack_table(frames: Sequence[Frame]) -> bytes:
    """The table of a series, the last of which is the last of these frames."""
    packed = HEAD.pack(MAGIC, VERSION | Form.TABLE << 6, 0, len(frames))
    packed += b"".join(Frame.FIELDS.pack(f.size, f.raw_size, f.digest) for f in frames)
    packed += struct.pack("<I", len(frames))
    return packed + struct.pack("<I4s", zlib.crc32(packed), END_MAGIC)


def table_size(frames: int) -> int:
    """Bytes of the table of so many frames."""
    return HEAD.size + frames * Frame.FIELDS.size + TAIL.size


def unpack_table(data: bytes) -> list[Frame] | None:
    """The frames of a whole table; None if `data` are no table, or damaged."""
    if len(data) < table_size(0) or (len(data) - table_size(0)) % Frame.FIELDS.size:
        return None
    entries = data[HEAD.size : len(data) - TAIL.size]
    frames = [Frame(*fields) for fields in Frame.FIELDS.iter_unpack(entries)]
    return frames if pack_table(frames) == data else None


@dataclass
class Series:
    """Where in a row of archives one stands. It goes on with `add`, from each to the next."""

    start: int = 0
    """Bytes before: archives, of which the first begins at 0, tables and zeros behind them."""
    number: int = 0
    """Of the frame that must follow; 0 if none must."""
    frames: list[Frame] = field(default_factory=list)
    """Those of the series under way that were read; of one that is whole until its table is."""
    padding: int = 0
    """Zero bytes passed over since the last archive."""
    table_size: int = 0
    """Bytes of the table passed over behind the last archive."""
    lost: str = ""
    """What is wrong with the table behind the last archive; empty if nothing is."""

    def check(self, header: Header) -> None:
        """Raise CorruptError if this archive cannot stand here."""
        if header.form == Form.FRAME:
            if header.number != self.number:
                raise self.missing(f"frame {header.number} follows")
        elif self.number:
            raise self.missing("an archive that is none of its frames follows")
        else:
            self.frames = []

    def add(self, header: Header, frame: Frame) -> None:
        """An archive has been read to its end."""
        self.start += frame.size
        self.table_size = 0
        if header.form == Form.FRAME:
            self.frames.append(frame)
            self.number = 0 if header.last else header.number + 1
        else:
            self.frames = []

    @property
    def wanted(self) -> int:
        """Bytes of the table that should stand here; 0 if none should."""
        return table_size(len(self.frames)) if self.frames and not self.number else 0

    def passed(self, data: bytes | bytearray, ended: bool = False) -> int | None:
        """Bytes at the start of `data` that belong to no archive: a table or, else, zeros.

        There are none before the first archive. None if that cannot be told before there are more;
        `ended`: there are no more. That a table is damaged or missing is no error: all that it
        says, the frames have said already.
        """
        if not self.start:
            return 0
        if not self.wanted:
            size = len(data) - len(data.lstrip(b"\0"))
            self.padding += size
        elif len(data) < self.wanted and not (ended or is_no_table(data)):
            return None
        else:
            size = self._table_at(pack_table(self.frames), bytes(data[: self.wanted]))
            self.table_size = size
            self.frames = []
        self.start += size
        return size

    def _table_at(self, table: bytes, found: bytes) -> int:
        """How many bytes of what was found are the table that should stand there, or were."""
        same = sum(a == b for a, b in zip(table, found, strict=False))
        if found == table:
            return len(table)
        if found and (4 * same >= 3 * len(table) or table.startswith(found)):
            self.lost = "is damaged"
            return len(found)
        self.lost = "is missing"
        return 0

    def check_end(self) -> None:
        """Raise TruncatedError if the input may not end here, where an archive could begin."""
        if self.number:
            raise frames_missing(self.number)

    def warn(self) -> None:
        """Tell, once, of what was passed over."""
        if self.lost:
            text = f"the table of frames {self.lost}; the frames are whole"
            warnings.warn(text, TableWarning, stacklevel=3)
            self.lost = ""
        if self.padding:
            text = f"{self.padding:,} zero bytes behind an archive are ignored"
            warnings.warn(text, PaddingWarning, stacklevel=3)
            self.padding = 0

    def missing(self, what: str) -> CorruptError:
        """The error to raise when something else stands where the next frame should."""
        return CorruptError(
            "a frame is missing, or is not in its place",
            f"frame {self.number} should begin at byte {self.start:,}, but {what}",
            GET_ANOTHER_COPY,
        )


def is_no_table(data: bytes | bytearray, ended: bool = False) -> bool:
    """Whether this is seen already: of its first bytes no archive has more than four.

    `ended`: there are no more bytes.
    """
    head = MAGIC + bytes([VERSION | Form.TABLE << 6, 0])
    if len(data) < len(head):
        return ended and not head.startswith(data)
    return sum(map(operator.ne, head, data)) > 1


def frames_missing(number: int) -> TruncatedError:
    """The error to raise where the input ends, and this frame should begin."""
    return TruncatedError(
        "the archive is incomplete",
        f"it ends behind frame {number - 1}, which is not the last",
        GET_ANOTHER_COPY,
    )
