"""Archives in a row, looked at before they are taken: from a file, or from pieces."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from lmzip import rawio
from lmzip.arguments import Data
from lmzip.container import BlockHeader, Body, Parser
from lmzip.header import Header
from lmzip.series import Series


class Source:
    """Bytes in order; what was looked at and not taken is kept."""

    def __init__(self) -> None:
        self.ahead = bytearray()
        """What was looked at."""
        self.taken = 0
        """Bytes before it."""

    def more(self, size: int) -> Data:
        """The next bytes, up to `size` or more of them, none only at the end."""
        raise NotImplementedError

    def fill(self, size: int, at: int = 0) -> bytes:
        """Look at `size` bytes, `at` bytes ahead; fewer only at the end."""
        end = at + size
        while len(self.ahead) < end and (more := self.more(end - len(self.ahead))):
            self.ahead += more
        return bytes(self.ahead[at:end])

    def feed(self, parser: Parser, at: int = 0) -> BlockHeader | Body | None:
        """Give a parser what it needs next, `at` bytes ahead, and take nothing.

        Raises as `Parser.feed`; TruncatedError.
        """
        found = self.fill(parser.needed, at)
        parser.check_start(found)
        if len(found) < parser.needed:
            raise parser.truncated(found)
        return parser.feed(found)

    def take_archive(self, series: Series) -> bytes:
        """Take one archive whole, its checksums checked; nothing if it is damaged.

        Raises as `feed`.
        """
        parser = Parser(series)
        while not parser.done:
            self.feed(parser, parser.offset)
        return self.take(parser.offset)

    def take(self, size: int) -> bytes:
        """Bytes that were looked at."""
        taken = bytes(self.ahead[:size])
        del self.ahead[:size]
        self.taken += len(taken)
        return taken

    def rest(self) -> Iterator[bytes]:
        """All that is left, in pieces."""
        while self.ahead or self.fill(1):
            yield self.take(len(self.ahead))

    def pass_between(self, series: Series) -> bool:
        """Pass over a table, and zeros; whether anything follows, at which is looked then."""
        passed = True
        while passed:
            wanted = series.wanted
            found = self.fill(wanted or Header.SIZE)
            size = series.passed(found, ended=len(found) < wanted)
            self.take(size or 0)
            passed = bool(size or wanted)
        return bool(self.ahead)


class PiecesSource(Source):
    """From pieces of any size."""

    def __init__(self, pieces: Iterable[Data]) -> None:
        super().__init__()
        self._pieces = iter(pieces)

    def more(self, size: int) -> Data:
        return next((piece for piece in self._pieces if len(piece)), b"")


class FileSource(Source):
    """From a file; a pipe may give less at a time. `skips`: by seeking, if it can."""

    def __init__(self, file: BinaryIO, *, skips: bool = False) -> None:
        super().__init__()
        self._file = file
        self._end: int | None = None
        """Of the file, if it can be passed over by seeking."""
        if skips and file.seekable():
            start = file.tell()
            self._end = file.seek(0, io.SEEK_END)
            file.seek(start)

    def more(self, size: int) -> Data:
        return rawio.read(self._file, size)

    def skip(self, size: int, behind: int) -> bool:
        """Pass over `size` bytes if that can be done by seeking, and `behind` bytes follow them."""
        size -= len(self.ahead)
        if self._end is None or size < 0 or self._file.tell() + size + behind > self._end:
            return False
        self.ahead.clear()
        self._file.seek(size, io.SEEK_CUR)
        return True
