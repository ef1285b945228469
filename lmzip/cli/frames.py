"""Frames in the command: how many processes work on them, and a part of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

from lmzip.cli.options import Settings
from lmzip.cli.report import Console
from lmzip.cli.sizes import Part
from lmzip.errors import LMZError, RefusedError
from lmzip.files import LMZFile
from lmzip.frames.coding import compress_frames, decompress_frames
from lmzip.frames.sizes import fitting_count
from lmzip.header import Form, Header, form_of
from lmzip.interface import processors
from lmzip.progress import Bar

if TYPE_CHECKING:
    from lmzip.frames.workers import Workers

CHUNK = 1 << 16
HEAD = Header.SIZE + 4
"""Bytes of the header of a frame, but for what is read first."""


def part_of(part: Part, source: BinaryIO, progress: Bar, **options: Any) -> Iterator[bytes]:
    """These bytes of the data in an archive; only the frames that hold them are read.

    Of a pipe all before them is decoded. Raises RefusedError if the data end before them.
    """
    with LMZFile(source, **options) as file:
        at = file.seek(part.start) if file.seekable() else _passed(file, part.start)
        if at < part.start:
            raise RefusedError(
                f"--range begins at byte {part.start:,}",
                f"there are {at:,} bytes of data",
                "name a part that begins before",
            )
        size = None if part.stop is None else part.stop - part.start
        for piece in _pieces(file, size):
            progress(len(piece))
            yield piece


def in_frames(
    chunks: Iterator[bytes],
    progress: Bar,
    settings: Settings,
    console: Console,
    options: dict[str, Any],
    total: int | None,
) -> Iterator[bytes]:
    """Compress data in frames. `total`: bytes of data, if that is known."""
    size = settings.frame_size
    assert size is not None
    frames = None if total is None else -(-total // size)
    count = _workers(settings, console, options["level"], size, frames)
    with _executor(count, settings.threads) as workers:
        options = _options(options, workers)
        yield from compress_frames(chunks, size, options, workers, progress)


def from_frames(
    chunks: Iterator[bytes],
    progress: Bar,
    settings: Settings,
    console: Console,
    options: dict[str, Any],
    sizes: list[int] | None,
    plain: Callable[..., Iterator[bytes]],
) -> Iterator[bytes]:
    """Decompress data, by several processes if they begin in frames; else as `plain` does.

    `sizes`: bytes of data in each archive, if that is known.
    """
    head = b""
    while len(head) < HEAD and (chunk := next(chunks, b"")):
        head += chunk
    chunks = chain([head] if head else [], chunks)
    level = _level_of_frames(head)
    count = 1
    if level is not None:
        largest = max(sizes) if sizes else 0
        frames = len(sizes) if sizes else None
        count = _workers(settings, console, level, largest, frames)
    if count == 1:
        yield from plain(chunks, progress=progress, **options)
        return
    with _executor(count, settings.threads) as workers:
        yield from decompress_frames(chunks, _options(options, workers), workers, progress)


def _passed(file: LMZFile, size: int) -> int:
    """Pass over so many bytes; returns how many there were."""
    return sum(map(len, _pieces(file, size)))


def _pieces(file: LMZFile, size: int | None) -> Iterator[bytes]:
    """Up to `size` bytes, or all that is left."""
    while size is None or size:
        piece = file.read1(CHUNK if size is None else min(CHUNK, size))
        if not piece:
            return
        if size is not None:
            size -= len(piece)
        yield piece


def _level_of_frames(head: bytes) -> int | None:
    """The level if an archive that begins so has frames; what it says is not proved yet."""
    if len(head) < HEAD or form_of(head) != Form.FRAME:
        return None
    try:
        return Header.unpack(head[:HEAD]).level
    except LMZError:
        return None


def _workers(
    settings: Settings, console: Console, level: int, frame_size: int, frames: int | None
) -> int:
    """How many processes are useful, and fit."""
    wanted = settings.threads or processors()
    if frames is not None:
        wanted = max(1, min(wanted, frames))
    count = fitting_count(wanted, level, frame_size, settings.memory_limit or None)
    if count < wanted:
        console.note(f"{count} of {wanted} processes fit into the memory there is", least=1)
    return count


def _executor(count: int, threads: int | None) -> AbstractContextManager[Workers | None]:
    if count == 1:
        return nullcontext()
    from lmzip.frames.workers import Workers  # what starts processes, a third of a start-up

    return Workers(count, threads or processors())


def _options(options: dict[str, Any], workers: Workers | None) -> dict[str, Any]:
    """What a worker is to do: with the threads that it has, and without telling what it reads
    first."""
    if workers is None:
        return options
    after = options["after"]
    return {**options, "threads": None, "after": after and after.silent()}
