"""A look through archives without the model: what `lmzip list` and `test --quick` do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from lmzip.container import BlockHeader, Body, Parser
from lmzip.header import Form
from lmzip.series import Series
from lmzip.source import FileSource

CHUNK = 1 << 20


@dataclass(frozen=True)
class ArchiveInfo:
    """What one archive says about itself."""

    start: int
    """Bytes before it, from where the look began."""
    level: int
    from_scratch: bool
    """Whether the model began with nothing learned."""
    code: str | None
    """First 4 bytes of the code hash, in hexadecimal; None with a prior, which has it."""
    blocks: int
    stored_blocks: int
    """Blocks kept as they were, because the model could not make them smaller."""
    raw_size: int
    """Bytes of data."""
    size: int
    """Bytes of the archive, with all that is not data."""
    digest: str
    """First bytes of the data's SHA-256, in hexadecimal: 8, or 4 if the form is short."""
    after: str | None = None
    """The same of what the model read first (`lmzip.after`); None if it read nothing."""
    prior: str | None = None
    """What names the prior that the model began with, 4 bytes in hexadecimal; None without."""
    frame: int | None = None
    """Its number, from 0, if it is a frame of data that were cut into such."""
    table_size: int = 0
    """Bytes of the table of frames behind the last of them."""
    table: str | None = None
    """What is wrong with the table of frames behind the last of them; None if nothing is."""
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
    source, series = FileSource(file, skips=not verify), Series()
    while source.ahead or not series.start:
        info = _scan_one(source, Parser(series))
        source.pass_between(series)
        told = {"table_size": series.table_size, "table": series.lost or None}
        yield replace(info, **told, padding=series.padding)
        series.lost, series.padding = "", 0
    series.check_end()


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


def _scan_one(source: FileSource, parser: Parser) -> ArchiveInfo:
    while not parser.done:
        size = parser.needed
        part = source.feed(parser)
        source.take(size)
        skips = isinstance(part, BlockHeader) and not parser.done
        if skips and source.skip(parser.block.stored_size, Body.END_SIZE):
            parser.skip()
    header = parser.header
    assert header is not None
    return ArchiveInfo(
        start=parser.series.start - parser.offset,
        level=header.level,
        from_scratch=header.from_scratch,
        code=header.code.hex() or None,
        blocks=parser.blocks,
        stored_blocks=parser.stored_blocks,
        raw_size=parser.raw_size,
        size=parser.offset,
        digest=parser.digest.hex(),
        after=header.after.hex() or None,
        prior=header.prior.hex() or None,
        frame=header.number if header.form == Form.FRAME else None,
    )
