"""The learned tensors: their shapes and their one initialisation."""

from __future__ import annotations

import math

import numpy as np

from lmzip.codec.presets import Preset
from lmzip.codec.tables import hashed_uniform

SYMBOLS = 256
HISTORY = 3
"""Preceding bytes that are embedded, each with a table of its own."""


def matrix_shapes(preset: Preset) -> dict[str, tuple[int, int]]:
    """Name -> (outputs, inputs) of every matrix."""
    d = preset.width
    shapes = {}
    for layer in range(preset.layers):
        shapes[f"{layer}.qkv"] = (3 * d, d)
        shapes[f"{layer}.out"] = (d, d)
        shapes[f"{layer}.up"] = (4 * d, d)
        shapes[f"{layer}.down"] = (d, 4 * d)
    shapes["head"] = (SYMBOLS, d)
    return shapes


def initial_weights(preset: Preset) -> dict[str, np.ndarray]:
    """All learned tensors at the start, float32.

    | tensor                         | shape       | initial value                            |
    |--------------------------------|-------------|------------------------------------------|
    | `embedding`                    | [3, 256, d] | hashed uniform in [-1, 1) / 2^back |
    | `{layer}.qkv`, `.up`           | [out, in]   | hashed uniform, times sqrt(3 / in)       |
    | `{layer}.out`, `.down`, `head` | [out, in]   | 0                                        |
    | `{layer}.bias`                 | [H, W]      | -distance * 2^-(4 + head)                |
    """
    embedding = hashed_uniform("embedding", (HISTORY, SYMBOLS, preset.width))
    for back in range(HISTORY):
        embedding[back] *= np.float32(2.0**-back)
    weights = {"embedding": embedding}
    for name, shape in matrix_shapes(preset).items():
        if name.endswith((".qkv", ".up")):
            weights[name] = hashed_uniform(name, shape) * np.float32(math.sqrt(3 / shape[1]))
        else:
            weights[name] = np.zeros(shape, dtype=np.float32)
    distance = np.arange(preset.window, dtype=np.float32)
    slopes = np.array([2.0 ** -(4 + head) for head in range(preset.heads)], dtype=np.float32)
    for layer in range(preset.layers):
        weights[f"{layer}.bias"] = -(slopes[:, None] * distance)
    return weights
