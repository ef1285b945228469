"""Samples to learn from: which are held out, and a short text that holds what is common to many.

The text is what zstd calls a dictionary: samples, or the starts of longer ones, chosen so that the
strings in it occur in many others (the submodular cover of Liao, Petri, Moffat and Wirth 2016, of
whole samples, as a model that reads them learns what follows what).
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lmzip.arguments import Data

HELD_OUT = 0.1
"""Share of the samples that is held out."""
MOST_HELD_OUT = 100, 200_000
"""Samples and bytes that are held out at most."""
MOST_LEARNED = 3_000_000
"""Bytes that are learned from at most: more are worth little."""
LONGEST = 65536
"""Bytes of one sample that are read; of longer ones parts are samples."""
GRAM = 8
"""Bytes of the strings that are counted."""
STRIDE = 3
"""Of so many strings one is counted: those whose hash says so, in all samples the same."""
CANDIDATES = 2000
"""Samples that the text is chosen from, at most."""
PIECE = 2048
"""Bytes of a sample that the text takes, at most."""


@dataclass(frozen=True)
class Samples:
    """What is learned from, and what it is judged by."""

    learned: tuple[bytes, ...]
    held_out: tuple[bytes, ...]


def divided(samples: Iterable[Data], seed: int = 1) -> Samples:
    """Samples in an order by chance, some of them held out; the same ones every time.

    Raises ValueError if there are fewer than two that differ.
    """
    parts = [
        data[start : start + LONGEST]
        for data in map(bytes, samples)
        for start in range(0, len(data), LONGEST)
    ]
    # One sample twice, once learned from and once held out, would tell of memory only.
    parts = list(dict.fromkeys(parts))
    if len(parts) < 2:
        raise ValueError(
            "a prior needs two samples at least, better a hundred: it is judged by some held out"
        )
    random.Random(seed).shuffle(parts)
    most, most_bytes = MOST_HELD_OUT
    count = min(max(round(len(parts) * HELD_OUT), 1), most)
    while count > 1 and sum(map(len, parts[:count])) > most_bytes:
        count -= 1
    learned, left = [], MOST_LEARNED
    for part in parts[count:]:
        if left < len(part) and learned:
            break
        learned.append(part)
        left -= len(part)
    return Samples(tuple(learned), tuple(parts[:count]))


def chosen_text(samples: Sequence[bytes], size: int) -> bytes:
    """At most `size` bytes of samples, what is common to most others nearest to the end.

    Those that hold nothing more that others have too are taken last, if there is room.
    """
    grams = [_grams(sample) for sample in samples[:CANDIDATES]]
    counts: Counter[bytes] = Counter()
    for found in grams:
        counts.update(found)
    covered: set[bytes] = set()

    def place(i: int) -> tuple[float, int]:
        """The less, the earlier it is taken: by what it has in common with others, for its length,
        and then by what it alone has."""
        new = [counts[gram] - 1 for gram in grams[i] if gram not in covered]
        return -sum(new) / (len(samples[i][:PIECE]) + 16), -len(new)

    # What has been covered makes others worth less, never more: the first by old values that is
    # still the first is the first of all.
    waiting = [(place(i), i) for i in range(len(grams))]
    heapq.heapify(waiting)
    chosen: list[bytes] = []
    left = size
    while waiting and left > 0:
        _, i = heapq.heappop(waiting)
        now = place(i)
        if waiting and now > waiting[0][0]:
            heapq.heappush(waiting, (now, i))
            continue
        if now == (0, 0):  # all of it has been said
            break
        piece = samples[i][:PIECE]
        if len(piece) <= left:
            chosen.append(piece)
            left -= len(piece)
            covered |= grams[i]
    return b"".join(reversed(chosen))


def _grams(sample: bytes) -> set[bytes]:
    """The strings of the start of a sample that are counted."""
    piece = sample[:PIECE]
    strings = (piece[i : i + GRAM] for i in range(len(piece) - GRAM + 1))
    return {gram for gram in strings if sum(gram) % STRIDE == 0}
