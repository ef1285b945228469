"""Section 4 of docs/FORMAT.md: the values of the learned tensors before anything was learned."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np

from reference.arithmetic import F32
from reference.constants import WORTH, Level
from reference.slots import KINDS


def first_values(level: Level) -> dict[str, np.ndarray]:
    """The tensors by name, float32."""
    d, kinds = level.width, KINDS if level.slots else 0
    rows, outputs = (1025 + 144 * kinds, 272) if kinds else (768, 256)
    values = {"embedding": uniform("embedding", rows, d), "table": worth(kinds)}
    values["embedding"][256:512] *= F32(1 / 2)
    values["embedding"][512:768] *= F32(1 / 4)
    values["embedding"][768:] *= F32(1 / 8)
    if kinds:
        values["memory"] = np.zeros((d, 256), F32)
    for layer in range(level.layers):
        spread = F32(math.sqrt(3 / d))
        values[f"{layer}.qkv"] = uniform(f"{layer}.qkv", 3 * d, d) * spread
        values[f"{layer}.up"] = uniform(f"{layer}.up", 4 * d, d) * spread
        values[f"{layer}.out"] = np.zeros((d, d), F32)
        values[f"{layer}.down"] = np.zeros((d, 4 * d), F32)
    values["head"] = np.zeros((outputs, d), F32)
    return values


def worth(kinds: int) -> np.ndarray:
    """The table of the slots."""
    with localcontext() as context:
        context.prec = 40
        values = [float(Decimal("0.35") * Decimal(1 + n).ln()) for n in WORTH]
    return np.tile(np.repeat(np.array(values, F32), 12), kinds)


def uniform(name: str, *shape: int) -> np.ndarray:
    """The hashed uniform values of a tensor."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & (1 << 64) - 1
    # NumPy's products and sums of whole arrays are modulo 2^64, as they should be.
    z = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = z + np.uint64(seed)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z = z ^ z >> np.uint64(31)
    centred = (z >> np.uint64(40)).astype(np.int64) - (1 << 23)
    return (centred * 2.0**-23).astype(F32).reshape(shape)
