"""Archives as file objects.

`lmzip.open` and `LMZFile` are used like those of `gzip`, `lzma` and `compression.zstd`.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, overload

from lmzip import leaving, rawio
from lmzip.after import Prefix, prefix_of
from lmzip.arguments import After, Data, Progress
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.compressor import LMZCompressor
from lmzip.frames.compressor import FrameCompressor
from lmzip.guard import Guard
from lmzip.known import known_of
from lmzip.prior import Path, Prior, prior_of
from lmzip.reader import ArchiveReader

if TYPE_CHECKING:  # what type checkers know on every version of Python
    from _typeshed import WriteableBuffer

    class BaseStream(io.BufferedIOBase, IO[bytes]): ...  # type: ignore[misc]
else:
    try:  # Python 3.14
        from compression._common._streams import BaseStream
    except ImportError:
        from _compression import BaseStream


class Readable(Protocol):
    """All that is needed of a file object to read an archive."""

    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    """All that is needed of a file object to write an archive."""

    def write(self, data: bytes, /) -> Any: ...


File = str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes] | Readable | Writable
"""What archives are read from and written to: a path, or a binary file object."""


class LMZFile(BaseStream):
    """An archive, or several in a row, as a binary file of the data in it.

    `file` is a path or a binary file object, which is left open by `close`. Modes: "r" reads,
    "w" writes, "x" creates, "a" appends a further archive; a "b" may be added. `level` and
    `from_scratch` (nothing learned beforehand) are for writing, `memory_limit` (bytes) refuses an
    archive, or a level, that needs more. `after` is what the model reads first, to be given again
    when reading; with it, the first archive in the file must need it. `prior`, or its file, is what
    the model begins with; when reading, one that an archive names is also looked for beside the
    file and in the user's directory. `frame_size` (bytes, for writing) cuts the data into frames,
    so that whoever reads can seek to each; else seeking backwards decodes again from the start.
    `progress` is called with numbers of bytes of data.

    What `file` takes only in part, or not now, is offered again; where it has nothing now, reading
    waits, or raises BlockingIOError if it has no descriptor to wait for. Calls of several threads
    wait for each other; one from within another raises RuntimeError. After an exception that lost
    a part of the archive, or of the data, every further call raises BrokenError, `close` too: such
    an archive is never completed. What nobody has closed is completed when the interpreter exits.

    Raises OSError as `open` does, ValueError for a wrong mode or level; reading raises
    FormatError, CorruptError, UnsupportedError, AfterError, PriorError, LimitError, MismatchError.
    """

    def __init__(
        self,
        file: File,
        mode: str = "r",
        *,
        level: int = DEFAULT_LEVEL,
        from_scratch: bool = False,
        after: After | Prefix | None = None,
        prior: Prior | Path | None = None,
        threads: int | None = None,
        memory_limit: int | None = None,
        progress: Progress | None = None,
        frame_size: int | None = None,
    ) -> None:
        self._fp: BinaryIO | None = None
        self._owns_fp = False
        self._buffer: io.BufferedReader | None = None
        self._compressor: LMZCompressor | FrameCompressor | None = None
        self._new_compressor: Callable[[], LMZCompressor | FrameCompressor]
        self._pos = 0
        self._stored = 0
        self._completed_at: int | None = None
        self._guard = Guard("the file")
        kind = mode.replace("b", "", 1)
        if kind not in ("r", "w", "x", "a"):
            raise ValueError(f"mode must be r, w, x or a, with or without b, not {mode!r}")
        named = isinstance(file, (str, bytes, os.PathLike))
        options: dict[str, Any] = {"after": prefix_of(after), "threads": threads}
        options |= {"memory_limit": memory_limit, "progress": progress}
        if kind != "r":
            written = {"from_scratch": from_scratch, "prior": prior_of(prior), **options}
            self._new_compressor = partial(LMZCompressor, level, **written)
            if frame_size is not None:
                frames = {"frame_size": frame_size, **written}
                self._new_compressor = partial(FrameCompressor, level, **frames)
            self._compressor = self._new_compressor()
        if named:
            self._fp = builtins.open(file, kind + "b")  # noqa: SIM115 - closed by `close`
            self._owns_fp = True
        elif hasattr(file, "read") or hasattr(file, "write"):
            self._fp = file
        else:
            raise TypeError("file must be a path or a binary file object")
        self.mode = kind + "b"
        if kind == "r":
            beside = os.path.dirname(os.fsdecode(file)) if named else None
            known = known_of(prior, beside)
            self._buffer = io.BufferedReader(ArchiveReader(self._fp, prior=known, **options))
        else:
            leaving.complete(self)

    @property
    def name(self) -> str:
        """The name of the underlying file."""
        self._check_not_closed()
        return self._fp.name

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._fp is None

    def close(self) -> None:
        """When writing, complete the archive. Closes the underlying file if opened here."""
        self._guard.run(self._close, last=True)

    def _close(self) -> None:
        if self._fp is None:
            return
        try:
            if self._buffer is not None:
                self._buffer.close()
            elif self._compressor is not None:
                self._guard.check()
                self._complete()
        finally:
            fp, self._fp = self._fp, None
            self._buffer = self._compressor = None
            if self._owns_fp:
                fp.close()

    def _complete(self) -> None:
        """Write the rest of the archive, unless it is a further one without data."""
        if self._completed_at != self._pos:
            rawio.write_all(self._fp, self._compressor.flush())
            self._completed_at = self._pos

    def complete(self) -> None:
        """When writing, complete the archive now; what is written after it begins a further one."""
        self._guard.run(self._complete_and_go_on, last=True)

    def _complete_and_go_on(self) -> None:
        if self._fp is not None and self._compressor is not None:
            self._guard.check()
            self._complete()
            self._compressor, self._stored = self._new_compressor(), 0
            if hasattr(self._fp, "flush"):
                rawio.flush(self._fp)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:  # leave an incomplete archive incomplete, so that it is seen to be
            self._compressor = None
        self.close()

    def fileno(self) -> int:
        """The file descriptor of the underlying file."""
        self._check_not_closed()
        return self._fp.fileno()

    def readable(self) -> bool:
        """Whether the file was opened for reading."""
        self._check_not_closed()
        return self._buffer is not None

    def writable(self) -> bool:
        """Whether the file was opened for writing."""
        self._check_not_closed()
        return self._compressor is not None

    def seekable(self) -> bool:
        """Whether the file can be rewound: reading, from something that is itself seekable."""
        return self.readable() and self._buffer.seekable()

    def flush(self) -> None:
        """Do nothing, as an incomplete block cannot be coded; raise if no more can be written."""
        self._check_not_closed()
        self._guard.check()

    def peek(self, size: int = -1) -> bytes:
        """Return data without moving on: at least one byte, unless at the end."""
        return self._reading("peek", size)

    def read(self, size: int | None = -1) -> bytes:
        """Read `size` bytes, fewer only at the end; all that is left if `size` is -1 or None."""
        return self._reading("read", size)

    def read1(self, size: int = -1) -> bytes:
        """Read up to `size` bytes with at most one turn of decoding."""
        return self._reading("read1", io.DEFAULT_BUFFER_SIZE if size < 0 else size)

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into `buffer`; return the number of bytes, 0 at the end."""
        return self._reading("readinto", buffer)

    def readline(self, size: int | None = -1) -> bytes:
        """Read to the end of the line, at most `size` bytes."""
        return self._reading("readline", -1 if size is None else size)

    def write(self, data: Data) -> int:
        """Compress `data`; return its length in bytes. Raises OSError.

        If an exception came before anything left for the underlying file, nothing has been written.
        """
        view = memoryview(data).cast("B")
        return self._guard.run(
            self._write, view, ready=self._check_can_write, intact=self._all_is_stored
        )

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a byte of the data, going back by decoding again; return the new position."""
        return self._reading("seek", offset, whence, ready=self._check_can_seek)

    def _reading(
        self, method: str, *arguments: Any, ready: Callable[[], None] | None = None
    ) -> Any:
        return self._guard.run(
            lambda: getattr(self._buffer, method)(*arguments),
            ready=ready or self._check_can_read,
            # What the reader raises it will raise again; an interruption can come anywhere.
            intact=lambda error: isinstance(error, Exception),
        )

    def _write(self, view: memoryview) -> int:
        packed = self._compressor.compress(view)
        rawio.write_all(self._fp, packed)
        self._stored += len(packed)
        self._pos += len(view)
        return len(view)

    def _all_is_stored(self, error: BaseException) -> bool:
        """Whether all that has left the compressor is in the underlying file."""
        compressor = self._compressor
        return compressor is not None and compressor.returned == self._stored

    def tell(self) -> int:
        """The position in the data, in bytes."""
        self._check_not_closed()
        buffer = self._buffer
        return self._pos if buffer is None else buffer.tell()


@overload
def open(
    file: File,
    mode: Literal["r", "rb", "br", "w", "wb", "bw", "x", "xb", "bx", "a", "ab", "ba"] = "rb",
    *,
    level: int = DEFAULT_LEVEL,
    from_scratch: bool = False,
    after: After | None = None,
    prior: Prior | Path | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    frame_size: int | None = None,
) -> LMZFile: ...


@overload
def open(
    file: File,
    mode: Literal["rt", "tr", "wt", "tw", "xt", "tx", "at", "ta"],
    *,
    level: int = DEFAULT_LEVEL,
    from_scratch: bool = False,
    after: After | None = None,
    prior: Prior | Path | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    frame_size: int | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> io.TextIOWrapper: ...


@overload
def open(
    file: File,
    mode: str,
    *,
    level: int = DEFAULT_LEVEL,
    from_scratch: bool = False,
    after: After | None = None,
    prior: Prior | Path | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    frame_size: int | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> LMZFile | io.TextIOWrapper: ...


def open(
    file: File,
    mode: str = "rb",
    *,
    level: int = DEFAULT_LEVEL,
    from_scratch: bool = False,
    after: After | None = None,
    prior: Prior | Path | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    frame_size: int | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> LMZFile | io.TextIOWrapper:
    """Open an archive as a binary file ("rb", "wb", "xb", "ab") or a text file ("rt", ...).

    `encoding`, `errors` and `newline` are those of the built-in `open`, for text only; the rest
    and the errors raised are those of `LMZFile`.
    """
    text = "t" in mode
    if text and "b" in mode:
        raise ValueError(f"mode cannot be both text and binary: {mode!r}")
    if not text and (encoding, errors, newline) != (None, None, None):
        raise ValueError("encoding, errors and newline are for text modes")
    binary = LMZFile(
        file,
        mode.replace("t", ""),
        level=level,
        from_scratch=from_scratch,
        after=after,
        prior=prior,
        threads=threads,
        memory_limit=memory_limit,
        progress=progress,
        frame_size=frame_size,
    )
    if not text:
        return binary
    wrapper = _TextFile(binary, io.text_encoding(encoding), errors, newline)
    leaving.flush_first(wrapper)
    return wrapper


class _TextFile(io.TextIOWrapper):
    """Text, whose archive stays incomplete when the block of a `with` statement raises."""

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is None:
            self.close()
            return
        with suppress(Exception):  # the exception under way says more
            self.flush()
        self.buffer.__exit__(kind, *rest)


def register_fsspec() -> None:
    """Let fsspec open archives: `fsspec.open(url, compression="lmzip")`, inferred from ".lmz"."""
    from fsspec.compression import register_compression

    register_compression("lmzip", LMZFile, "lmz", force=True)
