"""Compression and decompression of whole archives, one or several in a row."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

from lmzip import container
from lmzip.after import Prefix, fitting, prefix_of
from lmzip.arguments import After, Data, Progress
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.compressor import LMZCompressor
from lmzip.decompressor import LMZDecompressor
from lmzip.frames.coding import compress_frames, decompress_frames
from lmzip.known import Known, find_all, known_of
from lmzip.prior import Path, Prior, prior_of
from lmzip.scan import scan
from lmzip.series import Series

CHUNK = 1 << 16
"""Bytes of an archive that are worked on at a time."""


def compress(
    data: Data,
    level: int = DEFAULT_LEVEL,
    *,
    from_scratch: bool = False,
    after: After | Prefix | None = None,
    prior: Prior | Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    frame_size: int | None = None,
    executor: Executor | None = None,
    generation: int | None = None,
) -> bytes:
    """Compress `data` into an archive. Raises ValueError for a level that is not 1 to 9.

    `from_scratch`: without the weights that the model learned beforehand. `after`: bytes, or a
    sequence of them, that the model reads first and that `decompress` needs again: an earlier
    version, for one. Of more than 16 MiB, the last are read. `prior`, or its file: what the model
    begins with, and `decompress` needs too. `frame_size`: bytes of data (1024 to 2^30) after which
    the model begins anew, so that each such frame can be read by itself; the workers of `executor`
    (any of `concurrent.futures`) code them, which changes no byte. `generation` is that of the
    codec, for tests: else the newest writes. Raises PriorError if the prior is for another level or
    generation, or its file is damaged; WorkerError.
    """
    options: dict[str, Any] = {"from_scratch": from_scratch, "after": after, "prior": prior}
    options |= {"threads": threads, "generation": generation}
    if frame_size is None:
        compressor = LMZCompressor(level, **options, progress=progress)
        return b"".join(compress_chunks([data], compressor))
    options |= {"level": level, "after": prefix_of(after), "prior": prior_of(prior)}
    return b"".join(compress_frames([data], frame_size, options, executor, progress))


def decompress(
    data: Data,
    *,
    after: After | Prefix | None = None,
    prior: Prior | Path | Known | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> bytes:
    """Decompress an archive, or several, one after the other.

    Zero bytes behind an archive are ignored, with a PaddingWarning.
    All checksums of the stored bytes are checked before the model starts on the first block.
    `after`: what was given to `compress`, for those of the archives that need it. `prior`, or its
    file: what those may begin with that name it; others are looked for in the user's directory.
    `executor`: its workers decode the frames of data that were cut into such.
    Raises FormatError, CorruptError, UnsupportedError, AfterError, PriorError, LimitError,
    MismatchError.
    """
    archives = list(scan(io.BytesIO(data)))
    known = known_of(prior)
    find_all(known, ((info.begun_with, info.level) for info in archives))
    prefix = fitting((info.needed for info in archives), prefix_of(after))
    view = memoryview(data)
    # In pieces: what follows an archive is copied, and many small ones may stand in a row.
    chunks = (view[i : i + CHUNK] for i in range(0, len(view), CHUNK))
    options: dict[str, Any] = {"after": prefix, "prior": known, "threads": threads}
    options["memory_limit"] = memory_limit
    if executor is not None:
        return b"".join(decompress_frames(chunks, options, executor, progress))
    return b"".join(decompress_chunks(chunks, **options, progress=progress))


def compress_chunks(chunks: Iterable[Data], compressor: LMZCompressor) -> Iterator[bytes]:
    """Compress pieces of any size; yield the archive in pieces."""
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def decompress_chunks(
    chunks: Iterable[Data],
    *,
    after: After | Prefix | None = None,
    prior: Prior | Path | Known | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    _series: Series | None = None,
) -> Iterator[bytes]:
    """Decompress pieces of any size of one or more archives; yield the data block by block.

    With `after`, the first archive must need it, which those behind it need not.
    """
    options: dict[str, Any] = {"after": prefix_of(after), "prior": known_of(prior)}
    options |= {"threads": threads, "memory_limit": memory_limit, "progress": progress}
    decompressor = LMZDecompressor(**options, _series=_series)
    for chunk in chunks:
        while chunk or not (decompressor.eof or decompressor.needs_input):
            if decompressor.eof:
                decompressor = LMZDecompressor(**options, _series=decompressor._series)
            yield decompressor.decompress(chunk, container.BLOCK_SIZE)
            chunk = decompressor.unused_data
    decompressor.end_of_input()
