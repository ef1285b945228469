"""Output files that are either whole, and on the disk, or absent."""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NO_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EROFS}
"""How a file system says that it does not know fsync."""
_LOST = {errno.EIO, errno.ENOSPC, errno.EDQUOT}
"""What fsync says when it has failed, and the bytes are not on the disk."""

_unfinished: set[Path] = set()


class Output(io.BufferedWriter):
    """An output under way."""

    safe = False
    """Whether it is a regular file that was written, synced, and has its name."""


@contextmanager
def atomic_output(
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    like: os.stat_result | None = None,
) -> Iterator[Output]:
    """A new file that appears under its name, whole and on the disk, only when the block ends.

    Until then it is a temporary file beside `target`, of mode 0600, which is removed if the block
    raises anything. Whatever has the name already, be it a link, a pipe or a device, is neither
    followed nor opened: it forbids the output or, with `overwrite`, is replaced. Mode, times and,
    where allowed, owner are those of `like`, if given. A RuntimeWarning says which of them, or
    what else that is not needed, could not be had. Raises FileExistsError if there is a `target`
    and not `overwrite`; OSError.
    """
    path, name = Path(target), os.fspath(target)
    _check_free(path, name, overwrite)
    # Named before it is made, so that no interruption can come between file and name.
    temporary = path.with_name(f".lmzip-{secrets.token_hex(8)}.tmp")
    _unfinished.add(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with _about(name):
            descriptor = os.open(temporary, flags, 0o600)
        with Output(io.FileIO(descriptor, "wb")) as file:
            yield file
            with _about(name):
                file.flush()
                _take_over(temporary, like, name)
                synced = sync(file.fileno(), name)
        with _about(name):
            _publish(temporary, path, overwrite)
        sync_directory(path.parent, name)
        file.safe = synced
    finally:
        with suppress(OSError):  # gone, or never made: on a read-only disk that fails otherwise
            temporary.unlink()
        _unfinished.discard(temporary)


def discard_unfinished() -> None:
    """Remove the temporary files of all outputs under way: for a process about to exit."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Let errors name the output, which the caller knows, and not the temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from None


def _check_free(path: Path, name: str, overwrite: bool) -> None:
    """Find out before the work what would forbid the name after it."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


def _take_over(path: Path, like: os.stat_result | None, name: str) -> None:
    """Give a file the mode, times and owner of another, as far as that can be done."""
    if like is None:
        with _optional(name, "its mode cannot be set"):
            os.chmod(path, 0o666 & ~_umask())
        return
    mode = like.st_mode & 0o777
    if os.name == "posix":
        for owner, group in ((like.st_uid, -1), (-1, like.st_gid)):
            with _optional(name, "its owner cannot be set"), suppress(PermissionError):
                os.chown(path, owner, group)
        if path.stat().st_gid != like.st_gid:  # no more for that group than for everybody
            mode &= 0o707 | (mode & 0o007) << 3
    with _optional(name, "its mode cannot be set"):
        os.chmod(path, mode)
    with _optional(name, "its time cannot be set"):
        os.utime(path, ns=(like.st_atime_ns, like.st_mtime_ns))


@contextmanager
def _optional(name: str, what: str) -> Iterator[None]:
    """What would be nice to have: a failure ends in a warning."""
    try:
        yield
    except (OSError, OverflowError) as error:
        _warn(name, what, error)


def _warn(name: str, what: str, error: Exception) -> None:
    why = (getattr(error, "strerror", None) or str(error)).lower()
    warnings.warn(f"{name}: {what}: {why}; the data are whole", RuntimeWarning, stacklevel=4)


def sync(descriptor: int, name: str) -> bool:
    """Wait until a file is on the disk; return whether that can be known."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise
        _warn(name, "whether it is on the disk cannot be known", error)
        return False
    return True


def _publish(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give a finished file its name."""
    if overwrite:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)  # unlike a rename, fails if somebody made the target meanwhile
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(temporary, path)


def sync_directory(directory: Path, name: str) -> None:
    """Wait until the name is on the disk, where that can be had."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in _LOST:
            raise OSError(error.errno, error.strerror, name) from None
        _warn(name, "whether its name is on the disk cannot be known", error)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
