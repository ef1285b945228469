"""Frames are coded and decoded by whoever there is: this process, or an executor's workers.

What is sent to a worker is a frame and options, what comes back is the other form of the frame:
it can be done again, elsewhere, any number of times. Results come in order, and not more frames
are under way than workers and a few more. No bit depends on any of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from lmzip import container
from lmzip.arguments import Data, Progress
from lmzip.compressor import LMZCompressor
from lmzip.decompressor import LMZDecompressor
from lmzip.errors import WorkerError
from lmzip.frames.sizes import check_frame_size
from lmzip.header import Form, Header, form_of
from lmzip.series import Frame, Series, digest_of, pack_table
from lmzip.source import PiecesSource, Source

AHEAD = 2
"""Frames that wait beside those that are worked on."""
PAUSE = 0.2
"""Seconds between two looks at how far workers are."""
UNKNOWN = 16
"""Workers, where an executor does not tell."""


def encode_frame(
    data: bytes, number: int, last: bool, options: dict[str, Any], progress: Progress | None = None
) -> bytes:
    """The archive of a frame; one that is the first and the last is an archive as any other."""
    frame = None if last and not number else (number, last)
    compressor = LMZCompressor(**options, progress=progress, _frame=frame)
    return compressor.compress(data) + compressor.flush()


def decode_frame(
    archive: bytes, number: int, options: dict[str, Any], progress: Progress | None = None
) -> bytes:
    """The data of a frame. Raises as `LMZDecompressor`."""
    series = Series(start=1, number=number)
    decompressor = LMZDecompressor(**options, progress=progress, _series=series)
    data = decompressor.decompress(archive)
    if not series.frames:
        raise decompressor.truncated_error()
    return data


class InOrder:
    """Hands work to an executor and gives back what comes of it, in order.

    Without one it is done here, when its turn comes.
    """

    def __init__(self, executor: Executor | None, progress: Progress | None = None) -> None:
        self._executor = executor
        self._progress = progress
        workers = getattr(executor, "_max_workers", None) or UNKNOWN
        self._most = workers + AHEAD if executor is not None else 1
        self._under_way: deque[tuple[Future[bytes], int]] = deque()
        self._done: Callable[[], int] | None = getattr(executor, "done", None)
        """What tells how far the workers are; else that is known when a frame is done."""
        if self._done is not None:
            self._done()  # of what they did before

    def add(self, work: Callable[..., bytes], *arguments: Any, size: int = 0) -> Iterator[bytes]:
        """Begin; yields what comes of earlier work while there is too much under way.

        `size`: bytes of data that the progress is told of when it is done.
        """
        if self._executor is None:
            yield work(*arguments, self._progress)
            return
        while len(self._under_way) >= self._most:
            yield self._next()
        try:
            self._under_way.append((self._executor.submit(work, *arguments), size))
        except BrokenExecutor as error:
            raise _lost() from error

    def rest(self) -> Iterator[bytes]:
        """What comes of all that is under way."""
        while self._under_way:
            yield self._next()

    def _next(self) -> bytes:
        future, size = self._under_way.popleft()
        result = None
        while result is None:
            try:
                result = future.result(PAUSE)
            except FutureTimeoutError:
                self._tell()
            except (BrokenExecutor, CancelledError) as error:
                raise _lost() from error
        self._tell(size or len(result))
        return result

    def _tell(self, finished: int = 0) -> None:
        """Tell the progress what is new, of which `finished` is the frame just done."""
        if self._progress is not None:
            self._progress(self._done() if self._done is not None else finished)

    def cancel(self) -> None:
        """What has not begun shall not."""
        for future, _ in self._under_way:
            future.cancel()
        self._under_way.clear()


def compress_frames(
    chunks: Iterable[Data],
    frame_size: int,
    options: dict[str, Any],
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Generator[bytes, None, None]:
    """Cut data into frames; yield the archives of all, and behind them their table.

    `options`: those of `LMZCompressor`, without progress. Data of one frame become an archive
    without frames. Raises as `LMZCompressor`, and WorkerError.
    """
    order, sizes = InOrder(executor, progress), []
    told: list[tuple[int, bytes]] = []

    def measured(archives: Iterable[bytes]) -> Iterator[bytes]:
        for archive in archives:
            sizes.append(len(archive))
            yield archive

    try:
        for number, (data, last) in enumerate(_cut(chunks, check_frame_size(frame_size))):
            told.append((len(data), digest_of(data)))
            work = (encode_frame, data, number, last, options)
            yield from measured(order.add(*work, size=len(data)))
        yield from measured(order.rest())
        if len(told) > 1:
            yield pack_table([Frame(size, *data) for size, data in zip(sizes, told, strict=True)])
    finally:
        order.cancel()


def decompress_frames(
    chunks: Iterable[Data],
    options: dict[str, Any],
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Generator[bytes, None, None]:
    """Data of one or more archives, of which those in frames are decoded by the executor.

    `options`: those of `LMZDecompressor`, without progress. Checks the stored bytes of each frame
    before it is handed on. Raises as `LMZDecompressor`, and WorkerError.
    """
    source, series = PiecesSource(chunks), Series()
    order = InOrder(executor, progress)
    try:
        while source.fill(1) or not series.start:
            head = source.fill(Header.SIZE)
            framed = len(head) == Header.SIZE and form_of(head) == Form.FRAME
            if executor is not None and framed:
                number = series.number
                archive = source.take_archive(series)
                yield from order.add(decode_frame, archive, number, options)
            else:
                yield from order.rest()
                yield from _decode_here(source, series, options, progress)
            source.pass_between(series)
        yield from order.rest()
        series.check_end()
        series.warn()
    finally:
        order.cancel()


def _decode_here(
    source: Source, series: Series, options: dict[str, Any], progress: Progress | None
) -> Iterator[bytes]:
    """Decode an archive of any form, or a whole series of frames."""
    decompressor = LMZDecompressor(**options, progress=progress, _series=series)
    while not decompressor.eof:
        chunk = b""
        if decompressor.needs_input:
            source.fill(1)
            chunk = source.take(len(source.ahead))
            if not chunk:
                decompressor.end_of_input()
                return
        yield decompressor.decompress(chunk, container.BLOCK_SIZE)
    source.ahead[:0] = decompressor.unused_data


def _cut(chunks: Iterable[Data], size: int) -> Iterator[tuple[bytes, bool]]:
    """Frames, and whether each is the last, which only further data tell."""
    source = PiecesSource(memoryview(chunk).cast("B") for chunk in chunks)
    while True:
        more = len(source.fill(size + 1)) > size
        yield source.take(size), not more
        if not more:
            return


def _lost() -> WorkerError:
    return WorkerError(
        "a worker process has ended before its work was done",
        "the system may have ended it because memory ran out",
        "use fewer workers (-T), a lower level, or smaller frames",
    )
