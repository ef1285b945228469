"""The transformer learns from samples, as a whole, before anything else is learned behind it.

Changes of low rank are learned by Adam (Kingma and Ba 2015) on stretches of samples in an order by
chance, and those are kept with which held-out samples take the fewest bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

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
"""Rate of learning at its height, after so many steps; then it falls, linearly, to 0."""
BETA1, BETA2, EPSILON = 0.9, 0.98, 1e-8
"""Of Adam."""
READ, PASSES = 2_500_000, 8
"""Bytes that are read in all, about, and times that they are read at most, at least once: samples
of fewer bytes are learned from faster than they are understood."""


def times_of(examples: list[Examples]) -> int:
    """How often examples are read."""
    return max(1, min(PASSES, round(READ / max(_size(examples), 1))))


def tuned(
    preset: Preset,
    learned: list[Examples],
    held_out: list[Examples],
    progress: Callable[[int], object] = lambda done: None,
    threads: int | None = None,
) -> Factors:
    """The changes with which examples that are held out take the fewest bits; those are none before
    anything was learned. progress is told of bytes read, `times_of(learned)` times all."""
    # Threads within products would wait for each other, and long where others have a processor.
    with ThreadPoolExecutor(threads or processors()) as pool, threadpool_limits(1):
        return _tuned(Network(preset, pool.map), learned, held_out, progress)


def _tuned(
    network: Network,
    learned: list[Examples],
    held_out: list[Examples],
    progress: Callable[[int], object],
) -> Factors:
    length = 2 * network.preset.segment
    texts, judges = joined(learned), joined(held_out)
    stretches, judged = _stretches(learned, length), _stretches(held_out, length)
    times, random = times_of(learned), np.random.default_rng(1)
    steps = times * -(-len(stretches) // ROWS)
    factors = first_factors(network.preset, RANK)
    adam = _Adam(factors)
    best, least = _copied(factors), _bits(network, factors, judges, judged, length)
    for _ in range(times):
        order = stretches[random.permutation(len(stretches))]
        for rows in _batches(order):
            batch = texts.at(rows.reshape(-1))
            adam.step(network.gradients(factors, batch, length), _rate(adam.steps, steps))
            progress(int((rows >= 0).sum()))
        bits = _bits(network, factors, judges, judged, length)
        if bits < least:
            best, least = _copied(factors), bits
    return best


def _rate(step: int, steps: int) -> float:
    """Of a step, counted from 0."""
    return RATE * min(1.0, (step + 1) / WARM_UP) * (1 - step / steps)


def _copied(factors: Factors) -> Factors:
    return {name: (b.copy(), a.copy()) for name, (b, a) in factors.items()}


def _size(examples: list[Examples]) -> int:
    return sum(len(one.text) for one in examples)


def _stretches(examples: list[Examples], length: int) -> np.ndarray:
    """Where all are, cut into stretches, int64 [N, T]; -1 behind the end of one of them."""
    found, at = [], 0
    for one in examples:
        for start in range(0, len(one.text), length):
            places = np.arange(start, start + length)
            found.append(np.where(places < len(one.text), at + places, -1))
        at += len(one.text)
    return np.stack(found)


def _batches(stretches: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(stretches), ROWS):
        yield stretches[start : start + ROWS]


def _bits(
    network: Network, factors: Factors, examples: Examples, stretches: np.ndarray, length: int
) -> float:
    """Of examples, in these stretches."""
    batches = _batches(stretches)
    return sum(network.bits(factors, examples.at(rows.reshape(-1)), length) for rows in batches)


class _Adam:
    """It changes factors in their place."""

    def __init__(self, factors: Factors) -> None:
        self._arrays = [array for pair in factors.values() for array in pair]
        self._moments = [(np.zeros_like(array), np.zeros_like(array)) for array in self._arrays]
        self.steps = 0

    def step(self, gradients: Factors, rate: float) -> None:
        self.steps += 1
        flat = [array for pair in gradients.values() for array in pair]
        bias1, bias2 = 1 - BETA1**self.steps, 1 - BETA2**self.steps
        for array, (first, second), gradient in zip(self._arrays, self._moments, flat, strict=True):
            first += (1 - BETA1) * (gradient - first)
            second += (1 - BETA2) * (gradient * gradient - second)
            array -= rate / bias1 * first / (np.sqrt(second / bias2) + EPSILON)
