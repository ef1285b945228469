"""What a model that has read one thing thinks of another: data selection, and a distance.

All lengths are code lengths in bits, without headers and checksums.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmzip import codec, container
from lmzip.arguments import Progress
from lmzip.arrays import np
from lmzip.checks import check_level
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.prior import Path, Prior, prior_of

if TYPE_CHECKING:
    from lmzip.codec.loop import Codec


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
        """Bits per byte: the cross-entropy difference. The lower, the more alike; above 0
        where what was read misleads. 0.0 for no bytes."""
        return (self.primed_bits - self.scratch_bits) / max(self.size, 1)


class Reader:
    """A model that has read some bytes, and can be asked what others would cost after them.

    `room`: bytes of the longest text that will be asked about; the model's tables are made large
    enough for both together, as far as the level allows. `prior`: what the model begins with.
    """

    def __init__(
        self,
        data: bytes,
        level: int = DEFAULT_LEVEL,
        *,
        room: int = 0,
        prior: Prior | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        size = min(max(len(data) + room, 1), codec.BLOCK_SIZE)
        if prior is not None:
            prior.check_level(level)
            self._codec = prior.begin(size, threads=threads, progress=progress)
        else:
            from lmzip.codec.loop import Codec  # slow: the model's libraries

            self._codec = Codec(level, threads=threads, progress=progress)
            self._codec.read(b"", size)
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
    prior: Prior | Path | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Score]:
    """Score each candidate by cross-entropy difference (Moore, Lewis 2010): how much less it
    costs to a model that has read `like`. `like` is read once. `prior`, or its file: what all
    models begin with.

    Two models are in memory. Raises ValueError for a level that is not 1 to 9, PriorError,
    LimitError.
    """
    check_level(level, memory_limit, models=2)
    room = max(map(len, candidates), default=0)
    options: dict[str, Any] = {"prior": prior_of(prior), "threads": threads, "progress": progress}
    primed = Reader(like, level, room=room, **options)
    for candidate in candidates:
        scratch = Reader(candidate, level, **options).bits
        yield Score(len(candidate), primed.cost(candidate), scratch)


def distances(
    texts: Sequence[bytes],
    level: int = DEFAULT_LEVEL,
    *,
    prior: Prior | Path | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Normalised compression distances (Cilibrasi, Vitanyi 2005) of all pairs: float64 [N, N].

    NCD(a, b) = (C(ab) - min(C(a), C(b))) / max(C(a), C(b)), C the code length: near 0 for what
    says the same, near 1 for what has nothing in common. Of two texts the longer is read first, so
    that both orders give the same; the diagonal, NCD(a, a), is measured too. Two empty texts have
    distance 0. `prior`, or its file: what all models begin with. Two models are in memory. Raises
    ValueError for a level that is not 1 to 9, PriorError, LimitError.
    """
    check_level(level, memory_limit, models=2)
    room = max(map(len, texts), default=0)
    options: dict[str, Any] = {"room": room, "prior": prior_of(prior), "threads": threads}
    options["progress"] = progress
    bits = [Reader(text, level, **options).bits for text in texts]
    order = _order(texts)
    result = np.zeros((len(texts), len(texts)))
    for place, i in enumerate(order):
        first = Reader(texts[i], level, **options)
        for j in order[place:]:
            low, high = sorted((bits[i], bits[j]))
            if high:
                both = bits[i] + first.cost(texts[j])
                result[i, j] = result[j, i] = (both - low) / high
    return result


def work(texts: Sequence[bytes]) -> int:
    """Bytes that `distances` reports as progress: each text alone twice, then after others."""
    return sum((place + 3) * len(texts[i]) for place, i in enumerate(_order(texts)))


def _order(texts: Sequence[bytes]) -> list[int]:
    """Indices of the texts, the longest first."""
    return sorted(range(len(texts)), key=lambda i: (-len(texts[i]), texts[i]))


def _read(model: Codec, data: bytes) -> float:
    """Let a model read data; return what they cost."""
    from lmzip.instruments.trace import traced

    bits = 0.0
    for start in range(0, len(data), container.BLOCK_SIZE):
        model.canary()  # as in an archive
        _, trace = traced(model, data[start : start + container.BLOCK_SIZE])
        bits += float(trace.costs.sum())
    return bits
