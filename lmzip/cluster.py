"""Files that are coded and decoded in frames by the workers of a Dask cluster.

    >>> from distributed import Client
    >>> import lmzip.cluster
    >>> client = Client("tcp://scheduler:8786")
    >>> lmzip.cluster.compress("s3://here/log", "s3://there/log.lmz", client=client)

Input and output are what fsspec opens. A worker is sent where its frame is, reads it, and writes
what becomes of it as a part beside the target; when all parts are there, one worker joins them,
and the file gets its name. No data pass through the client or the scheduler. Each piece of work can
be done again, elsewhere, any number of times; no bit depends on who does it. The archive is that of
`lmzip.compress` with the same `frame_size`.

Workers need the same lmzip, and reach both files under the same names: their own environment says
with which keys. Give each worker one thread: a model takes `lmzip.codec.levels.memory_bytes`.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from lmzip.after import Prefix, fitting, prefix_of
from lmzip.arguments import After, Progress
from lmzip.codec.levels import BLOCK_SIZE, DEFAULT_LEVEL
from lmzip.compressor import LMZCompressor
from lmzip.container import Parser
from lmzip.decompressor import LMZDecompressor
from lmzip.errors import GET_ANOTHER_COPY, CorruptError, RefusedError, TableWarning, WorkerError
from lmzip.frames.coding import encode_frame
from lmzip.frames.distribution import Task, Workers
from lmzip.frames.index import Index, Span, find
from lmzip.frames.parts import Parts, Place
from lmzip.frames.sizes import check_frame_size
from lmzip.generations import newest, written_by
from lmzip.header import VERSION, Header
from lmzip.known import Known, find_all, known_of
from lmzip.prior import Path, Prior, prior_of
from lmzip.series import Frame, Series, digest_of
from lmzip.source import FileSource

if TYPE_CHECKING:
    from distributed import Client

FRAME_SIZE = 1 << 22
"""Bytes of data in a frame, unless told otherwise."""


@dataclass(frozen=True)
class Done:
    """What was done."""

    read: int
    """Bytes of the input."""
    written: int
    """Bytes of the output."""
    frames: int
    """Frames, or archives that are none."""
    kept: int
    """Those of them that were there already, of a run that was interrupted."""


def compress(
    source_url: str,
    target_url: str,
    *,
    client: Client,
    frame_size: int = FRAME_SIZE,
    level: int = DEFAULT_LEVEL,
    from_scratch: bool = False,
    after: After | Prefix | None = None,
    prior: Prior | Path | None = None,
    threads: int | None = 1,
    memory_limit: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> Done:
    """Compress a file into an archive in frames of `frame_size` bytes (1024 to 2^30).

    `threads` and `memory_limit` (bytes) are for each frame that a worker works on. `resume`: take
    the parts that an interrupted run of the same input and options left. `progress` is called with
    bytes of data when a frame is done. All else is as for `lmzip.compress`.

    The target is whole or absent, whatever happens; after an error the parts that are done stay for
    `resume`. Raises OSError, also that of a worker; FileExistsError if there is a target and not
    `overwrite`; ValueError; PriorError; LimitError; WorkerError if the scheduler is lost, workers
    have died too often over a frame, or have another lmzip; RefusedError if the input changes
    meanwhile, or if parts of the same are there and neither `resume` nor `overwrite` is given.
    """
    _check_client(client)
    begun, prefix = prior_of(prior), prefix_of(after)
    options: dict[str, Any] = {"level": level, "from_scratch": from_scratch, "prior": begun}
    options |= {
        "after": prefix and prefix.silent(),
        "threads": threads,
        "memory_limit": memory_limit,
    }
    LMZCompressor(**options)  # raises what the workers would
    source, target = Place.at(source_url), Place.at(target_url)
    mark = source.mark()
    size = int(mark["size"])
    target.check_free(overwrite)
    manifest = {
        "input": mark,
        "format": [VERSION, newest().code_hash.hex()],
        "frame_size": check_frame_size(frame_size),
        "level": int(level),
        "from_scratch": bool(from_scratch),
        "after": prefix.needed.hex() if prefix else "",
        "prior": begun.name if begun else "",
    }
    job = _Job(source, Parts.of(target, manifest), newest().code)

    def frames() -> Iterator[Task]:
        for number, start in enumerate(range(0, max(size, 1), frame_size)):
            piece = min(frame_size, size - start)
            yield Task(number, (start, piece, start + piece == size), piece)

    large = prefix is not None or begun is not None
    work = _Work(job, _encode, Workers(client, job, options, large, target.name), frames())
    return work.do(mark, overwrite, resume, progress)


def decompress(
    source_url: str,
    target_url: str,
    *,
    client: Client,
    after: After | Prefix | None = None,
    prior: Prior | Path | Known | None = None,
    threads: int | None = 1,
    memory_limit: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> Done:
    """Restore the data of an archive, or of several in a row, each frame by itself.

    Frames are found by the table at the end of the file, or by a walk through the headers if that
    is damaged, with a TableWarning. Options, and what is raised, are as for `compress` and
    `lmzip.decompress`.
    """
    _check_client(client)
    known, prefix = known_of(prior), prefix_of(after)
    source, target = Place.at(source_url), Place.at(target_url)
    mark = source.mark()
    target.check_free(overwrite)
    with source.open() as file:
        index = find(file)
        headers = list(_headers(file, index))
    if index.lost:
        text = f"the table of frames {index.lost}; they are found by their headers"
        warnings.warn(text, TableWarning, stacklevel=2)
    prefix = fitting((header.after for header in headers), prefix)
    find_all(known, ((header.prior, header.level) for header in headers))
    for header in headers:
        if header.code:
            written_by(header.code)
    options: dict[str, Any] = {"prior": known, "threads": threads, "memory_limit": memory_limit}
    options["after"] = prefix and prefix.silent()
    manifest = {"input": mark, "frames": len(index.spans), "size": index.raw_size}
    job = _Job(source, Parts.of(target, manifest), newest().code)
    tasks = (Task(number, (s,), s.frame.raw_size) for number, s in enumerate(index.spans))
    work = _Work(job, _decode, Workers(client, job, options, True, target.name), tasks)
    return work.do(mark, overwrite, resume, progress)


def raw_size(url: str) -> int:
    """Bytes of the data that the archives in a file hold. Raises as `lmzip.scan`, OSError."""
    with Place.at(url).open() as file:
        return find(file).raw_size


def file_size(url: str) -> int:
    """Bytes of a file. Raises OSError; RefusedError if that is not known."""
    return int(Place.at(url).info()["size"])


@dataclass(frozen=True)
class _Job:
    """What is the same for all frames. It is sent along with each."""

    source: Place
    parts: Parts
    code: bytes
    """What names the newest codec, which workers must have too."""
    version: int = VERSION
    """The same of the format's version."""

    def check_worker(self) -> None:
        """Raise WorkerError if here is another lmzip than where the work comes from."""
        here = newest().code
        if (here, VERSION) != (self.code, self.version):
            raise WorkerError(
                "a worker has another lmzip",
                f"its code is {here.hex()}, version {VERSION}, that of the client "
                f"{self.code.hex()}, version {self.version}",
                "install the same lmzip on all of them",
            )


def _encode(
    job: _Job, options: dict[str, Any], number: int, start: int, size: int, last: bool
) -> int:
    """On a worker: make the part of one frame."""
    job.check_worker()
    data = job.source.read(start, size)
    archive = encode_frame(data, number, last, options)
    frame = Frame(len(archive), size, digest_of(data))
    job.parts.write(number, [archive], frame)
    return number


def _decode(job: _Job, options: dict[str, Any], number: int, span: Span) -> int:
    """On a worker: make the part of one archive, a block in memory at a time."""
    job.check_worker()
    part = replace(span.frame, size=span.frame.raw_size)
    job.parts.write(number, _decoded(job.source, options, span), part)
    return number


def _decoded(source: Place, options: dict[str, Any], span: Span) -> Iterator[bytes]:
    series, told = Series(start=1, number=span.number or 0), hashlib.sha256()
    decompressor = LMZDecompressor(**options, _series=series)
    size = 0
    for piece in source.pieces(span.start, span.frame.size):
        while not decompressor.eof and (piece or not decompressor.needs_input):
            data, piece = decompressor.decompress(piece, BLOCK_SIZE), b""
            told.update(data)
            size += len(data)
            yield data
    if not (series.frames or decompressor.eof):
        raise decompressor.truncated_error()
    if size != span.frame.raw_size or not told.digest().startswith(span.frame.digest):
        raise CorruptError(
            f"what begins at byte {span.start:,} is not the frame that its table tells of",
            f"it holds {size:,} bytes, and the table says {span.frame.raw_size:,}, or others",
            GET_ANOTHER_COPY,
        )


def _join(job: _Job, count: int, table: bool) -> tuple[Place, int]:
    """On a worker: join all parts."""
    job.check_worker()
    return job.parts.join(count, table)


def _headers(file: BinaryIO, index: Index) -> Iterator[Header]:
    """Those of all archives that are no frames, and of the first frames, each proved by a CRC."""
    for span in index.spans:
        if span.number:
            continue
        file.seek(span.start)
        parser, source = Parser(Series(start=1)), FileSource(file)
        while parser.header is None:
            source.feed(parser, parser.offset)
        yield parser.header


@dataclass
class _Work:
    """One file to be made."""

    job: _Job
    part: Callable[..., object]
    """What makes a part of it."""
    workers: Workers
    tasks: Iterable[Task]
    frames: int = 0
    kept: int = 0

    def do(
        self, mark: dict[str, str], overwrite: bool, resume: bool, progress: Progress | None
    ) -> Done:
        """Do what is not done yet, join the parts, and give the file its name."""
        source, parts, told = self.job.source, self.job.parts, progress or (lambda size: None)
        there = parts.begin(resume, overwrite)
        for size in self.workers.do(self.part, self._left(there, told)):
            told(size)
        joined, size = self.workers.result(_join, self.frames, self.part is _encode)
        if source.mark() != mark:
            raise RefusedError(
                f"{source.name}: nothing is made of it",
                "it changed while it was read",
                "start again when nobody writes to it",
            )
        parts.publish(joined, overwrite)
        with suppress(Exception):  # the file is whole; parts that are left are in nobody's way
            parts.remove()
        return Done(int(mark["size"]), size, self.frames, self.kept)

    def _left(self, there: Collection[int], told: Progress) -> Iterator[Task]:
        """The tasks whose parts are not there; the others are told of at once."""
        for task in self.tasks:
            self.frames += 1
            if task.number in there:
                self.kept += 1
                told(task.size)
            else:
                yield task


def _check_client(client: Client) -> None:
    if client.asynchronous:
        raise ValueError("the client must not be asynchronous")
