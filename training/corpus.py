"""Documents to learn from, and what the slots of the codec know at each of their positions."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lmzip.codec.entry import entry
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import CANDIDATES, HISTORY, empty_slots, kind_count, read_segment

SHARES = {
    "prose": 0.21,
    "tech": 0.13,
    "code": 0.15,
    "markup": 0.09,
    "data": 0.08,
    "languages": 0.09,
    "scripts": 0.10,
    "tables": 0.07,
    "logs": 0.05,
    "mail": 0.02,
    "binary": 0.01,
}
"""Kind -> its share of the bytes read."""
SCRIPTS = "scripts"
"""The documents of `languages` of which most bytes are beyond ASCII: Russian, Greek, Chinese. They
are a quarter of that file, and share less with prose than those in Latin letters do."""
LONGEST = 150_000
"""Longer works are cut: the beginning of a file matters most, for there the slots are empty."""
SHORTEST = 256
"""Shorter documents are left out."""
UNKNOWN = -100
"""Stands for the next byte where a document has ended; torch's cross entropy skips it."""

Documents = dict[str, list[np.ndarray]]
"""Kind -> documents, uint8 [n]."""


@dataclass(frozen=True)
class Batch:
    """B stretches of T positions, each of one document; K kinds of slots."""

    tokens: np.ndarray
    """Rows of the embedding, int64 [B, T, 3 + 2K]."""
    candidates: np.ndarray
    """uint8 [B, T, K, 14]"""
    classes: np.ndarray
    """uint8 [B, T, K, 14]"""
    totals: np.ndarray
    """uint8 [B, T, K]"""
    next_bytes: np.ndarray
    """int64 [B, T]"""


def read_documents(folder: Path, kinds: tuple[str, ...] = tuple(SHARES)) -> Documents:
    """The documents of a folder with a file `KIND.txt`, or `KIND.tar`, for each kind.

    Documents of a text file are separated by NUL; those of `languages.txt` are two kinds, by their
    script. A kind without a file, or without a document that is long enough, is left out. Raises
    FileNotFoundError if that leaves none.
    """
    documents = {}
    for kind in kinds:
        pieces = [
            document[start : start + LONGEST]
            for document in _whole_documents(folder, kind)
            for start in range(0, len(document), LONGEST)
        ]
        found = [np.frombuffer(piece, np.uint8) for piece in pieces if len(piece) >= SHORTEST]
        if found:
            documents[kind] = found
    if not documents:
        raise FileNotFoundError(f"{folder} has no documents: no prose.txt, code.txt, ..")
    return documents


def _whole_documents(folder: Path, kind: str) -> Iterator[bytes]:
    if kind in ("languages", SCRIPTS):
        for document in _documents_of(folder, "languages"):
            if _is_beyond_ascii(document) == (kind == SCRIPTS):
                yield document
    else:
        yield from _documents_of(folder, kind)


def _is_beyond_ascii(document: bytes) -> bool:
    return 2 * np.count_nonzero(np.frombuffer(document, np.uint8) >> 7) > len(document)


def _documents_of(folder: Path, kind: str) -> Iterator[bytes]:
    if (folder / f"{kind}.txt").exists():
        yield from (folder / f"{kind}.txt").read_bytes().split(b"\0")
    elif (folder / f"{kind}.tar").exists():
        with tarfile.open(folder / f"{kind}.tar") as archive:
            for member in archive:
                if member.isfile():
                    yield archive.extractfile(member).read()


@entry
def fill_rows(slots, text):
    """Rows 0 .. n of the slots before each of n bytes, uint8 [n], which are read by the way."""
    read_segment(slots, 0, text)


class Reader:
    """Reads documents in stretches of `length` bytes, with the slots of a level."""

    def __init__(self, preset: Preset, length: int) -> None:
        self.kinds = kind_count(preset)
        self.slots = empty_slots(replace(preset, segment=length))
        self.document = np.zeros(0, dtype=np.uint8)
        self.at = 0

    def open(self, document: np.ndarray) -> None:
        """Begin a document, uint8 [n]: slots are empty, as they are at the start of a file."""
        self.slots.cells[:] = 0
        self.slots.registers[:] = 0
        self.document, self.at = document, 0

    @property
    def done(self) -> bool:
        """Whether the document has ended."""
        return self.at >= len(self.document)

    def read_into(self, batch: Batch, row: int) -> int:
        """Fill a row of a batch with the next stretch; returns the bytes that it has."""
        length = batch.next_bytes.shape[1]
        text = self.document[self.at : self.at + length]
        n, slots = len(text), self.slots
        fill_rows(slots, text.copy())
        batch.tokens[row, :n] = slots.tokens[:n]
        batch.candidates[row, :n] = slots.candidates[:n]
        batch.classes[row, :n] = slots.classes[:n]
        batch.totals[row, :n] = slots.totals[:n]
        batch.next_bytes[row, :n] = text
        self.at += length
        return n


def empty_batch(preset: Preset, rows: int, length: int) -> Batch:
    """A batch of nothing."""
    kinds, shape = kind_count(preset), (rows, length)
    return Batch(
        tokens=np.zeros((*shape, HISTORY + 2 * kinds), dtype=np.int64),
        candidates=np.zeros((*shape, kinds, CANDIDATES), dtype=np.uint8),
        classes=np.zeros((*shape, kinds, CANDIDATES), dtype=np.uint8),
        totals=np.zeros((*shape, kinds), dtype=np.uint8),
        next_bytes=np.full(shape, UNKNOWN, dtype=np.int64),
    )


class Mixture:
    """Endless batches: each row goes through a document, then the next of the kind that is
    furthest behind its share."""

    def __init__(
        self, documents: Documents, preset: Preset, rows: int, length: int, seed: int
    ) -> None:
        self.documents, self.preset = documents, preset
        self.rows, self.length = rows, length
        self.random = np.random.default_rng(seed)
        self.order: dict[str, list[int]] = {kind: [] for kind in documents}
        self.read = dict.fromkeys(documents, 0)
        self.readers = [Reader(preset, length) for _ in range(rows)]

    def next(self) -> tuple[Batch, int]:
        """A batch, and the bytes in it."""
        batch, count = empty_batch(self.preset, self.rows, self.length), 0
        for row, reader in enumerate(self.readers):
            if reader.done:
                reader.open(self._pick())
            count += reader.read_into(batch, row)
        return batch, count

    def _pick(self) -> np.ndarray:
        total = sum(self.read.values()) + 1
        kind = max(self.documents, key=lambda k: SHARES[k] - self.read[k] / total)
        if not self.order[kind]:
            self.order[kind] = list(self.random.permutation(len(self.documents[kind])))
        document = self.documents[kind][self.order[kind].pop()]
        self.read[kind] += len(document)
        return document
