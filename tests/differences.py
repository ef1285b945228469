"""Differences of a network by chance, as the file of a prior has them: everywhere the same."""

from __future__ import annotations

import numpy as np

from lmzip.codec.learned.weights_file import pack_codes
from lmzip.codec.levels import Preset
from lmzip.codec.transformer.weights import factor_shapes


def differences(
    preset: Preset, size: float = 2.0**-7, rank: int = 3, largest: int = 7
) -> tuple[dict[str, np.ndarray], bytes]:
    """Factors of all tensors, float32, codes up to `largest` times `size`; and their file."""
    random = np.random.default_rng(1)
    factors, codes = {}, []
    for name, shape in factor_shapes(preset, rank).items():
        rows = random.integers(-largest, largest + 1, (int(np.prod(shape[:-1])), shape[-1]))
        codes.append((largest, rows, np.full(len(rows), size, np.float16)))
        factors[name] = (rows * size).astype(np.float32).reshape(shape)
    return factors, bytes([rank]) + pack_codes(codes)
