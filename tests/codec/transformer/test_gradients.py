"""The products over the positions of a segment are exact, by their definitions and as used."""

from __future__ import annotations

import numpy as np
import pytest

from lmzip.codec.transformer.kernels import gradients
from lmzip.codec.transformer.kernels.arithmetic import SUMS
from lmzip.codec.transformer.kernels.packing import split_signs
from lmzip.codec.transformer.kernels.products import pack_matrix

WORST = ["random", "signs", "lowest", "highest"]
SHAPES = [(4, 16), (16, 48), (36, 80), (128, 128)]


def operands(kind: str, positions: int, inputs: int, lowest: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes d [T, 16] and x [T, I] from `lowest` on, as int64."""
    generator = np.random.default_rng(positions + inputs)
    d, x = (positions, SUMS), (positions, inputs)
    if kind == "random":
        return generator.integers(-127, 128, d), generator.integers(lowest, 128, x)
    if kind == "signs":
        return 127 * generator.choice([-1, 1], d), generator.choice([lowest, 127], x)
    return np.full(d, -127 if kind == "lowest" else 127), np.full(x, 127)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", WORST)
def test_products_with_inputs_that_are_never_negative_are_exact(kind, shape):
    d, x = operands(kind, *shape, lowest=0)
    for product in (gradients.plain_unsigned, gradients.unsigned_gradient):
        y = np.full((SUMS, x.shape[1]), 7, dtype=np.int32)
        product(pack_matrix(d.T)[0], pack_matrix(x.T), y)
        assert np.array_equal(y, d.T @ x)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", WORST)
def test_products_with_inputs_of_both_signs_are_exact(kind, shape):
    d, x = operands(kind, *shape, lowest=-127)
    below = -np.minimum(d, 0).sum(0, dtype=np.int32)
    size = pack_matrix(d.T)[0]
    sign = np.zeros_like(size)
    split_signs(size, sign)
    assert np.array_equal(size, pack_matrix(abs(d).T)[0])
    assert np.array_equal(sign, -(pack_matrix(d.T)[0] < 0).astype(np.int8))
    for product in (gradients.plain_signed, gradients.signed_gradient):
        y = np.full((SUMS, x.shape[1]), 7, dtype=np.int32)
        product(size, sign, below, pack_matrix(x.T), y)
        assert np.array_equal(y, d.T @ x)
    codes = pack_matrix(d.T)[0]
    y[:] = 7
    gradients.multiply(codes, np.zeros_like(codes), below, pack_matrix(x.T), y, True)
    assert np.array_equal(y, d.T @ x)


def test_the_self_test_notices_a_wrong_sum(monkeypatch):
    assert gradients.self_test(signed=False) and gradients.self_test(signed=True)

    def wrong(*operands):
        operands[-2][:] = 0

    monkeypatch.setattr(gradients, "multiply", wrong)
    assert not gradients.self_test(signed=False) and not gradients.self_test(signed=True)
