"""What bytes weigh, by the sample that is predicted and by how much others missed theirs."""

from __future__ import annotations

import numpy as np
import pytest
from laid_out import empty

from lmzip.codec.entry import entry
from lmzip.codec.memory import sample_distribution
from lmzip.codec.memory.sample_distribution import chance_of_one, density, expect_byte
from lmzip.codec.memory.sample_grid import BIG, BYTE, LITTLE
from lmzip.codec.memory.tables import LAST4, POSITION, PREDICTED, SAMPLE, STEP


@entry
def fill(memory):
    expect_byte(memory)


def shares(kind: int, predicted: float, error: float, first: int | None = None) -> np.ndarray:
    """float64 [256]: of the next byte, the second one if the first is given."""
    memory = empty()
    memory.at[STEP], memory.at[SAMPLE] = (1 if kind == BYTE else 2), kind
    memory.at[POSITION] = 100 if first is None else 101
    memory.at[LAST4] = first or 0
    memory.at[PREDICTED] = round(16 * predicted)
    memory.errors[:] = round(4096 * error)
    fill(memory)
    weights = np.diff(memory.sums[0])
    assert (weights > 0).all() and (memory.sums[0] == memory.sums[1]).all()
    return weights / weights.sum()


def logistic(middle: float, error: float) -> np.ndarray:
    """float64 [65536]: a share for each sample of two bytes."""
    width = error * 23 / 32
    with np.errstate(over="ignore"):
        below = 1 / (1 + np.exp(-(np.arange(65537) - 0.5 - middle) / width))
    return np.diff(below)


def test_a_byte_is_expected_where_it_is_predicted():
    found = shares(BYTE, 100.5, 3)
    assert found[100] == found[101] == found.max() > 0.1
    assert found[90:111].sum() > 0.95


@pytest.mark.parametrize("error", [2, 40, 300, 3000])
@pytest.mark.parametrize("middle", [40000.3, 32768, 500])
def test_both_bytes_together_are_a_logistic_distribution(middle, error):
    """Samples cut in bytes, in either order, cost nearly as many bits as by its formula."""
    expected = logistic(middle, error)
    x = np.arange(65536)
    likely = x[expected > expected.max() / 50]
    for kind in (LITTLE, BIG):
        begun, bits = shares(kind, middle, error), 0.0
        for sample in np.unique(likely[:: max(len(likely) // 40, 1)]):
            stored = int(sample) ^ 0x8000
            first, second = (
                (stored & 255, stored >> 8) if kind == LITTLE else (stored >> 8, stored & 255)
            )
            share = begun[first] * shares(kind, middle, error, first)[second]
            bits = max(bits, abs(np.log2(share / expected[sample])))
        assert bits < 1


def test_what_the_next_bit_will_be_is_a_sum():
    sums = np.concatenate([[0], np.cumsum(np.arange(1, 257))])
    ones, whole = sum(range(129, 257)), sum(range(1, 257))
    assert chance_of_one(sums, 1, 8) == ones * 65536 // whole
    # The bits 1010 are known: 161 to 176, counted from 1.
    assert chance_of_one(sums, 0b11010, 4) == sum(range(169, 177)) * 65536 // sum(range(161, 177))


def test_density_is_that_of_the_logistic_distribution():
    narrow = (32 << 20) // 160
    for away in (0, 160, -160, 480):
        z = abs(away) / 160
        exact = 4 * np.exp(-z) / (1 + np.exp(-z)) ** 2
        assert density(away, narrow) / 65536 == pytest.approx(exact, rel=0.04)
    assert sample_distribution.DENSITY[0] == 1 << 16
