"""Stretch and squash: tables that are inverse to each other."""

from __future__ import annotations

import numpy as np

from lmzip.codec.mixer.logistic import FARTHEST, divided, squash_table, stretch_table


def test_products_divide_as_division_does():
    for d in range(1, 64):
        near = np.arange(-3, 4)
        for x in (
            *range(-300, 300),
            *(d * 9999 + near),
            *(-d * 9999 + near),
            *((1 << 26) - near[4:]),
        ):
            assert divided(np.int64(x), np.int64(d)) == int(x) // d, (x, d)


def test_stretch_is_the_inverse_of_squash():
    squash, stretch = squash_table().astype(np.int64), stretch_table().astype(np.int64)
    assert squash[0] > 0 and squash[-1] < 1 << 22
    assert (np.diff(squash) >= 0).all() and (np.diff(stretch) >= 0).all()
    middle = np.abs(np.arange(-2000, 2001))
    back = stretch[squash[np.arange(-2000, 2001) + FARTHEST + 1] >> 6]
    assert np.abs(back - np.arange(-2000, 2001))[middle < 1000].max() <= 1
