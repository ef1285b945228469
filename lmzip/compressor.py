"""Incremental compression: bytes in, an archive out, one block in memory.

The object has the names and the behaviour of those in the standard library's `lzma` and
`compression.zstd`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lmzip import container
from lmzip import model as models
from lmzip.after import NOTHING, Prefix, prefix_of
from lmzip.arguments import After, Data, Progress
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.container import ARCHIVE_END, CODED, STORED, BlockHeader, Body, pack_short
from lmzip.generations import numbered
from lmzip.guard import Guard
from lmzip.header import DIGEST_SIZE, VERSION, Form, Header
from lmzip.limits import naming_the_need
from lmzip.prior import Path, Prior, checked_level, prior_of

if TYPE_CHECKING:
    from lmzip.codec.loop import Codec


class Written(NamedTuple):
    """The blocks that have left the compressor. It is replaced, never changed."""

    head: bytes
    """The header, if that has not left."""
    raw_size: int
    """Bytes of data in the blocks."""
    digest: Any
    """SHA-256 of the data, as a hashlib object that is copied and not changed."""
    waiting: int
    """Bytes in the buffer, of the next block."""
    returned: int
    """Bytes of the archive that have left."""


class LMZCompressor:
    """Compresses one archive piece by piece. How the data are cut never changes the archive.

    `from_scratch`: the model begins without the weights that were learned beforehand. `prior`, or
    its file: what it begins with, and `after`: what it reads first; who decompresses must have both
    too. `threads` (default: as many as are useful) never changes a byte. `memory_limit` is in
    bytes. `generation` is that of the codec, for tests: else the newest writes. Raises ValueError
    for a level that is not 1 to 9, an unknown generation and a prior from scratch, PriorError for
    one of another level or generation, LimitError if the level needs more memory.

    Calls of several threads wait for each other; one from within another raises RuntimeError. A
    call that raises, whatever it is, has taken nothing and can be repeated. If it was broken off
    while the model learned, the model is lost: the rest of the archive is stored as it is.
    """

    def __init__(
        self,
        level: int = DEFAULT_LEVEL,
        *,
        from_scratch: bool = False,
        after: After | Prefix | None = None,
        prior: Prior | Path | None = None,
        threads: int | None = None,
        memory_limit: int | None = None,
        progress: Progress | None = None,
        generation: int | None = None,
        _frame: tuple[int, bool] | None = None,
    ) -> None:
        prior, writer = prior_of(prior), numbered(generation)
        self._level = level = checked_level(level, prior, memory_limit, generation)
        if from_scratch and prior is not None:
            raise ValueError("from_scratch and prior exclude each other")
        self._prefix = prefix = prefix_of(after) or NOTHING
        code = b"" if prior is not None else writer.code
        name = b"" if prior is None else prior.digest
        header = Header(level, code, bool(from_scratch), prefix.needed, name)
        if _frame is not None:  # number, and whether it is the last
            header = replace(header, form=Form.FRAME, number=_frame[0], last=_frame[1])
        self._header = header
        self._writer = writer
        self._model_options = (header, threads, progress, prior)
        self._codec: Codec | None = None
        self._head = header.pack()
        self._written = Written(self._head, 0, hashlib.sha256(), 0, 0)
        self._buffer = bytearray()
        self._flushed = False
        self._tried = False
        self._guard = Guard("the compressor")

    @property
    def returned(self) -> int:
        """Bytes of the archive that have been returned."""
        return self._written.returned

    def compress(self, data: Data) -> bytes:
        """Take bytes of any length; return what is ready of the archive, possibly nothing."""
        view = memoryview(data)  # an array would add itself in its own way
        return self._run(self._take, view)

    def flush(self) -> bytes:
        """Return the rest of the archive. Nothing can be compressed afterwards."""
        return self._run(self._take, memoryview(b""), True)

    def _run(self, work: Callable[..., bytes], *arguments: object) -> bytes:
        before = self._written
        return self._guard.run(
            work,
            *arguments,
            ready=self._check_not_flushed,
            intact=lambda error: self._written is before,
        )

    def _check_not_flushed(self) -> None:
        if self._flushed:
            raise ValueError("the compressor has been flushed")

    def _take(self, view: memoryview, end: bool = False) -> bytes:
        """Add data, code what can be coded: all of it in the last assignment, or nothing."""
        before, buffer = self._written, self._buffer
        # Not put back if anything goes wrong: it has then learned what is not in the archive.
        model, self._codec = self._codec, None
        del buffer[before.waiting :]  # of a call that raised
        buffer += view
        out, done, written = bytearray(), 0, before
        while len(buffer) - done >= (1 if end else container.BLOCK_SIZE):
            block = bytes(buffer[done : done + container.BLOCK_SIZE])
            if not written.raw_size:
                written = self._begin(block, written)
            model = self._goes_on(model, len(block), written)
            piece, written = self._encode(model, block, written, end)
            out += piece
            done += len(block)
        if end and written.raw_size % container.BLOCK_SIZE == 0:  # no last block has told so
            out += written.head + ARCHIVE_END.pack(_short(written.digest) + self._head)
        if end:
            model = None
        result = bytes(out)
        returned = before.returned + len(result)
        written = written._replace(waiting=len(buffer) - done, returned=returned)
        rest = buffer[done:] if done else buffer
        self._written, self._buffer, self._codec, self._flushed = written, rest, model, end
        return result

    def _begin(self, block: bytes, written: Written) -> Written:
        """The same with a header that says what the first block tells of the data."""
        revision = self._writer.revisions and self._prefix.is_revised_by(block)
        self._header = replace(self._header, revision=revision)
        self._head = self._header.pack()
        return written._replace(head=self._head)

    @naming_the_need
    def _goes_on(self, model: Codec | None, size: int, written: Written) -> Codec | None:
        """A model that has read all before the next block, which has `size` bytes; None if there
        is none, and cannot be."""
        if sys.is_finalizing():  # the model's libraries are being taken down
            return None
        if model is not None or written.raw_size:
            return model
        again, self._tried = self._tried, True
        try:
            model = models.new_codec(*self._model_options, size + len(self._prefix.text))
        except Exception:
            # Some libraries cannot be loaded again when the first time was interrupted.
            if not again:
                raise
            return None
        self._prefix.teach(model, size, self._header.revision)
        return model

    @naming_the_need
    def _encode(
        self, model: Codec | None, block: bytes, written: Written, end: bool
    ) -> tuple[bytes, Written]:
        kind, stored, canary = STORED, block, 0
        if model is not None:
            before = models.canary(model)
            payload = self._payload(model, block)
            if len(payload) < len(block):
                kind, stored, canary = CODED, payload, before
        digest = written.digest.copy()
        digest.update(block)
        if end and self._can_be_short(len(block), written):
            header = self._header.short(self._writer.short_version)
            piece = pack_short(header, len(block), stored, digest.digest())
        else:
            header = BlockHeader(kind, len(block), len(stored), canary)
            piece = written.head + header.pack(_short(written.digest) + self._head)
            piece += Body(stored, _short(digest)).pack()
        raw_size = written.raw_size + len(block)
        return piece, written._replace(head=b"", raw_size=raw_size, digest=digest)

    def _can_be_short(self, size: int, written: Written) -> bool:
        """Whether a block of this size, the first of the archive, is the only one, and small."""
        alone = not written.raw_size and size < container.BLOCK_SIZE
        most = container.SHORT_SIZE
        if self._writer.short_version == VERSION:
            most = min(most, container.SHORT_SIZE_BEFORE)
        return alone and size <= most and self._header.form == Form.BLOCKS

    def _payload(self, model: Codec, block: bytes) -> bytes:
        """What the model makes of a block; here a subclass can measure it."""
        return model.encode(block)


def _short(digest: Any) -> bytes:
    """As much of a SHA-256 as a block carries."""
    return digest.digest()[:DIGEST_SIZE]
