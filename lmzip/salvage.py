"""What stands before the damage: blocks that are proved whole, and an account of what is lost.

The model of a block has learned from all blocks before it, so that nothing behind the first
damaged block of an archive can be decoded. What stands before it can, and each block's checksums
prove it: nothing that is not proved is ever given out. Where the headers behind the damage stand,
they tell how much is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lmzip.after import Prefix, prefix_of
from lmzip.arguments import After, Progress
from lmzip.container import BlockHeader, Parser
from lmzip.errors import LMZError
from lmzip.frames.salvaging import OURS, Found, begins_in_frames, salvage_frames
from lmzip.known import Known, known_of
from lmzip.prior import Path, Prior
from lmzip.series import Series, frames_missing, is_no_table, table_size
from lmzip.source import PiecesSource, Source
from lmzip.whole import decompress_chunks


@dataclass
class Salvage:
    """The account that `salvage_chunks` keeps; complete when it has ended."""

    blocks: int = 0
    """Blocks recovered."""
    recovered: int = 0
    """Bytes of data recovered."""
    expected: int | None = None
    """Bytes of data there were, by the headers of all blocks; None if one of them is damaged."""
    error: LMZError | None = None
    """What was found; None if the archive is sound and `recovered` is everything."""
    missing: list[tuple[int, int | None]] | None = None
    """Of data in frames: the bytes that are lost, from and to, or to the end; None if not known."""

    @property
    def lost(self) -> int | None:
        """Bytes of data lost, None if that cannot be told."""
        if self.error is None:
            return 0
        return None if self.expected is None else self.expected - self.recovered

    def found(self, error: LMZError | None, expected: int | None, recovered: int) -> None:
        """An archive, or a series of frames, has been looked at: what is wrong, and its bytes."""
        if self.error is None and error is not None:
            self.error = error.with_traceback(None)  # which would keep the model
        whole = self.expected is not None or self.recovered == recovered
        before = self.expected or 0
        self.expected = before + expected if whole and expected is not None else None

    def add(self, block: bytes) -> None:
        """A block was recovered."""
        self.blocks += 1
        self.recovered += len(block)

    def __str__(self) -> str:
        plural = "" if self.blocks == 1 else "s"
        saved = f"{self.recovered:,} bytes in {self.blocks} block{plural} are whole"
        if self.error is None:
            return f"nothing is lost: {saved}"
        lost = "an unknown number of" if self.lost is None else f"{self.lost:,}"
        lost += " bytes are lost"
        if self.missing:
            lost += f" ({', '.join(map(_part, self.missing))} of the data)"
        return f"{saved} and were recovered, {lost}: {self.error}"


def salvage_chunks(
    chunks: Iterable[bytes],
    report: Salvage,
    *,
    after: After | Prefix | None = None,
    prior: Prior | Path | Known | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
) -> Iterator[bytes]:
    """Like `decompress_chunks`, but damage ends the data instead of raising an error.

    Yields block by block what is proved, and fills in `report`. Raises what `decompress_chunks`
    raises if not a single byte can be recovered, and AfterError, PriorError, LimitError and
    EngineError always: they say nothing against the archive.
    """
    pieces = PiecesSource(chunks)
    options: dict[str, Any] = {"after": prefix_of(after), "prior": known_of(prior)}
    options |= {"threads": threads, "memory_limit": memory_limit, "progress": progress}
    while begins_in_frames(pieces):
        yield from _of_frames(pieces, report, options)
    if report.recovered and not pieces.fill(1):
        return
    source, before = _Counted(pieces.rest(), pieces.taken), report.recovered
    options["_series"] = Series(pieces.taken)
    try:
        for block in decompress_chunks(source, **options):
            if block:
                report.add(block)
                yield block
    except OURS:
        raise
    except LMZError as error:
        if not report.recovered:
            raise
        for _ in source:
            pass
        report.found(error, source.expected, report.recovered - before)
    else:
        report.found(None, report.recovered - before, report.recovered - before)


def salvage(
    data: bytes,
    *,
    after: After | Prefix | None = None,
    prior: Prior | Path | Known | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
) -> tuple[bytes, Salvage]:
    """What can be recovered of an archive, or several in a row, and the account of it.

    Raises as `salvage_chunks`.
    """
    report = Salvage()
    options: dict[str, Any] = {"after": after, "prior": prior, "threads": threads}
    options["memory_limit"] = memory_limit
    return b"".join(salvage_chunks([data], report, **options)), report


def _of_frames(source: Source, report: Salvage, options: dict[str, Any]) -> Iterator[bytes]:
    """What is whole of a series of frames; passes over the table behind it."""
    found, before = Found(), report.recovered
    for block in salvage_frames(source, found, options):
        report.add(block)
        yield block
    error, missing = found.error, found.missing()
    if error is None and not found.ended:
        error = frames_missing(found.number)
    if error is not None and not report.recovered:
        raise error
    recovered, expected = report.recovered - before, None
    if missing is not None and all(stop is not None for _, stop in missing):
        expected = recovered + sum(stop - start for start, stop in missing if stop is not None)
    first = report.expected is None and report.error is None
    report.found(error, expected, recovered)
    report.missing = missing if first else None
    table = source.fill(table_size(found.number))
    if found.ended and not is_no_table(table, ended=True):
        source.take(len(table))
    source.pass_between(Series(source.taken))


def _part(missing: tuple[int, int | None]) -> str:
    start, stop = missing
    return f"bytes {start:,} to {'the end' if stop is None else f'{stop:,}'}"


class _Counted:
    """Passes chunks on, and counts the data in the archives that they hold, by the headers."""

    def __init__(self, chunks: Iterable[bytes], start: int) -> None:
        self._chunks = iter(chunks)
        self._series = Series(start)
        self._parser: Parser | None = Parser(self._series)
        self._part = bytearray()
        self._skip = 0
        self._counted = 0
        """Bytes of data in the archives before."""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._parser is not None:
                self._part += chunk
                try:
                    while self._follow(self._parser):
                        pass
                except LMZError:
                    self._parser = None  # what stands behind this place is not known
            yield chunk

    def _follow(self, parser: Parser) -> bool:
        """Read a part of an archive, if it is at hand."""
        if self._skip:
            size = min(self._skip, len(self._part))
            self._skip -= size
            del self._part[:size]
            return size > 0
        if parser.done:
            size = self._series.passed(self._part)
            del self._part[: size or 0]
            if size == 0 and self._part:
                self._counted += parser.raw_size
                self._parser = Parser(self._series)
            return bool(size or self._part) and size is not None
        if len(self._part) < parser.needed:
            return False
        size = parser.needed
        part = parser.feed(bytes(self._part[:size]))
        del self._part[:size]
        if isinstance(part, BlockHeader) and not parser.done:
            self._skip = part.stored_size
            parser.skip()
        return True

    @property
    def expected(self) -> int | None:
        """Bytes of data; None if headers, or the end, are missing."""
        if self._parser is None or not self._parser.done or self._series.number:
            return None
        return self._counted + self._parser.raw_size
