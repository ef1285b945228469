"""Raw streams, which may take a part of what is written, and have nothing to read for now.

A raw stream (`io.RawIOBase`: standard output of `python -u`, a pipe, a user's own) says None where
its descriptor is in non-blocking mode and has nothing now, or takes nothing now. Neither is the
end, nor is a short write a whole one. Everything that reads archives or writes them does so
through here.
"""

from __future__ import annotations

import errno
import io
import select
import time
from collections.abc import Callable
from typing import Any, BinaryIO

_PAUSE = 0.01
"""Seconds between attempts where a descriptor claims to be ready and is not."""


def read(file: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes, none only at the end: waits where there is nothing now.

    Raises BlockingIOError if there is nothing now, and no descriptor to wait for; OSError.
    """
    return _patiently(file, lambda: file.read(size), writing=False)


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of `data`, however little `file` takes at a time; waits where it takes none now.

    Raises BlockingIOError if it takes nothing now, and there is no descriptor to wait for; OSError.
    """
    while data:
        taken = _patiently(file, lambda rest=data: _write(file, rest), writing=True)
        if not 0 < taken <= len(data):
            raise OSError(errno.EIO, f"a write of {len(data)} bytes is said to have taken {taken}")
        data = data[taken:]


def flush(file: BinaryIO) -> None:
    """Flush all that a buffered stream holds. Raises as `write_all`."""

    def attempt() -> bool | None:
        try:
            file.flush()
        except BlockingIOError:
            return None
        return True

    _patiently(file, attempt, writing=True)


class PatientRaw(io.RawIOBase):
    """A raw stream that waits instead of saying None. Closing it leaves the other open."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self.name, self.mode = raw.name, raw.mode

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`; return the number of bytes, 0 at the end."""
        return _patiently(self._raw, lambda: self._raw.readinto(buffer), writing=False)

    def write(self, data: Any) -> int:
        """Write what is taken of `data`; return the number of bytes."""
        return _patiently(self._raw, lambda: self._raw.write(data), writing=True)

    def readable(self) -> bool:
        return self._raw.readable()

    def writable(self) -> bool:
        return self._raw.writable()

    def seekable(self) -> bool:
        return self._raw.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


def _write(file: BinaryIO, data: bytes) -> int | None:
    """Bytes taken of `data`, None for nothing now."""
    try:
        taken = file.write(data)
    except BlockingIOError as error:  # of a buffered stream, whose buffer is full
        return getattr(error, "characters_written", 0) or None
    if isinstance(file, io.RawIOBase):
        return taken
    # Other objects that write may return nothing, or anything: then all was taken.
    return min(taken, len(data)) if isinstance(taken, int) else len(data)


def _patiently(file: BinaryIO, attempt: Callable[[], Any], *, writing: bool) -> Any:
    """What `attempt` returns when that is not None."""
    paused = False
    while (result := attempt()) is None:
        if paused:
            time.sleep(_PAUSE)
        _wait(file, writing)
        paused = True
    return result


def _wait(file: BinaryIO, writing: bool) -> None:
    try:
        number = file.fileno()
    except (AttributeError, OSError):
        what = "takes nothing now" if writing else "has nothing to read now"
        raise BlockingIOError(errno.EAGAIN, f"the file object {what}") from None
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(number, select.POLLOUT if writing else select.POLLIN)
        poll.poll()
    else:  # not on Windows, whose files and pipes always wait
        select.select([] if writing else [number], [number] if writing else [], [])
