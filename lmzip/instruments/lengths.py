"""Where the bits of an archive go: the code length of every byte, in bits.

    size(D) = sum over t of -log2 p_t(x_t)  +  |F|

The sum is the prequential code length (Dawid 1984; Blier, Ollivier 2018): the model predicts each
byte, pays for it, then learns from it, so that the sum is the integral of its training loss over
one pass. |F| is the code that decodes, with the learned weights that it starts from. The bytes go
through `LMZCompressor` itself, with somebody looking on: every number is the archive's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lmzip import bench, codec
from lmzip.arguments import Data, Progress
from lmzip.arrays import np
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.compressor import LMZCompressor
from lmzip.generations import sources
from lmzip.instruments import visible
from lmzip.prior import Path, Prior, prior_of
from lmzip.whole import compress

if TYPE_CHECKING:
    from lmzip.codec.loop import Codec
    from lmzip.instruments.trace import Trace

FINAL = 0.1
"""The last part of the data, over which the final loss is taken."""
FIRST_CHUNK = 64
"""Bytes of the first chunk of a learning curve."""


@dataclass(frozen=True)
class Block:
    """A block of the archive."""

    start: int
    """Bytes of data before it."""
    size: int
    """Bytes of data."""
    payload: int
    """Bytes in the archive, its header not included."""
    stored: bool
    """Whether it is kept as it was, because the model could not make it smaller."""


@dataclass(frozen=True)
class Chunk:
    """Some bytes, and what they cost."""

    start: int
    stop: int
    bits: float

    @property
    def bits_per_byte(self) -> float:
        """Bits of the archive per byte of data."""
        return self.bits / (self.stop - self.start)


@dataclass(frozen=True)
class Tier:
    """The bytes that are coded in one way, see `trace.WAYS`."""

    way: str
    count: int
    """Bytes of data."""
    bits: float
    seconds: float | None
    """Estimated, of the time to compress; None if that cannot be told."""


@dataclass(frozen=True, eq=False)
class Report:
    """What the bytes of one archive cost. N bytes of data; costs and lengths are in bits."""

    data: bytes
    level: int
    model_costs: np.ndarray
    """float64 [N]: -log2 of the probability that the model gave each byte, in stored blocks too."""
    blocks: tuple[Block, ...]
    tiers: tuple[Tier, ...]
    """How the bytes of coded blocks were coded, those of each way together."""
    parts: dict[str, float]
    """Bits that each part of the model saves: the code length of the coded blocks without it
    (left out of each prediction, to first order), minus their code length. Negative if it costs
    more than it helps. The savings of parts that know the same do not add up."""
    archive_size: int
    """Bytes of the archive, headers and checksums included."""
    seconds: float
    """Time to compress, the measuring included, start-up not."""
    others: dict[str, int]
    """Bytes that other compressors make of the data."""
    from_scratch: bool = False
    """Whether the model began without the weights that were learned beforehand."""
    prior: Prior | None = None
    """What it began with."""

    @property
    def name(self) -> str:
        """The level, and whether there was a prior: what tells reports of the same data apart."""
        return f"{self.level}" + ("" if self.prior is None else "+prior")

    @cached_property
    def costs(self) -> np.ndarray:
        """float64 [N]: bits that each byte takes in the archive: 8 in blocks that are stored."""
        costs = self.model_costs.copy()
        for block in self.blocks:
            if block.stored:
                costs[block.start :][: block.size] = 8.0
        return costs

    @cached_property
    def is_text(self) -> bool:
        """Whether the data are shown as text, rather than as hexadecimal digits."""
        return visible.is_text(self.data)

    @property
    def bits(self) -> float:
        """Total code length: the payload of the archive."""
        return float(self.costs.sum())

    @property
    def bits_per_byte(self) -> float | None:
        """Total code length per byte of data; None if there is no data."""
        return self.bits / len(self.data) if self.data else None

    @property
    def payload(self) -> int:
        """Bytes of the archive without headers and checksums."""
        return sum(block.payload for block in self.blocks)

    @property
    def final_loss(self) -> float | None:
        """Bits per byte over the last tenth of the data; None if there is no data."""
        last = self.costs[len(self.data) - max(round(len(self.data) * FINAL), 1) :]
        return float(last.mean()) if self.data else None

    @property
    def learning_bits(self) -> float:
        """The learning curve's integral above the final loss: what it cost to learn.

        Negative if the data become harder towards their end.
        """
        return self.bits - (self.final_loss or 0.0) * len(self.data)

    @property
    def program_bits(self) -> int:
        """|F|: the codec's sources and learned weights, these unless `from_scratch`, packed by
        `lzma -9e`, and the prior; Python and its libraries not counted."""
        prior = 0 if self.prior is None else self.prior.size
        return 8 * (program_size(weights=not self.from_scratch) + prior)

    @property
    def description_bits(self) -> float:
        """The whole description: total code length and |F|."""
        return self.bits + self.program_bits

    def curve(self, per_octave: int = 1) -> list[Chunk]:
        """The learning curve, in chunks whose ends are equally far apart on a logarithmic axis.

        The first chunk has 64 bytes; `per_octave` ends fall into each doubling of the bytes read.
        """
        count = len(self.data)
        doublings = max(np.log2(max(count, 1) / FIRST_CHUNK), 0)
        powers = np.arange(np.ceil(doublings * per_octave) + 1) / per_octave
        ends = np.minimum(np.rint(FIRST_CHUNK * 2.0**powers).astype(np.int64), count)
        edges = [0, *map(int, np.unique(ends))]
        return [
            Chunk(start, stop, float(self.costs[start:stop].sum()))
            for start, stop in pairwise(edges)
            if stop > start
        ]

    def passages(self, count: int = 8, size: int = 60, *, surprising: bool = True) -> list[Chunk]:
        """The `count` passages of `size` bytes that cost most (or least), none twice.

        Passages do not overlap. The first is the most (or least) surprising.
        """
        size = min(size, len(self.data))
        if size == 0:
            return []
        sums = np.concatenate([[0.0], np.cumsum(self.costs)])
        windows = sums[size:] - sums[:-size]
        worst = -np.inf if surprising else np.inf
        found: list[Chunk] = []
        seen: set[bytes] = set()
        while len(found) < count:
            start = int(windows.argmax() if surprising else windows.argmin())
            if windows[start] == worst:
                break
            chunk = Chunk(start, start + size, float(windows[start]))
            text = self.data[chunk.start : chunk.stop]
            windows[max(start - size + 1, 0) : chunk.stop] = worst
            if text not in seen:
                found.append(chunk)
            seen.add(text)
        return found

    def as_json(self) -> dict[str, Any]:
        """All numbers but those of single bytes, with units in the names."""
        return {
            "level": self.level,
            "from_scratch": self.from_scratch,
            "prior": None if self.prior is None else self.prior.name,
            "data_bytes": len(self.data),
            "archive_bytes": self.archive_size,
            "payload_bytes": self.payload,
            "bits": self.bits,
            "bits_per_byte": self.bits_per_byte,
            "final_loss_bits_per_byte": self.final_loss,
            "learning_bits": self.learning_bits,
            "program_bits": self.program_bits,
            "description_bits": self.description_bits,
            "blocks": len(self.blocks),
            "stored_blocks": sum(block.stored for block in self.blocks),
            "tiers": [asdict(tier) for tier in self.tiers],
            "saved_bits": self.parts,
            "curve": [vars(chunk) for chunk in self.curve()],
            "seconds": self.seconds,
            "bytes_per_second": len(self.data) / max(self.seconds, 1e-9),
            "other_bytes": self.others,
        }


def report(
    data: Data,
    level: int = DEFAULT_LEVEL,
    *,
    from_scratch: bool = False,
    prior: Prior | Path | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compress `data` and tell what each byte costs, and what the model's parts save.

    `from_scratch`: without the weights that were learned beforehand; `prior`, or its file: what the
    model begins with. Keeps all data in memory, and 8 bytes for each of their bytes. Raises
    ValueError for a level that is not 1 to 9, PriorError, LimitError if the level needs more
    memory.
    """
    data, prior = bytes(data), prior_of(prior)
    options: dict[str, Any] = {"threads": threads, "memory_limit": memory_limit}
    options["progress"] = progress
    compressor = _Watched(level, from_scratch=from_scratch, prior=prior, **options)
    compress(bytes(64), level, threads=threads)  # loads what is loaded once: no part of the time
    start = perf_counter()
    archive_size = len(compressor.compress(data)) + len(compressor.flush())
    seconds = perf_counter() - start
    return Report(
        data=data,
        level=level,
        model_costs=np.concatenate([np.zeros(0), *(t.costs for t in compressor.traces)]),
        blocks=tuple(compressor.blocks),
        tiers=_tiers(compressor.coded, seconds),
        parts=_savings(compressor),
        archive_size=archive_size,
        seconds=seconds,
        others={name: len(bench.coder_of(name)[0](data)) for name in bench.coders([])},
        from_scratch=from_scratch,
        prior=prior,
    )


@cache
def program_size(*, weights: bool = True) -> int:
    """Bytes of the codec's sources, and of its learned weights, packed together by `lzma -9e`."""
    from lmzip.codec.learned.weights_file import read, shipped

    parts = [*sources(), *((name, read(name)) for name in shipped() if weights)]
    packed = b"".join(name.encode() + b"\0" + data for name, data in parts)
    return len(bench.coder_of("lzma -9e")[0](packed))


class _Watched(LMZCompressor):
    """A compressor that takes down what its blocks cost."""

    def __init__(self, level: int, **options: Any) -> None:
        super().__init__(level, **options)
        self.contexts = codec.PRESETS[level].contexts
        self.blocks: list[Block] = []
        self.traces: list[Trace] = []
        self.coded: list[Trace] = []
        """Those of blocks that are not stored."""

    def _payload(self, model: Codec, block: bytes) -> bytes:
        from lmzip.instruments.trace import traced  # slow: the model's libraries

        payload, trace = traced(model, block)
        start = sum(block.size for block in self.blocks)
        stored = len(payload) >= len(block)
        size = len(block) if stored else len(payload)
        self.blocks.append(Block(start, len(block), size, stored))
        self.traces.append(trace)
        if not stored:
            self.coded.append(trace)
        return payload


def _tiers(traces: Sequence[Trace], seconds: float) -> tuple[Tier, ...]:
    """What the bytes of each way cost; empty if no block is coded."""
    from lmzip.instruments.trace import FORESEEN_RIGHT, WAYS, seconds_of_foreseen

    if not traces:
        return ()
    ways, costs = (np.concatenate([vars(t)[name] for t in traces]) for name in ("ways", "costs"))
    counts = np.bincount(ways, minlength=len(WAYS))
    bits = np.bincount(ways, weights=costs, minlength=len(WAYS))
    each = seconds_of_foreseen(traces)
    easy = None if each is None else min(each * counts[FORESEEN_RIGHT], seconds)
    asked = len(ways) - counts[FORESEEN_RIGHT]

    def share(way: int) -> float | None:
        if easy is None or way == FORESEEN_RIGHT:
            return easy
        return (seconds - easy) * counts[way] / max(asked, 1)

    return tuple(
        Tier(name, int(counts[way]), float(bits[way]), share(way)) for way, name in enumerate(WAYS)
    )


def _savings(compressor: _Watched) -> dict[str, float]:
    """Bits that each part saves in all coded blocks, largest first; empty if none is coded."""
    from lmzip.instruments.trace import part_names

    coded = compressor.coded
    if not coded:
        return {}
    saved = sum(trace.without - trace.costs.sum() for trace in coded)
    named = zip(part_names(compressor.contexts), map(float, saved), strict=True)
    return dict(sorted(named, key=lambda item: -item[1]))
