"""The raw stream of the data in an archive, or in several in a row, below `LMZFile`."""

from __future__ import annotations

import io
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from lmzip import rawio
from lmzip.decompressor import LMZDecompressor
from lmzip.errors import LMZError
from lmzip.frames.index import Index, find
from lmzip.guard import broken
from lmzip.series import Series

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

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class ArchiveReader(DecompressReader):
    """The standard library's reader, with an end of input that says where the archive broke off.

    After any exception it gives nothing more, unless it is rewound: whoever collected what it gave
    before has lost that.
    """

    def __init__(self, fp: BinaryIO, **options: object) -> None:
        self._decompressor = None
        self._failure: LMZError | None = None
        self._index: Index | None = None
        self._options = options
        super().__init__(_Source(fp), self._next_archive)

    def _next_archive(self, series: Series | None = None, **options: object) -> LMZDecompressor:
        before = self._decompressor
        if before is not None and before.eof:
            series = before._series
        return LMZDecompressor(**self._options, _series=series)

    def _rewind(self) -> None:
        self._decompressor = None  # what comes next follows no archive
        super()._rewind()
        self._failure = None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a byte of the data: to the frame, or archive, that holds it, and on from there.

        Where the file is damaged so that these cannot be found, from the beginning.
        """
        if whence == io.SEEK_CUR:
            offset, whence = self._pos + offset, io.SEEK_SET
        if self.seekable() and (offset, whence) != (self._pos, io.SEEK_SET):
            index = self._look()
            if len(index.spans) > 1:
                self._size = index.raw_size
                self._jump(index, offset + (index.raw_size if whence == io.SEEK_END else 0))
        return super().seek(offset, whence)

    def _look(self) -> Index:
        """What is in the file; nothing if it is damaged."""
        if self._index is None:
            here = self._fp.tell()
            try:
                self._index = find(self._fp)
            except LMZError:
                self._index = Index([])
            self._fp.seek(here)
        return self._index

    def _jump(self, index: Index, target: int) -> None:
        """Go to the beginning of the archive that holds the byte, if it is another one, or if the
        byte is behind."""
        span = index.at(target)
        if span is None or (span is index.at(self._pos) and self._pos <= target):
            return
        self._rewind()
        self._fp.seek(span.start)
        self._decompressor = self._decomp_factory(series=index.series(span))
        self._pos = span.raw_start

    def read(self, size: int = -1) -> bytes:
        if self._failure is not None:
            raise self._failure
        try:
            with suppress(EOFError):
                data = super().read(size)
                if data or not size:
                    return data
            self._decompressor.end_of_input()
            self._eof, self._size = True, self._pos  # zeros are no further archive
            return b""
        except LMZError as error:
            self._failure = error
            raise
        except BaseException as error:
            self._failure = broken("the file", error)
            raise
