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

from lmzip.after import Prefix
from lmzip.arguments import After, Progress
from lmzip.container import BlockHeader, Parser
from lmzip.errors import AfterError, EngineError, LimitError, LMZError, PriorError
from lmzip.known import Known
from lmzip.prior import Path, Prior
from lmzip.series import Series
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

    @property
    def lost(self) -> int | None:
        """Bytes of data lost, None if that cannot be told."""
        if self.error is None:
            return 0
        return None if self.expected is None else self.expected - self.recovered

    def __str__(self) -> str:
        plural = "" if self.blocks == 1 else "s"
        saved = f"{self.recovered:,} bytes in {self.blocks} block{plural} are whole"
        if self.error is None:
            return f"nothing is lost: {saved}"
        lost = "an unknown number of" if self.lost is None else f"{self.lost:,}"
        return f"{saved} and were recovered, {lost} bytes are lost: {self.error}"


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
    source = _Counted(chunks)
    options: dict[str, Any] = {"after": after, "prior": prior, "threads": threads}
    options |= {"memory_limit": memory_limit, "progress": progress}
    try:
        for block in decompress_chunks(source, **options):
            if block:
                report.blocks += 1
                report.recovered += len(block)
                yield block
    except (AfterError, PriorError, LimitError, EngineError):
        raise
    except LMZError as error:
        if not report.recovered:
            raise
        report.error = error.with_traceback(None)  # which would keep the model
        for _ in source:
            pass
        report.expected = source.expected
    else:
        report.expected = report.recovered


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


class _Counted:
    """Passes chunks on, and counts the data in the archives that they hold, by the headers."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._series = Series()
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
