"""What the blocks around say of a coefficient."""

from __future__ import annotations

import numpy as np
import pytest

from lmzip.codec.jpeg.neighbours import edge_along, halves, octaves, rounded


@pytest.mark.parametrize(
    ("number", "digits", "steps"),
    [(0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 2, 3), (4, 3, 4), (6, 3, 5), (8, 4, 6), (32767, 15, 29)],
)
def test_numbers_in_few_steps(number, digits, steps):
    for sign in (1, -1):
        assert octaves(np.int64(sign * number)) == sign * digits
        assert halves(np.int64(sign * number)) == sign * steps


def test_quotients_are_rounded_to_the_nearest():
    assert [rounded(a, 4) for a in range(-6, 7)] == [-2, -1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 1, 2]


def test_a_picture_goes_on_at_an_edge():
    """A ramp from left to right: what one block ends with, the next one begins with."""
    x = np.arange(16)
    cosines = np.cos((2 * np.arange(8)[None] + 1) * np.arange(8)[:, None] * np.pi / 16)
    cosines[0] /= 2**0.5
    steps = np.full(64, 2)
    blocks = []
    for part in (x[:8], x[8:]):
        along = np.rint(cosines @ (100.0 * part) / 2 * 8**0.5 / 2)
        block = np.zeros(64, np.int16)
        block[:8] = along
        blocks.append(block)
    left, here = blocks
    told = edge_along(here, left, steps, np.int64(0), 1)
    assert abs(told / 4 - here[0]) < 0.1 * abs(int(here[0]) - int(left[0]))
    turned = [np.ascontiguousarray(block.reshape(8, 8).T).reshape(64) for block in blocks]
    assert edge_along(turned[1], turned[0], steps, np.int64(0), 8) == told
