"""Incremental decompression: bytes of an archive in, data out, one block in memory.

The object has the names and the behaviour of those in the standard library's `lzma` and
`compression.zstd`: it reads one archive, with all its frames, and leaves what follows in
`unused_data`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lmzip import model
from lmzip.after import NOTHING, Prefix, check_after, prefix_of
from lmzip.arguments import After, Data, Progress
from lmzip.checks import check_level, mismatch
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.container import CODED, NOT_BY_LMZIP, STORED, BlockHeader, Body, Parser
from lmzip.errors import GET_ANOTHER_COPY, CorruptError, FormatError, LMZError
from lmzip.generations import written_by
from lmzip.guard import Guard
from lmzip.header import Form, Header
from lmzip.known import Known, known_of
from lmzip.limits import naming_the_need
from lmzip.prior import Path, Prior
from lmzip.series import Series

if TYPE_CHECKING:
    from lmzip.codec.loop import Codec


class LMZDecompressor:
    """Decompresses one archive piece by piece.

    At most one block of data and one of stored bytes are kept, whatever the archive claims, and
    the input that has been given but not been needed yet. `memory_limit` is in bytes; it is
    compared with the needs of the archive's level before anything is allocated. `after`: what the
    model read first when the archive was made; other data, or none, or some for an archive that
    needs none, raise AfterError. `prior`, or its file: what the model may begin with; one that the
    archive names is looked for in the user's directory too. After an error of the archive every
    further call raises the same error, after any other exception BrokenError: what had been decoded
    is lost. Calls of several threads wait for each other; one from within another raises
    RuntimeError.
    """

    def __init__(
        self,
        *,
        after: After | Prefix | None = None,
        prior: Prior | Path | Known | None = None,
        threads: int | None = None,
        memory_limit: int | None = None,
        progress: Progress | None = None,
        _series: Series | None = None,
    ) -> None:
        self._prefix = prefix_of(after)
        self._known = known_of(prior)
        self._prior: Prior | None = None
        self._threads = threads
        self._memory_limit = memory_limit
        self._progress = progress or (lambda size: None)
        self._series = Series() if _series is None else _series
        self._input = bytearray()
        self._output = memoryview(b"")
        self._level = DEFAULT_LEVEL
        self._error: LMZError | None = None
        self._guard = Guard("the decompressor")
        self._done = False
        self._further = self._series.start > 0
        self._next_frame()

    def _next_frame(self) -> None:
        """Expect an archive, or the next frame of one."""
        self._parser = Parser(self._series)
        self._codec: Codec | None = None
        self._header: Header | None = None
        self._unlearned: bytes | None = None
        self._digest = hashlib.sha256()

    @property
    def eof(self) -> bool:
        """Whether the end of the archive has been reached and all data has been returned."""
        return self._done and not self._output

    @property
    def needs_input(self) -> bool:
        """Whether `decompress` can return more only if it is given more input."""
        wanted = self._series.wanted if not self._parser.offset else 0
        waits = len(self._input) < (wanted or self._parser.needed)
        return waits and not (self._done or self._output)

    @property
    def unused_data(self) -> bytes:
        """Bytes that were given beyond the end of the archive."""
        return bytes(self._input) if self.eof else b""

    def decompress(self, data: Data, max_length: int = -1) -> bytes:
        """Take bytes of the archive; return data, at most `max_length` bytes if that is not -1.

        With a `max_length` one call decodes at most one block, so that what stands before a
        damaged place is returned before the error is raised. Raises EOFError after the end,
        FormatError, CorruptError, UnsupportedError, AfterError, PriorError, LimitError,
        MismatchError.
        """
        view = memoryview(data)
        return self._guard.run(
            self._decompress,
            view,
            max_length,
            ready=self._check_goes_on,
            intact=lambda error: error is self._error,
        )

    def _check_goes_on(self) -> None:
        if self._error is not None:
            raise self._error
        if self.eof:
            raise EOFError("the end of the archive has been reached")

    def _decompress(self, view: memoryview, max_length: int) -> bytes:
        self._input += view
        try:
            if max_length >= 0:
                while not self._output and self._step():
                    pass
                return self._taken(max_length)
            out = bytearray(self._taken(len(self._output)))
            while self._step():
                out += self._taken(len(self._output))
            return bytes(out)
        except BaseException as error:  # an interrupted model must not go on either
            self._codec = None  # else error and decompressor keep each other, and the model
            if isinstance(error, LMZError):
                self._error = error
            raise

    def truncated_error(self) -> Exception:
        """The error to raise when there is no more input before `eof`."""
        return self._parser.truncated(bytes(self._input))

    def end_of_input(self) -> None:
        """Raise the error of an archive that is incomplete, because there is no more input.

        The table of frames is needed for nothing here: if it is missing, or is not whole, that gets
        a TableWarning; zero bytes behind an archive, or what is none, get a PaddingWarning.
        """
        if not self._done and self._series.start and not self._parser.offset:
            closing = self._series.wanted > 0
            for _ in range(1 + closing):  # the table, and zeros
                self._pass(ended=True)
            if not self._input:
                self._series.check_end()
                self._done = True
            elif closing:  # too little for an archive, or it would have been seen to be one
                self._parser.check_start(bytes(self._input[: Header.SIZE]))
        if not self.eof:
            raise self.truncated_error()
        self._series.warn()

    def _pass(self, ended: bool = False) -> bool:
        """Pass over what stands between archives; whether all of it has come."""
        size = self._series.passed(self._input, ended)
        del self._input[: size or 0]
        return size is not None

    def _taken(self, size: int) -> bytes:
        taken, self._output = self._output[:size], self._output[size:]
        return bytes(taken)

    def _step(self) -> bool:
        """Work on one part of the archive; False if more input is needed, or at the end."""
        if self._done:
            return False
        parser = self._parser
        if not parser.offset:
            self._done = self._series.wanted > 0  # the table, or where it is missing, is the end
            if not self._pass():
                self._done = False
                return False
            if self._done:
                return True
        if len(self._input) < parser.needed:
            parser.check_start(bytes(self._input[: Header.SIZE]))
            return False
        part = parser.feed(self._next(parser.needed))
        if self._header is None and parser.header is not None:
            self._begin(parser.header)
        if isinstance(part, Body):
            self._output = memoryview(self._decode(part))
        if parser.done:
            self._finish()
        return True

    def _next(self, size: int) -> bytes:
        data = bytes(self._input[:size])
        del self._input[:size]
        return data

    def _begin(self, header: Header) -> None:
        self._series.warn()
        self._prior = self._known.find(header.prior, header.level)
        prior = self._prior
        writer = written_by(header.code) if prior is None else prior.generation
        if header.revision and not writer.revisions:
            raise FormatError(
                "this archive is one of a revision of other data",
                f"{writer} of the codec, which it names, writes none",
                NOT_BY_LMZIP,
            )
        check_after(header.after, self._prefix, further=self._further)
        self._level = check_level(header.level, self._memory_limit, needed=writer.memory_bytes)
        self._header = header

    @naming_the_need
    def _decode(self, body: Body) -> bytes:
        header, index = self._parser.block, self._parser.blocks - 1
        self._learn()
        block = body.stored
        if header.type == CODED:
            block = self._decode_with_model(body.stored, header)
        self._digest.update(block)
        if not self._digest.digest().startswith(body.digest):
            if header.type == CODED:
                raise mismatch(f"block {index} decodes to other data")
            raise CorruptError(
                f"block {index} is damaged",
                "its bytes are sound, but the SHA-256 of all data up to its end is wrong",
                GET_ANOTHER_COPY,
            )
        if header.type == STORED:
            self._unlearned = block
        return block

    def _decode_with_model(self, stored: bytes, header: BlockHeader) -> bytes:
        index = self._parser.blocks - 1
        if self._codec is None:
            self._codec = self._new_codec(header.raw_size)
        assert self._header is not None
        same = model.canary(self._codec) == header.canary
        if not same and self._header.form != Form.SHORT:  # which has none: its digest comes soon
            raise mismatch(f"the first probabilities of block {index} differ")
        try:
            return self._codec.decode(stored, header.raw_size)
        except ValueError as error:
            raise mismatch(f"block {index} cannot be decoded ({error})") from error

    def _new_codec(self, size: int) -> Codec:
        """The model that the archive begins with, before its first block of `size` bytes."""
        assert self._header is not None
        prefix = self._prefix if self._header.after and self._prefix is not None else NOTHING
        size += len(prefix.text)
        begun = model.new_codec(self._header, self._threads, self._progress, self._prior, size)
        prefix.teach(begun, size - len(prefix.text), self._header.revision)
        return begun

    def _learn(self) -> None:
        """Bring the model to where the encoder's was after a stored block."""
        if self._unlearned is None:
            return
        if self._codec is None:
            self._codec = self._new_codec(len(self._unlearned))
        self._codec.canary()
        self._codec.encode(self._unlearned)
        self._unlearned = None

    def _finish(self) -> None:
        self._codec = None
        if self._unlearned is not None:  # nothing comes that the model would be needed for
            self._progress(len(self._unlearned))
            self._unlearned = None
        if self._parser.header.form == Form.FRAME:
            self._next_frame()
        else:
            self._done = True
