"""Least squares in integers: against NumPy's, and what they come to."""

from __future__ import annotations

import numpy as np
import pytest
from laid_out import empty, pass_bytes, resonance
from make_golden import image

from lmzip.codec.entry import entry
from lmzip.codec.memory import contexts
from lmzip.codec.memory.sample_prediction import ONE, PLANES, decompose, root, solve
from lmzip.codec.memory.tables import NEIGHBOURS, PREDICTED, STEP


@entry
def least_squares(covariances, factor, weights):
    decompose(covariances, factor)
    solve(factor, weights)


def solved(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What the kernels make of samples x, int64 [N, 32], and y, int64 [N]."""
    both = np.column_stack([x, y])
    factor, weights = np.zeros((33, 33), np.int64), np.zeros(32, np.int64)
    least_squares(np.tril(both.T @ both) << 6, factor, weights)
    assert abs(factor).max() <= ONE
    return weights / 65536


@pytest.mark.parametrize("size", [3, 100, 30000])
def test_the_weights_are_those_of_the_least_squares(size):
    dice = np.random.default_rng(size)
    x = dice.integers(-size, size + 1, (500, NEIGHBOURS))
    y = x @ dice.integers(-3, 4, NEIGHBOURS) // 3 + dice.integers(-size, size + 1, 500)
    expected = np.linalg.lstsq(x, y, rcond=None)[0]
    assert np.allclose(solved(x, y), expected, atol=2e-4)


def test_neighbours_that_are_alike_share_a_weight():
    dice = np.random.default_rng(1)
    x = dice.integers(-900, 901, (300, NEIGHBOURS))
    x[:, 7] = x[:, 3]
    weights = solved(x, 2 * x[:, 3])
    assert weights[3] == pytest.approx(1, abs=0.01) and weights[7] == pytest.approx(1, abs=0.01)


def test_of_nothing_nothing_is_made():
    nothing = np.zeros((50, NEIGHBOURS), np.int64)
    assert not solved(nothing, nothing[:, 0]).any()


@pytest.mark.parametrize("x", [0, 1, 2, 3, 4, (1 << 60) - 1, 1 << 60, (1 << 30) ** 2 - 1])
def test_the_root_is_rounded_down(x):
    r = int(root(np.int64(x)))
    assert r * r <= x < (r + 1) * (r + 1)


def test_no_neighbour_is_twice_there():
    for plane in PLANES.tolist():
        assert len({tuple(place) for place in plane}) == NEIGHBOURS


def missed(data: bytes, first: int, simple) -> tuple[float, float]:
    """By how much the prediction of each byte from `first` on, and `simple`(i), miss it."""
    memory, found = empty(), []
    pass_bytes(memory, np.frombuffer(data[:first], np.uint8).copy())
    assert memory.at[STEP] == 1
    for i in range(first, len(data)):
        found.append((abs(memory.at[PREDICTED] / 16 - data[i]), abs(simple(i) - data[i])))
        contexts.pass_byte(memory, data[i])
    return tuple(np.mean(found, axis=0))


def test_of_noise_it_makes_less_than_the_plane_through_the_neighbours():
    data = image(70, 90, channels=1)
    mine, plane = missed(data, 4200, lambda i: int(data[i - 1]) + data[i - 70] - data[i - 71])
    assert mine < 0.8 * plane


def test_of_sound_it_makes_less_than_the_line_through_two_samples():
    data = resonance(5200)
    mine, line = missed(data, 4200, lambda i: 2 * data[i - 1] - data[i - 2])
    assert mine < 0.85 * line
