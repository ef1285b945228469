"""Stretch and squash: tables that are inverse to each other."""

from __future__ import annotations

import numpy as np

from lmzip.codec.mixer.logistic import FARTHEST, squash_table, stretch_table


def test_stretch_is_the_inverse_of_squash():
    squash, stretch = squash_table().astype(np.int64), stretch_table().astype(np.int64)
    assert squash[0] > 0 and squash[-1] < 1 << 22
    assert (np.diff(squash) >= 0).all() and (np.diff(stretch) >= 0).all()
    middle = np.abs(np.arange(-2000, 2001))
    back = stretch[squash[np.arange(-2000, 2001) + FARTHEST + 1] >> 6]
    assert np.abs(back - np.arange(-2000, 2001))[middle < 1000].max() <= 1
