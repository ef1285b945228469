"""The transformer learns from samples, as a whole, before anything else is learned behind it.

Changes of low rank are learned by Adam (Kingma and Ba 2015) on stretches of samples in an order by
chance, and those are kept with which held-out samples take the fewest bits. Each time it reads what
samples look like behind another text, as far as there are others: so it learns them less by heart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from lmzip.arrays import np
from lmzip.codec.levels import Preset
from lmzip.interface import processors
from lmzip.priors.network import Examples, Factors, Network, first_factors, joined

RANK = 16
"""Of what is added to a matrix."""
ROWS = 8
"""Stretches that are read for a step."""
RATE, WARM_UP = 3e-3, 30
"""Rate of learning, which rises over so many steps, and falls, linearly, to 0."""
BETA1, BETA2, EPSILON = 0.9, 0.98, 1e-8
"""Of Adam."""
READ, PASSES = 2_500_000, 8
"""Bytes that are read in all, about, and times that they are read at most, at least once: samples
of fewer bytes are learned from faster than they are understood."""


def times_of(examples: list[Examples]) -> int:
    """How often samples are to be read of which these are examples."""
    return max(1, min(PASSES, round(READ / max(size_of(examples), 1))))


def size_of(examples: list[Examples]) -> int:
    """Bytes that the network is asked for."""
    return sum(len(one.text) for one in examples)


class Teacher:
    """Lets a network learn from examples, so many times, and keeps what serves others best."""

    def __init__(
        self, preset: Preset, held_out: list[Examples], times: int, threads: int | None = None
    ) -> None:
        self._preset, self._times, self._threads = preset, times, threads
        self._length = 2 * preset.segment
        self._judges, self._judged = joined(held_out), _stretches(held_out, self._length)
        self._factors = first_factors(preset, RANK)
        self._adam = _Adam(self._factors)
        self._random = np.random.default_rng(1)
        self._read = 0
        self.best = _copied(self._factors)
        """Changes with which the examples held out take the fewest bits; none at first."""
        with self._network() as network:
            self._least = self._bits(network)

    @contextmanager
    def _network(self) -> Iterator[Network]:
        """The network, on threads of its own: those within products would wait for each other, and
        long where others have a processor."""
        with ThreadPoolExecutor(self._threads or processors()) as pool, threadpool_limits(1):
            yield Network(self._preset, pool.map)

    def read(
        self, examples: list[Examples], progress: Callable[[int], object] = lambda done: None
    ) -> None:
        """Learn from all of these, in an order by chance: one of the times. progress is told of
        bytes."""
        texts, stretches = joined(examples), _stretches(examples, self._length)
        order = stretches[self._random.permutation(len(stretches))]
        with self._network() as network:
            for start in range(0, len(order), ROWS):
                places = order[start : start + ROWS].reshape(-1)
                gradients = network.gradients(self._factors, texts.at(places), self._length)
                done = (self._read + start / len(order)) / self._times
                self._adam.step(gradients, RATE * (1 - done))
                progress(int((places >= 0).sum()))
            bits = self._bits(network)
        self._read += 1
        if bits < self._least:
            self.best, self._least = _copied(self._factors), bits

    def _bits(self, network: Network) -> float:
        """Of the examples held out."""
        batches = (self._judged[i : i + ROWS] for i in range(0, len(self._judged), ROWS))
        return sum(
            network.bits(self._factors, self._judges.at(places.reshape(-1)), self._length)
            for places in batches
        )


def _copied(factors: Factors) -> Factors:
    return {name: (b.copy(), a.copy()) for name, (b, a) in factors.items()}


def _stretches(examples: list[Examples], length: int) -> np.ndarray:
    """Where all are, cut into stretches, int64 [N, T]; -1 behind the end of one of them."""
    found, at = [], 0
    for one in examples:
        for start in range(0, len(one.text), length):
            places = np.arange(start, start + length)
            found.append(np.where(places < len(one.text), at + places, -1))
        at += len(one.text)
    return np.stack(found)


class _Adam:
    """It changes factors in their place."""

    def __init__(self, factors: Factors) -> None:
        self._arrays = [array for pair in factors.values() for array in pair]
        self._moments = [(np.zeros_like(array), np.zeros_like(array)) for array in self._arrays]
        self.steps = 0

    def step(self, gradients: Factors, rate: float) -> None:
        self.steps += 1
        rate *= min(1.0, self.steps / WARM_UP)
        flat = [array for pair in gradients.values() for array in pair]
        bias1, bias2 = 1 - BETA1**self.steps, 1 - BETA2**self.steps
        for array, (first, second), gradient in zip(self._arrays, self._moments, flat, strict=True):
            first += (1 - BETA1) * (gradient - first)
            second += (1 - BETA2) * (gradient * gradient - second)
            array -= rate / bias1 * first / (np.sqrt(second / bias2) + EPSILON)
