"""A network of twice the layers that predicts what the one before did.

Depth is grown as in Chen, Goodfellow and Shlens 2016 (Net2Net) and Gong et al. 2019 (stacking):
behind each layer stands one that begins with its matrices, except those that write to the residual
stream, which begin with zeros: it has what is worth looking at, and adds nothing yet.
"""

from __future__ import annotations

import numpy as np

from lmzip.codec.levels import Preset
from training.network import is_layer

WRITING = "out", "down"
"""Matrices of a layer whose products are added to the residual stream."""


def layer_count(weights: dict[str, np.ndarray]) -> int:
    """Layers of a network, by the names of its tensors."""
    return sum(name.endswith(".qkv") for name in weights)


def grown(weights: dict[str, np.ndarray], preset: Preset) -> dict[str, np.ndarray]:
    """Weights of a network with the layers of `preset`, once or twice as many as these have.

    Raises ValueError for any other number.
    """
    layers = layer_count(weights)
    if preset.layers == layers:
        return weights
    if preset.layers != 2 * layers:
        raise ValueError(f"{layers} layers do not become {preset.layers}: as many, or twice, do")
    result = {}
    for name, tensor in weights.items():
        if not is_layer(name):
            result[name] = tensor
            continue
        number, part = name.split(".")
        result[f"{2 * int(number)}.{part}"] = tensor
        again = np.zeros_like(tensor) if part in WRITING else tensor
        result[f"{2 * int(number) + 1}.{part}"] = again
    return result
