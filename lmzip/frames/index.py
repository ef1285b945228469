"""Where each archive and frame of a file is: by the tables at its end, or by a walk of headers."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from lmzip import rawio
from lmzip.scan import scan
from lmzip.series import TAIL, Frame, Series, table_size, unpack_table

STEP = 1 << 16
"""Bytes that are read at a time where zeros at the end are passed over."""


@dataclass(frozen=True)
class Span:
    """An archive, and the data that are in it."""

    start: int
    """Byte of the file at which it begins."""
    raw_start: int
    """The same of its first byte of data, in the data of the whole file."""
    frame: Frame
    """Its sizes and digest."""
    number: int | None
    """Of a frame; None if it is an archive by itself."""

    @property
    def raw_stop(self) -> int:
        """The first byte of data behind it."""
        return self.raw_start + self.frame.raw_size


class Index:
    """All archives of a file, in order."""

    def __init__(self, found: Iterable[tuple[int, Frame, int | None]], lost: str = "") -> None:
        self.lost = lost
        """What is wrong with the first table that is not as it should be; empty if none is."""
        self.spans: list[Span] = []
        at = 0
        for start, frame, number in found:
            self.spans.append(Span(start, at, frame, number))
            at += frame.raw_size
        self.raw_size = at
        """Bytes of data."""

    def at(self, offset: int) -> Span | None:
        """The archive that holds a byte of the data; None behind the last."""
        low, high = 0, len(self.spans)
        while low < high:
            middle = (low + high) // 2
            low, high = (
                (middle + 1, high) if self.spans[middle].raw_stop <= offset else (low, middle)
            )
        return self.spans[low] if low < len(self.spans) else None

    def series(self, span: Span) -> Series:
        """Where it stands, as if all before it had been read."""
        if not span.number:
            return Series(span.start)
        place = self.spans.index(span)
        before = [other.frame for other in self.spans[place - span.number : place]]
        return Series(span.start, span.number, before)


def find(file: BinaryIO) -> Index:
    """All archives of a file that can be sought in. Raises as `scan`; reads no stored bytes."""
    found, lost = _by_tables(file), ""
    if found is None:
        file.seek(0)
        found = []
        for info in scan(file, verify=False):
            frame = Frame(info.size, info.raw_size, bytes.fromhex(info.digest))
            found.append((info.start, frame, info.frame))
            lost = lost or info.table or ""
    return Index(found, lost)


def _by_tables(file: BinaryIO) -> list[tuple[int, Frame, int | None]] | None:
    """What the tables say, if the file is nothing but frames and their tables."""
    found: list[tuple[int, Frame, int | None]] = []
    end = _without_zeros(file, file.seek(0, io.SEEK_END))
    while end:
        frames = _table_before(file, end)
        if frames is None:
            return None
        start = end - table_size(len(frames)) - sum(frame.size for frame in frames)
        if start < 0:
            return None
        numbered, at = [], start
        for number, frame in enumerate(frames):
            numbered.append((at, frame, number))
            at += frame.size
        found = [*numbered, *found]
        end = _without_zeros(file, start)
    return found or None


def _table_before(file: BinaryIO, end: int) -> list[Frame] | None:
    """The frames of the table that ends there; None if none does, or it is damaged."""
    if end < TAIL.size:
        return None
    count, _, _ = TAIL.unpack(_read(file, end - TAIL.size, TAIL.size))
    size = table_size(count)
    return unpack_table(_read(file, end - size, size)) if size <= end else None


def _without_zeros(file: BinaryIO, end: int) -> int:
    """Where the zeros begin that stand before a place."""
    while end:
        start = max(end - STEP, 0)
        rest = _read(file, start, end - start).rstrip(b"\0")
        if rest:
            return start + len(rest)
        end = start
    return 0


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    data = b""
    while len(data) < size and (more := rawio.read(file, size - len(data))):
        data += more
    return data.ljust(size, b"\0")
