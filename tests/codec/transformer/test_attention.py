"""Attention weights are those of the table, whatever computes them; a matrix is coarse or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lmzip.codec.levels import PRESETS
from lmzip.codec.transformer.kernels import attention, state
from lmzip.codec.transformer.softmax import ATTENTION_WEIGHTS

STEPS, F = attention.STEPS, np.float32


@pytest.mark.parametrize("count", [32, 96, 384])
@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0, 30.0, 1e6])
def test_attention_weights_are_those_of_the_table(count, spread):
    scores = np.random.default_rng(count).normal(0, spread, count).astype(F)
    scores[-5:] = attention.UNSEEN
    codes = np.minimum(np.rint((scores.max() - scores) * STEPS), F(255)).astype(np.int64)
    for weigh in (attention.plain_weights, attention.attention_weights):
        weights = np.full(count, 7, dtype=np.int8)
        assert weigh(scores, weights) == ATTENTION_WEIGHTS[codes].sum()
        assert np.array_equal(weights, ATTENTION_WEIGHTS[codes])


def test_the_self_test_notices_weights_that_are_wrong(monkeypatch):
    assert attention.self_test()
    monkeypatch.setattr(attention, "weigh_scores", lambda scores, weights, totals: None)
    assert not attention.self_test()


def test_matrices_that_do_not_learn_are_coarse_and_mean_the_same():
    preset = PRESETS[5]
    used, _ = state.first_state(preset)
    learning = preset.layers - preset.learning
    for linear, frozen in (
        (used.qkv, 6),
        (used.out, 6),
        (used.up, learning),
        (used.down, learning),
    ):
        assert list(linear.coarse) == [1] * frozen + [0] * (preset.layers - frozen)
        assert (abs(linear.codes[:frozen]) <= 15).all()
    assert list(used.memory.coarse) == [1]
    assert list(used.head.coarse) == [0]
    kept = [len(linear.x) for linear in (used.qkv, used.out, used.memory, used.up, used.head)]
    assert kept == [1, 1, 1, preset.learning + 1, 2], "inputs are kept for learning only"
    assert len(used.hidden) == preset.learning + 1
    fine, _ = state.first_state(replace(preset, learning=preset.layers))
    for coarse, whole in ((used.up, fine.up), (used.down, fine.down)):
        assert not whole.coarse.any()
        assert np.array_equal(4 * coarse.codes[:learning], whole.codes[:learning])
        assert np.array_equal(4 * coarse.raised[:learning], whole.raised[:learning])
        assert np.array_equal(coarse.scale[:learning], 4 * whole.scale[:learning])


def test_matrices_whose_codes_are_fine_stay_so():
    used, _ = state.first_state(replace(PRESETS[1], learned=""))
    assert list(used.qkv.coarse) == [0]
    assert (abs(used.qkv.codes) > 15).any()
