"""Frames by pieces: for a file that is written in frames."""

from __future__ import annotations

from typing import Any, NamedTuple

from lmzip.arguments import Data, Progress
from lmzip.compressor import LMZCompressor
from lmzip.frames.coding import encode_frame
from lmzip.frames.sizes import check_frame_size
from lmzip.series import Frame, digest_of, pack_table


class _Done(NamedTuple):
    """What has left the compressor. It is replaced, never changed."""

    frames: tuple[Frame, ...]
    waiting: int
    """Bytes in the buffer, of the next frame."""
    returned: int
    """Bytes of the archives that have left."""


class FrameCompressor:
    """As `LMZCompressor`, which has the other arguments, but cuts the data into frames.

    A frame is coded when a byte behind it is given, which tells that it is not the last: so one
    frame of data is kept. Data of one frame become an archive without frames. A call that raises
    has taken nothing. Raises as `LMZCompressor`, ValueError for a size that no frame has.
    """

    def __init__(
        self,
        level: int,
        *,
        frame_size: int,
        progress: Progress | None = None,
        **options: Any,
    ) -> None:
        LMZCompressor(level, **options)  # raises what it will
        self._size = check_frame_size(frame_size)
        self._options = {"level": level, **options}
        self._progress = progress
        self._buffer = bytearray()
        self._done = _Done((), 0, 0)
        self._flushed = False

    @property
    def returned(self) -> int:
        """Bytes of the archives that have been returned."""
        return self._done.returned

    def compress(self, data: Data) -> bytes:
        """Take bytes of any length; return the archives of frames that are complete."""
        return self._take(memoryview(data).cast("B"))

    def flush(self) -> bytes:
        """Return the last frame, and the table of all. Nothing can be compressed afterwards."""
        return self._take(memoryview(b""), end=True)

    def _take(self, view: memoryview, end: bool = False) -> bytes:
        if self._flushed:
            raise ValueError("the compressor has been flushed")
        buffer, done = self._buffer, self._done
        del buffer[done.waiting :]  # of a call that raised
        buffer += view
        out, frames, at = bytearray(), list(done.frames), 0
        while len(buffer) - at > self._size or end:
            data = bytes(buffer[at : at + self._size])
            at += len(data)
            last = at == len(buffer)
            archive = encode_frame(data, len(frames), last, self._options, self._progress)
            frames.append(Frame(len(archive), len(data), digest_of(data)))
            out += archive
            if last:
                break
        if end and len(frames) > 1:
            out += pack_table(frames)
        rest, returned = buffer[at:] if at else buffer, done.returned + len(out)
        done = _Done(tuple(frames), len(buffer) - at, returned)
        self._buffer, self._done, self._flushed = rest, done, end
        return bytes(out)
