"""What stands before the damage: blocks that are proved whole, and an account of what is lost.

The model of a block has learned from all blocks before it, so that nothing behind the first
damaged block of an archive can be decoded. What stands before it can, and each block's checksums
prove it: nothing that is not proved is ever given out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from lmzip import container
from lmzip.container import END, MAGIC, Trailer
from lmzip.errors import CorruptError, EngineError, LimitError, LMZError
from lmzip.stream import Progress
from lmzip.whole import decompress_chunks


@dataclass
class Salvage:
    """The account that `salvage_chunks` keeps; complete when it has ended."""

    blocks: int = 0
    """Blocks recovered."""
    recovered: int = 0
    """Bytes of data recovered."""
    expected: int | None = None
    """Bytes of data there were, by the archive's trailer; None if that cannot be told."""
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
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
) -> Iterator[bytes]:
    """Like `decompress_chunks`, but damage ends the data instead of raising an error.

    Yields block by block what is proved, and fills in `report`. Raises what `decompress_chunks`
    raises if not a single byte can be recovered, and LimitError and EngineError always: they say
    nothing against the archive.
    """
    source = _Watched(chunks)
    options = {"threads": threads, "memory_limit": memory_limit, "progress": progress}
    try:
        for block in decompress_chunks(source, **options):
            if block:
                report.blocks += 1
                report.recovered += len(block)
                yield block
    except (LimitError, EngineError):
        raise
    except LMZError as error:
        if not report.recovered:
            raise
        report.error = error.with_traceback(None)  # which would keep the model
        for _ in source:
            pass
        report.expected = source.expected(report.recovered)
    else:
        report.expected = report.recovered


def salvage(
    data: bytes, *, threads: int | None = None, memory_limit: int | None = None
) -> tuple[bytes, Salvage]:
    """What can be recovered of an archive, or several in a row, and the account of it.

    Raises as `salvage_chunks`.
    """
    report = Salvage()
    options = {"threads": threads, "memory_limit": memory_limit}
    return b"".join(salvage_chunks([data], report, **options)), report


class _Watched:
    """Passes chunks on, and remembers what tells how much data there was."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._tail = b""
        self._starts = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            # Only the last few bytes are joined, so that a start across chunks counts once.
            seam = self._tail[1 - len(MAGIC) :]
            self._starts += (seam + chunk).count(MAGIC)
            self._tail = (self._tail + chunk[-Trailer.SIZE :])[-Trailer.SIZE :]
            yield chunk

    def expected(self, recovered: int) -> int | None:
        """Bytes of data by the trailer at the end; None if there is none, or not for all of it."""
        trailer = None
        with suppress(CorruptError):
            if len(self._tail) == Trailer.SIZE and self._tail[0] == END:
                trailer = Trailer.unpack(self._tail)
        # With several archives in a row the last trailer counts only its own.
        if trailer is None or self._starts != 1 or trailer.raw_size < recovered:
            return None
        if trailer.blocks != -(-trailer.raw_size // container.BLOCK_SIZE):
            return None
        return trailer.raw_size
