"""What a model that has read one thing thinks of another: data selection, and a distance.

All lengths are code lengths in bits, without headers and checksums.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmzip import codec, container
from lmzip.codec.bitcoder import empty_bits
from lmzip.codec.loop import Codec
from lmzip.codec.presets import DEFAULT_LEVEL
from lmzip.lengths import trace_block

if TYPE_CHECKING:
    from lmzip.stream import Progress


@dataclass(frozen=True)
class Score:
    """What one candidate costs to a model that has read something, and to one that has not."""

    size: int
    """Bytes of the candidate."""
    primed_bits: float
    """Code length after the other text was read."""
    scratch_bits: float
    """Code length from scratch."""

    @property
    def difference(self) -> float:
        """Bits per byte: the cross-entropy difference. The lower, the more alike; never
        much above 0, where nothing that was read helps. 0.0 for no bytes."""
        return (self.primed_bits - self.scratch_bits) / max(self.size, 1)


class Reader:
    """A model that has read some bytes, and can be asked what others would cost after them.

    `room`: bytes of the longest text that will be asked about; the model's tables are made large
    enough for both together, as far as the level allows.
    """

    def __init__(
        self,
        data: bytes,
        level: int = DEFAULT_LEVEL,
        *,
        room: int = 0,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._codec = Codec(level, threads=threads, progress=progress)
        size = min(max(len(data) + room, 1), codec.BLOCK_SIZE)
        self._codec.bits = empty_bits(self._codec.preset, size)
        self.bits = _read(self._codec, data)
        """Code length of what was read."""

    def cost(self, data: bytes) -> float:
        """Bits that `data` would cost next; the model stays as it is."""
        progress, self._codec.progress = self._codec.progress, None
        try:
            model = copy.deepcopy(self._codec)
        finally:
            self._codec.progress = progress
        model.progress = progress
        return _read(model, data)


def scores(
    like: bytes,
    candidates: Sequence[bytes],
    level: int = DEFAULT_LEVEL,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Score]:
    """Score each candidate by cross-entropy difference (Moore, Lewis 2010): how much less it
    costs to a model that has read `like`. `like` is read once.

    Raises KeyError for a level that is not 1 to 9.
    """
    room = max(map(len, candidates), default=0)
    options = {"threads": threads, "progress": progress}
    primed = Reader(like, level, room=room, **options)
    for candidate in candidates:
        scratch = Reader(candidate, level, **options).bits
        yield Score(len(candidate), primed.cost(candidate), scratch)


def distances(
    texts: Sequence[bytes],
    level: int = DEFAULT_LEVEL,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Normalised compression distances (Cilibrasi, Vitanyi 2005) of all pairs: float64 [N, N].

    NCD(a, b) = (C(ab) - min(C(a), C(b))) / max(C(a), C(b)), C the code length: near 0 for what
    says the same, near 1 for what has nothing in common. Of two texts the one that costs more is
    read first, so that both orders give the same; the diagonal, NCD(a, a), is measured too. Two
    empty texts have distance 0. Every text is read once, and once more after each that costs more.
    """
    room = max(map(len, texts), default=0)
    options = {"threads": threads, "progress": progress}
    bits = [Reader(text, level, room=room, **options).bits for text in texts]
    order = sorted(range(len(texts)), key=lambda i: (-bits[i], texts[i]))
    result = np.zeros((len(texts), len(texts)))
    for place, i in enumerate(order):
        if not bits[i]:
            continue
        first = Reader(texts[i], level, room=room, **options)
        for j in order[place:]:
            both = bits[i] + first.cost(texts[j])
            result[i, j] = result[j, i] = (both - bits[j]) / bits[i]
    return result


def work(texts: Sequence[bytes]) -> int:
    """Bytes that `distances` reports as progress: every text is read twice."""
    return 2 * sum(map(len, texts))


def _read(model: Codec, data: bytes) -> float:
    """Let a model read data; return what they cost."""
    return sum(float(trace.costs.sum()) for trace in _traces(model, data))


def _traces(model: Codec, data: bytes) -> Iterable:
    for start in range(0, len(data), container.BLOCK_SIZE):
        model.canary()  # as in an archive
        yield trace_block(model, data[start : start + container.BLOCK_SIZE])[1]
