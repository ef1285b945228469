"""A user's program, for the type checkers: what lmzip accepts, its annotations accept.

Each `type: ignore` is a mistake that they have to find.
"""

from __future__ import annotations

import gzip
import io
import mmap
import tempfile
from array import array
from pathlib import Path
from typing import IO

import lmzip


class Radio:
    """Somebody's own file object, with only what is needed."""

    def read(self, size: int, /) -> bytes:
        return b""

    def write(self, data: bytes, /) -> int:
        return len(data)


def whatever(file: IO[bytes], mode: str, level: int) -> None:
    opened = lmzip.open(file, mode, level=level)
    opened.close()
    lmzip.LMZFile(file, mode).close()


def bytes_in_memory(room: bytearray, mapped: mmap.mmap) -> bytes:
    archive: bytes = lmzip.compress(array("d", [1.0, 2.0]), level=1)
    for data in (b"", room, memoryview(room), mapped, array("H", [1])):
        archive += lmzip.compress(data, threads=1, progress=print)
        archive += lmzip.compress(data, after=data)
    archive += lmzip.compress(b"", after=[b"old", room])
    prior: lmzip.Prior = lmzip.Prior.train([b"one", room, memoryview(b"two")], level=1, size=9000)
    for given in (prior, "mine.lmp", Path("mine.lmp"), None):
        archive += lmzip.decompress(lmzip.compress(b"", prior.level, prior=given), prior=given)
    compressor = lmzip.LMZCompressor(9, memory_limit=1 << 30)
    archive += compressor.compress(array("B", b"x")) + compressor.flush()
    decompressor = lmzip.LMZDecompressor()
    lmzip.decompress(archive, after=(mapped, b"old"))
    restored: bytes = decompressor.decompress(memoryview(archive), max_length=10)
    return restored + decompressor.unused_data + lmzip.decompress(bytearray(archive))


def files(path: Path) -> None:
    for name in (path, str(path), bytes(path), io.BytesIO(), Radio()):
        with lmzip.open(name, "wb", level=1) as file:
            written: int = file.write(array("i", [1, 2, 3]))
            written += file.write(b"bytes")
        lmzip.LMZFile(name).close()
    with tempfile.TemporaryFile() as temporary, lmzip.open(temporary, "wb") as file:
        whatever(temporary, "rb", 1)
        whatever(file, "wb", 5)
    with gzip.open(path) as packed, lmzip.open(packed) as inner:
        room = array("I", [0, 0])
        count: int = inner.readinto(room)
        data: bytes = inner.read(count) + inner.peek() + inner.read1() + inner.readline()
        lines: list[bytes] = list(inner)
        lines.append(data)
    with lmzip.open(path, "rt", encoding="utf-8", newline="") as text:
        line: str = text.readline()
        line += next(text)
    with lmzip.open(path, "tw", errors="replace", after=b"old") as text:
        text.write(line)
    mine = lmzip.Prior.load(path)
    mine.save(str(path))
    with lmzip.open(path, prior=mine) as file:
        size: int = mine.size + len(file.read()) + len(mine.name)
        print(size, mine.digest)


def mistakes(path: Path) -> None:
    lmzip.compress("text")  # type: ignore[arg-type]
    lmzip.compress(b"", level="9")  # type: ignore[arg-type]
    lmzip.compress(b"", after=3)  # type: ignore[arg-type]
    lmzip.compress(b"", prior=3)  # type: ignore[arg-type]
    lmzip.Prior.train("text")  # type: ignore[arg-type]
    lmzip.open(3.5)  # type: ignore[call-overload]
    with lmzip.open(path) as file:
        file.write("text")  # type: ignore[arg-type]
    with lmzip.open(path, "rt") as text:
        text.write(b"bytes")  # type: ignore[arg-type]


def errors(archive: bytes) -> str:
    try:
        lmzip.decompress(archive)
    except lmzip.LMZError as error:
        return f"{error.what}: {error.why}; {error.remedy}"
    return ""
