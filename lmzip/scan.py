"""A look through archives without the model: what `lmzip list` and `test --quick` do."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from lmzip import rawio
from lmzip.container import STORED, BlockHeader, Body, Header, Parser

CHUNK = 1 << 20


@dataclass(frozen=True)
class ArchiveInfo:
    """What one archive says about itself."""

    level: int
    from_scratch: bool
    """Whether the model began with nothing learned."""
    code: str | None
    """First 6 bytes of the code hash, in hexadecimal; None with a prior, which has it."""
    blocks: int
    stored_blocks: int
    """Blocks kept as they were, because the model could not make them smaller."""
    raw_size: int
    """Bytes of data."""
    size: int
    """Bytes of the archive, with all that is not data."""
    digest: str
    """First 8 bytes of the data's SHA-256, in hexadecimal."""
    after: str | None = None
    """The same of what the model read first (`lmzip.after`); None if it read nothing."""
    prior: str | None = None
    """What names the prior that the model began with, 6 bytes in hexadecimal; None without."""
    padding: int = 0
    """Zero bytes behind the archive, which are ignored."""

    @property
    def needed(self) -> bytes:
        """`after` as the archive's header has it."""
        return bytes.fromhex(self.after or "")

    @property
    def begun_with(self) -> bytes:
        """`prior` as the archive's header has it."""
        return bytes.fromhex(self.prior or "")


def scan(file: BinaryIO, *, verify: bool = True) -> Iterator[ArchiveInfo]:
    """Yield an `ArchiveInfo` for each archive in `file`, to the file's end.

    With `verify` every checksum of stored bytes is checked; without, the stored bytes are passed
    over, by seeking if the file can. Raises FormatError, CorruptError, UnsupportedError; not for
    an unknown code hash, because nothing is decoded.
    """
    end = None
    if not verify and file.seekable():
        start = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(start)
    first = _read(file, 1)
    start = 0
    while first or not start:
        info = _scan_one(file, Parser(start), first, end)
        first, padding = _skip_zeros(file)
        start += info.size + padding
        yield replace(info, padding=padding)


def check_ahead(file: BinaryIO) -> list[ArchiveInfo] | None:
    """Check every checksum of stored bytes before the slow work starts; go back to where it was.

    Damage is then reported at once instead of after hours. What cannot be read twice, such as a
    pipe, is left alone: then None is returned. Raises as `scan`.
    """
    if not file.seekable():
        return None
    start = file.tell()
    archives = list(scan(file))
    file.seek(start)
    return archives


def _scan_one(file: BinaryIO, parser: Parser, first: bytes, end: int | None) -> ArchiveInfo:
    stored_blocks = 0
    data = first
    while not parser.done:
        data += _read(file, parser.needed - len(data))
        parser.check_start(data)
        if len(data) < parser.needed:
            raise parser.truncated(data)
        part = parser.feed(data)
        data = b""
        if isinstance(part, BlockHeader) and not parser.done:
            stored_blocks += part.type == STORED
            if end is not None and file.tell() + part.stored_size + Body.END_SIZE <= end:
                file.seek(part.stored_size, io.SEEK_CUR)
                parser.skip()
    assert parser.header is not None
    return ArchiveInfo(
        level=parser.header.level,
        from_scratch=parser.header.from_scratch,
        code=parser.header.code.hex() or None,
        blocks=parser.blocks,
        stored_blocks=stored_blocks,
        raw_size=parser.raw_size,
        size=parser.offset,
        digest=parser.digest.hex(),
        after=parser.header.after.hex() or None,
        prior=parser.header.prior.hex() or None,
    )


def _skip_zeros(file: BinaryIO) -> tuple[bytes, int]:
    """What stands behind zero bytes, at most a header, and the number of zero bytes."""
    padding = 0
    while data := _read(file, Header.SIZE):
        rest = data.lstrip(b"\0")
        padding += len(data) - len(rest)
        if rest:
            return rest, padding
    return b"", padding


def _read(file: BinaryIO, size: int) -> bytes:
    """`size` bytes, fewer only at the end of the file (a pipe may give less at a time)."""
    data = b""
    while len(data) < size and (more := rawio.read(file, size - len(data))):
        data += more
    return data
