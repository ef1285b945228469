"""Learning a prior: network and mixer learn from samples, until those held out get no smaller.

A text of what is common to many samples comes first. Behind it, as an archive does, samples begin
that are not in it. From what the network is shown of them, it learns as a whole (`tuning.py`).
Then the model reads the samples several times, in an order by chance, each with the memory that it
will begin an archive with; weights and maps go on from sample to sample. What is kept of the mixer
is the mean over the second half of a time, in few bits, and of all times the one that serves the
held-out samples best.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from lmzip.arguments import Data, Progress
from lmzip.arrays import np
from lmzip.checks import check_level
from lmzip.codec.learned.prior import NONE, Differences
from lmzip.codec.levels import PRESETS
from lmzip.container import around
from lmzip.priors.network import Examples
from lmzip.priors.packing import Learned, parts, with_mixer, with_network
from lmzip.priors.parts import LONGEST_TEXT, Parts
from lmzip.priors.samples import PIECE, Samples, chosen_text, divided
from lmzip.priors.states import Kept, Learning, new_model
from lmzip.priors.tuning import Teacher, size_of, times_of

SHARE = 4
"""A prior may have a quarter as many bytes as its samples, and `LEAST` anyway."""
LEAST = 8192
PACKED_SHARE = 0.9
"""The text, packed, may have so much of them, as a byte of it is worth more than of the rest."""
TEXT_SHARE = 0.75
"""And so much of the samples while the rest is learned, as the others show what it is to be trusted
in; archives begin with all."""
PASSES = 8
"""Times that samples are read at most: those not in the text, or each time another quarter."""
GAIN = 0.003
"""Share by which the held-out samples must get smaller for the samples to be read again."""
ROOM = 4096
"""Bytes that must be left for the network to learn at all."""
AT_LEAST, OF_TEXT = 1500, 16
"""Bytes between two times that the memory is put back, and what part of the text at least: short
samples are read several in a row."""
MEANS = 12
"""Times that what was learned is looked at, in the second half of each time."""
FOLDS = 4
"""Parts of the samples that are left out of the text in turn."""

Told = Callable[[str, int], AbstractContextManager[Progress]]
"""Called with the name of each step and its bytes; what comes is told of bytes that are done."""


@dataclass(frozen=True)
class Fold:
    """A text, and samples that are read behind it."""

    text: bytes
    samples: list[bytes]


@dataclass(frozen=True)
class Trained:
    """A prior, and what it is worth."""

    data: bytes
    """The file."""
    samples: int
    """Those that were learned from."""
    times: int
    """How often they were read, by the network and the mixer, until what is kept."""
    held_out: int
    """Bytes of the samples held out."""
    before: int
    """Bytes of their archives, each by itself, without the prior."""
    after: int
    """The same with it."""

    @property
    def break_even(self) -> int | None:
        """Bytes of such data from which on archives and prior together are smaller than archives
        without; None if there are none."""
        saved = self.before - self.after
        return -(-len(self.data) * self.held_out // saved) if saved > 0 else None


def train(
    samples: Iterable[Data],
    level: int,
    *,
    size: int,
    text_size: int,
    threads: int | None = None,
    memory_limit: int | None = None,
    told: Told = lambda name, size: nullcontext(lambda done: None),
) -> Trained:
    """Learn a prior of at most `size` bytes, with a text of at most `text_size` unpacked.

    Raises ValueError, LimitError, EngineError.
    """
    check_level(level, memory_limit, models=2)
    divided_samples = divided(samples)
    read = sum(map(len, divided_samples.learned))
    size = min(size, max(read // SHARE, LEAST))
    with told("choosing a text", 0):
        longest = min(text_size, LONGEST_TEXT, read)
        whole = _fitting_text(level, divided_samples.learned, longest, size)
    first = parts(level, NONE, b"")
    if len(first.pack()) > size:
        raise ValueError(f"nothing that is learned fits into {size:,} bytes: allow more")
    best = Best(Trial(level, divided_samples, threads, told), first)
    if whole:
        best.offer("with a text", parts(level, NONE, whole))
    folds = _folds(divided_samples.learned, best.found.text)
    if folds:
        _teach_network(best, divided_samples, folds, size, threads, told)
        _teach_mixer(best, folds, size, threads, told)
    return Trained(
        data=best.found.pack(),
        samples=len(divided_samples.learned),
        times=best.times,
        held_out=sum(map(len, divided_samples.held_out)),
        before=best.before,
        after=best.cost,
    )


class Best:
    """The best prior so far, by the bytes of held-out samples."""

    def __init__(self, trial: Trial, first: Parts) -> None:
        self._trial = trial
        self.found = first
        self.times = 0
        """How often samples have been read for it."""
        self.before = self.cost = trial.bytes_with("without a prior", first)

    def offer(self, name: str, found: Parts, times: int = 0) -> bool:
        """Take another, for which samples have been read so many times more, if it is better.
        Whether it is so much better that it is worth while to go on."""
        cost, least = self._trial.bytes_with(name, found), self.cost
        if cost < least:
            self.found, self.cost, self.times = found, cost, self.times + times
        return cost < least * (1 - GAIN)


def _teach_network(
    best: Best,
    samples: Samples,
    folds: Sequence[Fold],
    size: int,
    threads: int | None,
    told: Told,
) -> None:
    """If there is room for it, let the network learn from folds of samples, and, if they are
    several, from others the next times."""
    level, text = best.found.level, best.found.text
    if size - len(best.found.pack()) < ROOM:
        return
    with told("looking at samples", 0):
        held_out = _examples(level, [Fold(text, list(samples.held_out))], threads)
        learned = _examples(level, folds, threads)
    times = times_of(learned)
    teacher = Teacher(PRESETS[level], held_out, times, threads)
    for time in range(1, times + 1):
        with told(f"teaching the network, {time} of {times}", size_of(learned)) as progress:
            teacher.read(learned, progress)
        if time < times and len(folds) > 1:
            learned.clear()  # they are many bytes
            with told(f"looking at samples, {time + 1} of {times}", 0):
                folds = _folds(samples.learned, text, seed=time)
                learned = _examples(level, folds, threads)
    found = with_network(best.found, teacher.best, size)
    if found.differences.network:
        best.offer("held out, with the network", found, times)


def _teach_mixer(
    best: Best, folds: Sequence[Fold], size: int, threads: int | None, told: Told
) -> None:
    """Let the mixer learn, with the network that was found best, until that is worth little."""
    begins = best.found
    learner = Learner(begins.level, folds, begins.differences, threads)
    for time in range(1, PASSES + 1):
        with told(f"reading, {time} of {PASSES}", learner.size(time)) as progress:
            learned = learner.read_all(time, progress)
        found = with_mixer(begins, learned, size)
        if not best.offer(f"held out, after {time}", found, 1):
            break


def _folds(samples: Sequence[bytes], whole: bytes, seed: int = 0) -> list[Fold]:
    """Texts to learn behind, each with samples that are not in it (cross-validation, Stone 1974).

    If the text of the prior leaves too few, there are several, each without another part of them:
    which, is by chance.
    """
    read = sum(map(len, samples))
    if len(whole) <= TEXT_SHARE * read:
        found = [Fold(whole, _unread(samples, whole))]
    else:
        found, numbers = [], random.Random(seed).sample(range(len(samples)), len(samples))
        for part in range(FOLDS):
            others = [one for one, i in zip(samples, numbers, strict=True) if i % FOLDS != part]
            text = chosen_text(others, min(len(whole), int(TEXT_SHARE * read)))
            found.append(Fold(text, _unread(samples, text)))
    return [fold for fold in found if fold.samples]


def _unread(samples: Sequence[bytes], text: bytes) -> list[bytes]:
    """What samples hold that is not in the text, which took the beginnings of some."""
    rests = (sample[PIECE:] if sample[:PIECE] in text else sample for sample in samples)
    return [rest for rest in rests if rest]


def _fitting_text(level: int, samples: Sequence[bytes], longest: int, size: int) -> bytes:
    """A text that leaves room for what else is learned."""
    while longest:
        text = chosen_text(samples, longest)
        if len(parts(level, NONE, text).pack()) <= PACKED_SHARE * size:
            return text
        longest = longest * 7 // 8
    return b""


class Trial:
    """What held-out samples cost."""

    def __init__(self, level: int, samples: Samples, threads: int | None, told: Told) -> None:
        self._level, self._samples, self._threads = level, samples.held_out, threads
        self._told = told

    def bytes_with(self, name: str, prior: Parts) -> int:
        """Bytes of all archives, of one sample each."""
        room = max(map(len, self._samples))
        with self._told(name, sum(map(len, self._samples))) as progress:
            model = new_model(
                self._level, prior.text, room, prior=prior.differences, threads=self._threads
            )
            kept, total = Kept(model), 0
            for sample in self._samples:
                payload = kept.put_back().encode(sample)
                stored = min(len(payload), len(sample))
                total += stored + around(len(sample), stored)
                progress(len(sample))
        return total


def _examples(level: int, folds: Sequence[Fold], threads: int | None) -> list[Examples]:
    """What the network is shown of the samples of all folds, each behind its text."""
    together = _together(folds)
    learning = Learning(level, _room(folds, together), threads=threads)
    found: list[Examples] = []
    for fold in folds:
        learning.stand_behind(fold.text)
        for group in _groups(fold.samples, together):
            found += learning.look_at(group)
    return found


def _together(folds: Sequence[Fold]) -> int:
    """Bytes of samples that are read in a row."""
    return max(AT_LEAST, max(len(fold.text) for fold in folds) // OF_TEXT)


def _room(folds: Sequence[Fold], together: int) -> int:
    """Bytes of a text and what is read behind it, at most."""
    longest = max(len(fold.text) for fold in folds)
    return longest + together + max(len(one) for fold in folds for one in fold.samples)


class Learner:
    """Reads samples, and sums up what the mixer has learned."""

    def __init__(
        self, level: int, folds: Sequence[Fold], prior: Differences, threads: int | None
    ) -> None:
        self._together = _together(folds)
        self._learning = Learning(level, _room(folds, self._together), prior, threads)
        self._folds = folds
        self._read = 0

    def _fold(self, time: int) -> Fold:
        return self._folds[(time - 1) % len(self._folds)]

    def size(self, time: int) -> int:
        """Bytes of the samples that are read then; times are counted from 1."""
        return sum(map(len, self._fold(time).samples))

    def read_all(self, time: int, progress: Progress) -> Learned:
        """Read those of this time, in an order by chance."""
        fold = self._fold(time)
        self._learning.stand_behind(fold.text)
        order = list(fold.samples)
        random.Random(time).shuffle(order)
        groups = _groups(order, self._together)
        half = len(groups) // 2
        every = max((len(groups) - half) // MEANS, 1)
        means: dict[str, np.ndarray] = {}
        looks = 0
        for number, group in enumerate(groups):
            self._learning.read(group)
            self._read += sum(map(len, group))
            progress(sum(map(len, group)))
            if number >= half and (len(groups) - 1 - number) % every == 0:
                looks += 1
                for name, array in self._weights().items():
                    means[name] = means.get(name, 0) + array.astype(np.float64)
        model = self._learning.model
        assert model.bits is not None
        means = {name: total / looks for name, total in means.items()}
        return Learned(
            contexts=model.preset.contexts,
            sets=model.preset.sets,
            weights=means["weights"],
            final_weights=means["final weights"],
            first=self._learning.first,
            last=model.bits.mixer,
            read=self._read,
        )

    def _weights(self) -> dict[str, np.ndarray]:
        model = self._learning.model
        assert model.bits is not None
        mixer = model.bits.mixer
        return {"weights": mixer.weights, "final weights": mixer.final_weights}


def _groups(samples: Sequence[bytes], together: int) -> list[list[bytes]]:
    """Samples, as many in a row as it takes for so many bytes."""
    groups: list[list[bytes]] = [[]]
    for sample in samples:
        if sum(map(len, groups[-1])) >= together:
            groups.append([])
        groups[-1].append(sample)
    return groups
