"""Coverage-guided fuzzing of everything that reads archives, with atheris (libFuzzer).

    pip install -e '.[fuzz]'
    python fuzz/archives.py CORPUS
    python fuzz/fuzz_decoder.py CORPUS -max_total_time=600 -max_len=600

Whatever the bytes are, each way of reading them gives the same data or raises the same kind of
LMZError; nothing else is ever raised, and no output is larger than it was asked to be. Blocks and
model are shrunk, the code is otherwise that of the package; only the model's compiled kernels
are not instrumented.
"""

from __future__ import annotations

import io
import sys
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from dataclasses import replace

import lmzip.codec.loop  # first, so that it is not instrumented: Numba could not compile it

if __name__ == "__main__":
    import atheris

    instrumented = atheris.instrument_imports(include=["lmzip"])
else:  # the tests run the seeds through `one_input`
    instrumented = nullcontext()

with instrumented:
    from archives import AFTER, HEADER, OF_BOTH, PRIOR, EchoModel, sealed_archive, shrink

    from lmzip import model as models
    from lmzip.decompressor import LMZDecompressor
    from lmzip.errors import LMZError
    from lmzip.frames.salvaging import START
    from lmzip.header import SHORT_VERSION, VERSION, Form
    from lmzip.salvage import salvage
    from lmzip.scan import scan

LARGEST = 7
FRAMED = START[-1:]
"""A byte that no archive without frames has in its header."""
MODEL = models.new_codec


class Here(Executor):
    """Works where it is asked to."""

    def submit(self, work, /, *arguments, **more) -> Future:
        future = Future()
        try:
            future.set_result(work(*arguments, **more))
        except LMZError as error:
            future.set_exception(error)
        return future


def outcome(read, *arguments, **given) -> bytes | type[LMZError]:
    """The data, or the class of the error."""
    try:
        return read(*arguments, **given)
    except LMZError as error:
        assert error.what and error.why and error.remedy and str(error)
        return type(error)


def in_pieces(data: bytes, **given) -> bytes:
    """Decompress in small pieces, as a pipe gives them."""
    out, at = bytearray(), 0
    decompressor = LMZDecompressor(**given)
    while True:
        if decompressor.eof:
            data, at = decompressor.unused_data + data[at:], 0
            if not data:
                return bytes(out)
            decompressor = LMZDecompressor(**given, _series=decompressor._series)
        piece = b""
        if decompressor.needs_input:
            piece = data[at : at + LARGEST]
            at += len(piece)
            if not piece:
                decompressor.end_of_input()
                return bytes(out)
        taken = decompressor.decompress(piece, LARGEST)
        assert len(taken) <= LARGEST
        out += taken


def summary(data: bytes) -> bytes:
    """What a scan finds: the bytes of data it counts, as text."""
    return str(sum(info.raw_size for info in scan(io.BytesIO(data)))).encode()


def check(data: bytes, **given) -> None:
    """Read `data` in every way and compare; `given`: what the model may need first."""
    whole = outcome(lmzip.decompress, data, **given)
    pieces = outcome(in_pieces, data, **given)
    file = outcome(lambda: lmzip.open(io.BytesIO(data), **given).read())
    assert pieces == file, (pieces, file)
    assert outcome(lmzip.decompress, data, executor=Here(), **given) == whole
    # `decompress` looks at all checksums before the model runs, and so may find another fault.
    assert isinstance(whole, bytes) == isinstance(pieces, bytes), (whole, pieces)
    if isinstance(whole, bytes):
        assert whole == pieces
        assert outcome(summary, data) == str(len(whole)).encode()
        saved, report = salvage(data, **given)
        assert saved == whole and report.lost == 0
    else:
        saved = outcome(lambda: salvage(data, **given)[0])
        # Of frames it finds more, and so another fault may be its first.
        same = saved is pieces or (FRAMED in data and not isinstance(saved, bytes))
        assert same or (isinstance(saved, bytes) and saved), (saved, pieces)


def one_input(data: bytes) -> None:
    """First byte: bit 0, instructions for a sealed archive; bit 1, no model but its stand-in;
    bit 2, of an archive with a prior and after other data, and these are given; bit 3, of
    the short form, bit 4, of its version 3, or of a frame that is the only one."""
    if data:
        models.new_codec = EchoModel if data[0] & 2 else MODEL
        archive, given = data[1:], {}
        header = OF_BOTH if data[0] & 4 else HEADER
        if data[0] & 8:
            header = header.short(VERSION if data[0] & 16 else SHORT_VERSION)
        elif data[0] & 16:
            header = replace(header, form=Form.FRAME, last=True)
        if data[0] & 1:
            model = models.new_codec(header, None, None, PRIOR if header.prior else None)
            if header.after:
                model.read(AFTER, 1)
            archive = sealed_archive(archive, model, header)
        if data[0] & 4:
            # What no archive needs is refused, in a stream as soon as the first does not.
            needs = archive[5:6] and archive[5] & 32
            given = {"prior": PRIOR, **({"after": AFTER} if needs else {})}
        check(archive, **given)


if __name__ == "__main__":
    shrink()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
