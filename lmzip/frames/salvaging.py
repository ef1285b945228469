"""What a damaged series of frames still holds: each frame is proved, or left out, by itself.

Where a frame is damaged the next is searched for: a header is one only if the CRC of the block
header behind it says so. Nothing that is not proved is given out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lmzip import container
from lmzip.container import NO_DATA, BlockHeader, is_sealed
from lmzip.decompressor import LMZDecompressor
from lmzip.errors import AfterError, EngineError, LimitError, LMZError, PriorError
from lmzip.header import MAGIC, VERSION, Form, Header, begins_like_an_archive
from lmzip.series import Series
from lmzip.source import Source

START = MAGIC + bytes([VERSION | Form.FRAME << 6])
"""What a frame begins with."""
STEP = 1 << 16
"""Bytes by which the search goes on."""
FURTHEST = 1 << 26
"""Bytes in which a frame is searched for where a file does not begin as an archive."""
OURS = (AfterError, PriorError, LimitError, EngineError)
"""Errors that say nothing against the archive."""


@dataclass
class Found:
    """What has come of a series so far."""

    number: int = 0
    """Of the next frame."""
    frame_size: int | None = None
    """Bytes of data in every frame but the last, once one of them has been read."""
    damaged: dict[int, int] = field(default_factory=dict)
    """Number of each frame that is damaged or missing -> bytes of its data that are whole."""
    ended: bool = False
    """Whether the last frame has been reached."""
    error: LMZError | None = None
    """The first that was found."""

    def missing(self) -> list[tuple[int, int | None]] | None:
        """Bytes of the data, from and to, that are lost; None for the end of the data.

        None if that cannot be told, since no frame says how large they are.
        """
        size, parts = self.frame_size, []
        if size is None:
            return None if self.damaged else []
        for number, whole in self.damaged.items():
            last = number == self.number - 1 and self.ended
            start, stop = number * size + whole, None if last else (number + 1) * size
            if parts and parts[-1][1] == start:
                start = parts.pop()[0]
            parts.append((start, stop))
        if not self.ended:
            start = self.number * size
            parts.append((parts.pop()[0] if parts and parts[-1][1] == start else start, None))
        return parts


def salvage_frames(source: Source, found: Found, options: dict[str, Any]) -> Iterator[bytes]:
    """Yield the blocks of a series of frames that are whole, and account for the others.

    Stops behind the last frame, or at the end. Raises AfterError, PriorError, LimitError and
    EngineError. `options`: those of `LMZDecompressor`.
    """
    while source.fill(1) and not found.ended:
        header = _header_at(source)
        if header is not None and header.number > found.number:
            found.damaged |= dict.fromkeys(range(found.number, header.number), 0)
            series = Series(source.taken, found.number)
            found.error = found.error or series.missing(f"frame {header.number} follows")
            found.number = header.number
        archive, error = _taken(source, found.number)
        number, size = found.number, 0
        blocks = _Blocks(archive, number, options)
        for block in blocks:
            size += len(block)
            yield block
        found.number += 1
        found.ended = header is not None and header.last
        found.error = found.error or blocks.error or error
        if error or blocks.error:
            found.damaged[number] = size
        elif not found.ended:
            found.frame_size = size


def _taken(source: Source, number: int) -> tuple[bytes, LMZError | None]:
    """Take the archive that begins here; if it is damaged, all up to the next frame, and why."""
    try:
        return source.take_archive(Series(source.taken, number)), None
    except LMZError as error:
        return source.take(_next_frame(source)), error.with_traceback(None)


def begins_in_frames(source: Source) -> bool:
    """Whether a series of frames begins here, or did before its first bytes were damaged."""
    start = source.fill(len(START))
    if begins_like_an_archive(start):
        return start == START
    return _next_frame(source, FURTHEST) < min(len(source.ahead), FURTHEST)


def _next_frame(source: Source, most: int | None = None) -> int:
    """Bytes before the next header of a frame, or all that there are, or so many and more."""
    at = 1
    while most is None or at < most:
        data = source.fill(STEP, at)
        place = data.find(START)
        if place >= 0 and _header_at(source, at + place) is not None:
            return at + place
        if place >= 0:
            at += place + 1
        elif len(data) < STEP:
            return at + len(data)
        else:
            at += len(data) - len(START) + 1
    return at


def _header_at(source: Source, at: int = 0) -> Header | None:
    """The header of a frame that begins there; None if none does."""
    data = source.fill(Header.SIZE + 12 + BlockHeader.SIZE, at)
    if not data.startswith(START) or len(data) < Header.SIZE:
        return None
    size = Header.SIZE + Header.rest(data)
    sealed = data[size : size + BlockHeader.SIZE]
    if len(sealed) < BlockHeader.SIZE or not is_sealed(sealed, NO_DATA + data[:size]):
        return None
    try:
        return Header.unpack(data[:size])
    except LMZError:
        return None


class _Blocks:
    """The whole blocks of a frame, or of what is left of one, and why there are no more."""

    def __init__(self, archive: bytes, number: int, options: dict[str, Any]) -> None:
        self._series = Series(start=1, number=number)
        self._decompressor = LMZDecompressor(**options, _series=self._series)
        self._archive = archive
        self.error: LMZError | None = None

    def __iter__(self) -> Iterator[bytes]:
        archive = self._archive
        try:
            while not self._decompressor.needs_input or archive:
                block = self._decompressor.decompress(archive, container.BLOCK_SIZE)
                archive = b""
                if block:
                    yield block
                elif self._series.frames:
                    return
        except OURS:
            raise
        except LMZError as error:
            self.error = error.with_traceback(None)
