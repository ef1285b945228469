"""What the tensors begin with: a file, a formula, and what a prior adds."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import TINY
from differences import differences

from lmzip.codec.levels import PRESETS
from lmzip.codec.transformer.weights import FARTHEST, HIGHEST_RANK, initial_weights


@pytest.mark.parametrize("preset", [TINY, PRESETS[1]])
def test_a_prior_adds_a_product_of_two_factors_to_every_matrix(preset):
    factors, data = differences(preset)
    first, changed = initial_weights(preset), initial_weights(preset, data)
    assert list(changed) == list(first)
    for name, tensor in changed.items():
        assert (tensor.dtype, tensor.shape) == (np.float32, first[name].shape)
        if tensor.ndim == 1:
            expected = factors[name]
        else:  # of such codes every sum is exact
            expected = factors[f"{name}.outputs"].T @ factors[f"{name}.inputs"]
        assert (tensor == first[name] + expected).all()
        assert tensor.size == 0 or (tensor != first[name]).any()


def test_products_are_added_up_in_the_order_of_the_rank():
    """In float32, one after the other: the sum of all at once would be rounded otherwise."""
    factors, data = differences(TINY, size=0.1, rank=5)
    scale = np.float32(np.float16(0.1))
    name = "0.up"
    columns, rows = (
        np.rint(factors[f"{name}.{part}"] / np.float32(0.1)).astype(np.float32) * scale
        for part in ("outputs", "inputs")
    )
    expected = np.float32(0)
    for column, row in zip(columns, rows, strict=True):
        expected = expected + column[3] * row[5]
    first, changed = initial_weights(TINY)[name][3, 5], initial_weights(TINY, data)[name][3, 5]
    assert changed == first + expected


def test_no_prior_adds_more_than_numbers_can_hold():
    _, data = differences(TINY, FARTHEST / 16)
    with pytest.raises(ValueError, match="differs by more"):
        initial_weights(TINY, data)


@pytest.mark.parametrize("data", [b"\1", bytes(50), bytes([HIGHEST_RANK + 1]) + bytes(500)])
def test_what_is_no_file_of_differences_is_refused(data):
    with pytest.raises(ValueError):
        initial_weights(TINY, data)
