"""Archives as file objects, and output files that are either whole or absent.

`lmzip.open` and `LMZFile` are used like those of `gzip`, `lzma` and `compression.zstd`.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, overload

from lmzip.codec.presets import DEFAULT_LEVEL
from lmzip.stream import Data, LMZCompressor, LMZDecompressor, Progress

if TYPE_CHECKING:  # what type checkers know on every version of Python
    from _compression import DecompressReader

    from _typeshed import WriteableBuffer

    class BaseStream(io.BufferedIOBase, IO[bytes]): ...  # type: ignore[misc]
else:
    try:  # Python 3.14
        from compression._common._streams import BaseStream, DecompressReader
    except ImportError:
        from _compression import BaseStream, DecompressReader


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
    "w" writes, "x" creates, "a" appends a further archive; a "b" may be added. `level` is for
    writing, `memory_limit` (bytes) refuses an archive, or a level, that needs more. Seeking
    backwards decodes again from the start. `progress` is called with numbers of bytes of data.

    Raises OSError as `open` does, ValueError for a wrong mode or level; reading raises
    FormatError, CorruptError, UnsupportedError, LimitError, MismatchError.
    """

    def __init__(
        self,
        file: File,
        mode: str = "r",
        *,
        level: int = DEFAULT_LEVEL,
        threads: int | None = None,
        memory_limit: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._fp: BinaryIO | None = None
        self._owns_fp = False
        self._buffer: io.BufferedReader | None = None
        self._compressor: LMZCompressor | None = None
        self._pos = 0
        kind = mode.replace("b", "", 1)
        if kind not in ("r", "w", "x", "a"):
            raise ValueError(f"mode must be r, w, x or a, with or without b, not {mode!r}")
        options = {"threads": threads, "memory_limit": memory_limit, "progress": progress}
        if kind != "r":
            self._compressor = LMZCompressor(level, **options)
        if isinstance(file, (str, bytes, os.PathLike)):
            self._fp = builtins.open(file, kind + "b")  # noqa: SIM115 - closed by `close`
            self._owns_fp = True
        elif hasattr(file, "read") or hasattr(file, "write"):
            self._fp = file
        else:
            raise TypeError("file must be a path or a binary file object")
        self.mode = kind + "b"
        if kind == "r":
            self._buffer = io.BufferedReader(_Reader(self._fp, **options))

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
        if self._fp is None:
            return
        try:
            if self._buffer is not None:
                self._buffer.close()
            elif self._compressor is not None:
                compressor, self._compressor = self._compressor, None
                self._fp.write(compressor.flush())
        finally:
            fp, self._fp = self._fp, None
            self._buffer = None
            if self._owns_fp:
                fp.close()

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

    def peek(self, size: int = -1) -> bytes:
        """Return data without moving on: at least one byte, unless at the end."""
        self._check_can_read()
        return self._buffer.peek(size)

    def read(self, size: int | None = -1) -> bytes:
        """Read `size` bytes, fewer only at the end; all that is left if `size` is -1 or None."""
        self._check_can_read()
        return self._buffer.read(size)

    def read1(self, size: int = -1) -> bytes:
        """Read up to `size` bytes with at most one turn of decoding."""
        self._check_can_read()
        return self._buffer.read1(io.DEFAULT_BUFFER_SIZE if size < 0 else size)

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into `buffer`; return the number of bytes, 0 at the end."""
        self._check_can_read()
        return self._buffer.readinto(buffer)

    def readline(self, size: int | None = -1) -> bytes:
        """Read to the end of the line, at most `size` bytes."""
        self._check_can_read()
        return self._buffer.readline(-1 if size is None else size)

    def write(self, data: Data) -> int:
        """Compress `data`; return its length in bytes. Raises OSError."""
        self._check_can_write()
        view = memoryview(data).cast("B")
        self._fp.write(self._compressor.compress(view))
        self._pos += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a byte of the data, going back by decoding again; return the new position."""
        self._check_can_seek()
        return self._buffer.seek(offset, whence)

    def tell(self) -> int:
        """The position in the data, in bytes."""
        self._check_not_closed()
        return self._pos if self._buffer is None else self._buffer.tell()


class _Reader(DecompressReader):
    """The standard library's reader, with an end of input that says where the archive broke off."""

    def __init__(self, fp: BinaryIO, **options: object) -> None:
        self._decompressor = None
        super().__init__(fp, self._next_archive, **options)

    def _next_archive(self, **options: object) -> LMZDecompressor:
        before = self._decompressor
        start = before._end if before is not None and before.eof else 0
        return LMZDecompressor(**options, _start=start)

    def _rewind(self) -> None:
        self._decompressor = None
        super()._rewind()

    def read(self, size: int = -1) -> bytes:
        try:
            return super().read(size)
        except EOFError:
            self._decompressor.end_of_input()
            self._eof, self._size = True, self._pos  # zeros are no further archive
            return b""


@overload
def open(
    file: File,
    mode: Literal["r", "rb", "br", "w", "wb", "bw", "x", "xb", "bx", "a", "ab", "ba"] = "rb",
    *,
    level: int = DEFAULT_LEVEL,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
) -> LMZFile: ...


@overload
def open(
    file: File,
    mode: Literal["rt", "tr", "wt", "tw", "xt", "tx", "at", "ta"],
    *,
    level: int = DEFAULT_LEVEL,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
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
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> LMZFile | io.TextIOWrapper: ...


def open(
    file: File,
    mode: str = "rb",
    *,
    level: int = DEFAULT_LEVEL,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
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
        threads=threads,
        memory_limit=memory_limit,
        progress=progress,
    )
    if not text:
        return binary
    return _TextFile(binary, io.text_encoding(encoding), errors, newline)


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


_unfinished: set[Path] = set()


@contextmanager
def atomic_output(
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    like: os.stat_result | None = None,
) -> Iterator[BinaryIO]:
    """A new file that appears under its name, whole and on the disk, only when the block ends.

    Until then it is a temporary file beside `target`, of mode 0600, which is removed if the block
    raises anything. Mode, times and, where allowed, owner are those of `like`, if given. A
    device or a pipe is written to directly. Raises FileExistsError if there is a `target` and not
    `overwrite`; OSError.
    """
    path = Path(os.path.realpath(target))
    if path.exists() and not path.is_file():
        with builtins.open(path, "wb") as file:
            yield file
        return
    if path.exists() and not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
    # Named before it is made, so that no interruption can come between file and name.
    temporary = path.with_name(f".lmzip-{secrets.token_hex(8)}.tmp")
    _unfinished.add(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        try:
            descriptor = os.open(temporary, flags, 0o600)
        except OSError as error:  # about a name that the caller knows
            raise OSError(error.errno, error.strerror, os.fspath(target)) from None
        with builtins.open(descriptor, "wb") as file:
            yield file
            file.flush()
            if like is None:
                os.chmod(temporary, 0o666 & ~_umask())
            else:
                os.chmod(temporary, _take_owner(temporary, like))
                os.utime(temporary, ns=(like.st_atime_ns, like.st_mtime_ns))
            os.fsync(file.fileno())
        _publish(temporary, path, overwrite)
    finally:
        with suppress(OSError):  # gone, or never made: on a read-only disk that fails otherwise
            temporary.unlink()
        _unfinished.discard(temporary)


def discard_unfinished() -> None:
    """Remove the temporary files of all outputs under way: for a process about to exit."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            temporary.unlink()


def _take_owner(path: Path, like: os.stat_result) -> int:
    """Give a file the owner and group of another, as far as allowed; return the mode to set.

    Where the group is another, it gets no more than what everybody gets.
    """
    mode = like.st_mode & 0o777
    if os.name != "posix":
        return mode
    for owner, group in ((like.st_uid, -1), (-1, like.st_gid)):
        with suppress(PermissionError):
            os.chown(path, owner, group)
    if path.stat().st_gid != like.st_gid:
        mode &= 0o707 | (mode & 0o007) << 3
    return mode


def _publish(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give a finished file its name, and wait until the directory is on the disk."""
    if overwrite:
        os.replace(temporary, path)
    else:
        try:
            os.link(temporary, path)  # unlike a rename, fails if somebody made the target meanwhile
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            os.rename(temporary, path)
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
