"""What the tensors begin with: a file, a formula, and what a prior adds."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import TINY

from lmzip.codec.learned.weights_file import coded, pack_codes
from lmzip.codec.levels import PRESETS
from lmzip.codec.transformer.weights import FARTHEST, initial_weights, learned_names


def differences(preset, size: float = 0.01) -> tuple[dict[str, np.ndarray], bytes]:
    """Of all tensors that go on learning, each as one row, and their file."""
    random = np.random.default_rng(1)
    first = initial_weights(preset)
    rows = {
        name: random.normal(0, size, (1, first[name].size)).astype(np.float32)
        for name in learned_names(preset)
    }
    return rows, pack_codes([coded(row, 15) for row in rows.values()])


@pytest.mark.parametrize("preset", [TINY, PRESETS[1]])
def test_a_prior_adds_to_what_goes_on_learning_and_to_nothing_else(preset):
    rows, data = differences(preset)
    first, changed = initial_weights(preset), initial_weights(preset, data)
    assert list(changed) == list(first)
    for name, tensor in changed.items():
        assert (tensor.dtype, tensor.shape) == (np.float32, first[name].shape)
        if name in rows:
            more = rows[name].reshape(tensor.shape)
            assert np.abs(tensor - first[name] - more).max() < np.abs(more).max() / 15
        else:
            assert (tensor == first[name]).all()


def test_no_prior_adds_more_than_numbers_can_hold():
    _, data = differences(TINY, 2.0 * FARTHEST)
    with pytest.raises(ValueError, match="differs by more"):
        initial_weights(TINY, data)


@pytest.mark.parametrize("data", [b"\1", bytes(50)])
def test_what_is_no_file_of_differences_is_refused(data):
    with pytest.raises(ValueError):
        initial_weights(TINY, data)
