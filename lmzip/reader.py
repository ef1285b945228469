"""The raw stream of the data in an archive, or in several in a row, below `LMZFile`."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from lmzip import rawio
from lmzip.errors import LMZError
from lmzip.guard import broken
from lmzip.stream import LMZDecompressor

if TYPE_CHECKING:  # what type checkers know on every version of Python
    from _compression import DecompressReader
else:
    try:  # Python 3.14
        from compression._common._streams import DecompressReader
    except ImportError:
        from _compression import DecompressReader


class _Source:
    """The underlying file of a reader, without what is there now being taken for all there is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read = partial(rawio.read, file)

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)


class ArchiveReader(DecompressReader):
    """The standard library's reader, with an end of input that says where the archive broke off.

    After any exception it gives nothing more, unless it is rewound: whoever collected what it gave
    before has lost that.
    """

    def __init__(self, fp: BinaryIO, **options: object) -> None:
        self._decompressor = None
        self._failure: LMZError | None = None
        super().__init__(_Source(fp), self._next_archive, **options)

    def _next_archive(self, **options: object) -> LMZDecompressor:
        before = self._decompressor
        series = before._series if before is not None and before.eof else None
        return LMZDecompressor(**options, _series=series)

    def _rewind(self) -> None:
        self._decompressor = None  # what comes next follows no archive
        super()._rewind()
        self._failure = None

    def read(self, size: int = -1) -> bytes:
        if self._failure is not None:
            raise self._failure
        try:
            with suppress(EOFError):
                return super().read(size)
            self._decompressor.end_of_input()
            self._eof, self._size = True, self._pos  # zeros are no further archive
            return b""
        except LMZError as error:
            self._failure = error
            raise
        except BaseException as error:
            self._failure = broken("the file", error)
            raise
