"""Codes lie where the products look for them, and columns are quantised as the reference does."""

from __future__ import annotations

import numpy as np
import pytest

from lmzip.codec.transformer.kernels import packing
from lmzip.codec.transformer.kernels.arithmetic import SUMS
from lmzip.codec.transformer.kernels.products import pack_matrix


def codes(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize("pack", [packing.plain_pack, packing.pack_rows])
@pytest.mark.parametrize("shape", [(4, 16), (8, 48), (36, 272)])
def test_rows_are_packed_as_the_transpose_of_a_matrix_is(pack, shape):
    x = codes(*shape)
    packed = np.zeros((shape[1] // SUMS, SUMS * shape[0]), dtype=np.int8)
    pack(x, 0, packed)
    assert np.array_equal(packed, pack_matrix(x.T))
    packed[:] = 0
    for first in range(0, shape[0], 4):
        pack(x[first : first + 4], first, packed)
    assert np.array_equal(packed, pack_matrix(x.T))


def test_a_matrix_is_placed_for_both_products():
    w = codes(48, 32)
    placed, back = np.zeros((3, 16 * 32), dtype=np.int8), np.zeros((2, 16 * 48), dtype=np.int8)
    for block in range(3):
        packing.place_rows(w[16 * block : 16 * block + 16].copy(), block, placed, back)
    assert np.array_equal(placed, pack_matrix(w))
    assert np.array_equal(back, pack_matrix(w.T))


def test_sums_are_those_of_rows_and_of_columns():
    rows = codes(16, 80)
    sums = np.arange(80, dtype=np.int32)
    packing.add_rows(rows, sums, -128)
    assert np.array_equal(sums, np.arange(80) - 128 * rows.sum(0, dtype=np.int64))
    assert [packing.total(row) for row in rows] == rows.sum(1, dtype=np.int64).tolist()


@pytest.mark.parametrize("columns", [16, 80])
def test_columns_are_quantised_like_the_rows_of_the_transpose(columns):
    generator = np.random.default_rng(columns)
    x = generator.standard_normal((12, columns)).astype(np.float32)
    x[:, 3] = 0
    factor = generator.random(12).astype(np.float32)
    top, scale = np.zeros((2, columns), dtype=np.float32)
    below = np.full(columns, 7, dtype=np.int32)
    four = np.zeros((4, columns), dtype=np.int8)
    packed = np.zeros((columns // SUMS, SUMS * 12), dtype=np.int8)
    packing.quantise_columns(x, factor, top, scale, below, four, packed)
    scaled = x * factor[:, None]
    peak = np.maximum(abs(scaled).max(0), np.float32(1e-30))
    expected = np.rint(scaled * (np.float32(127) / peak)).astype(np.int8)
    assert np.array_equal(scale, peak / np.float32(127))
    assert np.array_equal(packed, pack_matrix(expected.T))
    assert np.array_equal(below, -np.minimum(expected, 0).sum(0, dtype=np.int32))
