"""Heads are turned, and their keys scored, as plain loops do it."""

from __future__ import annotations

import numpy as np
import pytest

from lmzip.codec.transformer.kernels import heads
from lmzip.codec.transformer.kernels.products import pack

F = np.float32


def floats(*shape: int) -> np.ndarray:
    """Of many sizes, and zeros."""
    generator = np.random.default_rng(sum(shape))
    return (generator.normal(0, 1, shape) * 10.0 ** generator.integers(-9, 9, shape[0])[:, None] *
            generator.integers(0, 2, shape)).astype(F)  # fmt: skip


def codes(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-127, 128, shape).astype(np.int8)


@pytest.mark.parametrize("channels", [16, 32, 64])
@pytest.mark.parametrize("turn", [heads.plain_turn, heads.turn_head])
def test_queries_and_keys_are_turned_and_quantised(turn, channels):
    half = channels // 2
    turns = np.random.default_rng(channels).uniform(-1, 1, (2, half)).astype(F)
    turned, got = np.zeros(channels, F), np.zeros(channels, np.int8)
    for x in floats(50, channels):
        a, b = x[:half], x[half:]
        y = np.concatenate([a * turns[0] - b * turns[1], b * turns[0] + a * turns[1]])
        top = max(abs(y).max(), F(1e-30))
        assert turn(x, turns, turned, got) == top / F(127)
        assert np.array_equal(got, np.rint(y * (F(127) / top)))


@pytest.mark.parametrize("channels", [16, 32])
@pytest.mark.parametrize("place", [heads.plain_place, heads.place_value])
def test_a_value_takes_the_place_of_one_of_four(place, channels):
    for number, x in enumerate(floats(40, channels)):
        values = codes(channels, 4)
        expected = values.copy()
        expected[:, number % 4] = np.clip(np.rint(x * F(8)), -127, 127)
        place(x, number % 4, values)
        assert np.array_equal(values, expected)


def test_a_key_is_put_where_products_look_for_it():
    keys = np.zeros((8, 16, 4), np.int8)
    rows = codes(16, 32)
    for at, row in enumerate(rows):
        heads.place_key(row, at, keys)
    assert np.array_equal(keys, pack(rows))


@pytest.mark.parametrize("count", [16, 48, 64, 112, 128])
@pytest.mark.parametrize("score", [heads.plain_scores, heads.score])
def test_scores_are_products_times_both_scales(score, count):
    q, keys = codes(32), codes(128, 32)
    k_scale = np.random.default_rng(2).uniform(0, 1, 128).astype(F)
    y, scores = np.zeros(count, np.int32), np.full(128, 7, F)
    score(q, F(0.3), pack(keys), k_scale, y, scores[:count])
    sums = (keys.astype(np.int32) @ q.astype(np.int32)).astype(F)
    assert np.array_equal(scores[:count], (sums * F(0.3) * k_scale)[:count])
    assert (scores[count:] == 7).all()


@pytest.mark.parametrize("missing", ["turn_rows", "place_rows", "score_rows"])
def test_the_self_test_notices_what_is_wrong(missing, monkeypatch):
    assert heads.self_test()
    monkeypatch.setattr(heads, missing, lambda *arguments: None)
    assert not heads.self_test()
