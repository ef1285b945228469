"""Raw streams: a part is not all, and nothing now is not nothing more."""

from __future__ import annotations

import io
import os
import threading
import time

import pytest

from lmzip import rawio

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors in non-blocking mode")


class Raw(io.RawIOBase):
    """Takes and gives at most 3 bytes at a time; says None as often as `nothing` holds."""

    def __init__(self, data: bytes = b"", nothing: int = 0) -> None:
        self.data, self.nothing, self.taken = data, nothing, b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int | None:
        if self.nothing:
            self.nothing -= 1
            return None
        self.taken += bytes(data[:3])
        return min(len(data), 3)

    def read(self, size: int = -1) -> bytes | None:
        if self.nothing:
            self.nothing -= 1
            return None
        given, self.data = self.data[: min(size, 3)], self.data[min(size, 3) :]
        return given


class Descriptor(Raw):
    """The same with a descriptor that is always ready."""

    def fileno(self) -> int:
        return self.null.fileno()

    null = open(os.devnull, "r+b")  # noqa: SIM115


@pytest.fixture
def pipe():
    """Both ends of a pipe in non-blocking mode, unbuffered."""
    ends = os.pipe()
    files = []
    for number, mode in zip(ends, ("rb", "wb"), strict=True):
        os.set_blocking(number, False)
        files.append(open(number, mode, buffering=0))  # noqa: SIM115
    yield files
    for file in files:
        file.close()


def test_a_short_write_goes_on():
    raw = Raw()
    rawio.write_all(raw, b"ten bytes.")
    assert raw.taken == b"ten bytes."


def test_a_write_that_takes_nothing_now_waits_if_it_can():
    raw = Descriptor(nothing=2)
    rawio.write_all(raw, b"abcd")
    assert raw.taken == b"abcd"
    with pytest.raises(BlockingIOError):
        rawio.write_all(Raw(nothing=1), b"abcd")


@pytest.mark.parametrize("answer", [0, -1, 5])
def test_a_write_that_says_what_cannot_be_is_an_error(answer):
    class Wrong(Raw):
        def write(self, data: bytes) -> int:
            return answer

    with pytest.raises(OSError, match="said to have taken"):
        rawio.write_all(Wrong(), b"abcd")


@pytest.mark.parametrize("answer", [None, "all", 100])
def test_objects_that_only_write_take_everything(answer):
    class Simple:
        def __init__(self) -> None:
            self.parts: list[bytes] = []

        def write(self, data: bytes):
            self.parts.append(data)
            return answer

    file = Simple()
    rawio.write_all(file, b"abcd")
    assert file.parts.pop() == b"abcd" and not file.parts


def test_nothing_now_is_waited_for_and_nothing_more_is_the_end():
    raw = Descriptor(b"abcde", nothing=2)
    assert [rawio.read(raw, 9) for _ in range(3)] == [b"abc", b"de", b""]
    with pytest.raises(BlockingIOError):
        rawio.read(Raw(b"abc", nothing=1), 9)


@pytest.mark.parametrize("buffered", [False, True])
def test_a_pipe_that_is_filled_slowly_is_read_to_its_end(pipe, buffered):
    reader, writer = pipe

    def feed() -> None:
        for piece in (b"a" * 5, b"b" * 5):
            time.sleep(0.05)
            writer.write(piece)
        writer.close()

    thread = threading.Thread(target=feed)
    thread.start()
    data, file = b"", io.BufferedReader(reader) if buffered else reader
    while more := rawio.read(file, 4096):
        data += more
    thread.join()
    assert data == b"a" * 5 + b"b" * 5


@pytest.mark.parametrize("kind", ["raw", "buffered", "patient"])
def test_a_full_pipe_is_waited_for(pipe, kind):
    reader, writer = pipe
    data = os.urandom(300_000)
    found = bytearray()

    def empty() -> None:
        while (more := rawio.read(reader, 10_000)) != b"":
            found.extend(more)
            time.sleep(0.001)

    thread = threading.Thread(target=empty)
    thread.start()
    if kind == "patient":
        file = io.BufferedWriter(rawio.PatientRaw(writer))
        file.write(data)
        file.flush()
    else:
        file = writer if kind == "raw" else io.BufferedWriter(writer)
        rawio.write_all(file, data)
        rawio.flush(file)
    file.close()
    writer.close()
    thread.join()
    assert bytes(found) == data


def test_a_patient_stream_does_not_close_the_other(pipe):
    io.BufferedReader(rawio.PatientRaw(pipe[0])).close()
    assert not pipe[0].closed
