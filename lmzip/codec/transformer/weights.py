"""The learned tensors: their shapes and their one initialisation."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np

from ..learned.weights_file import read, unpack
from ..levels import Preset
from ..memory.slots import HISTORY, NO_CANDIDATE, STATES, SYMBOLS, kind_count

GATES = 16
"""Outputs of the head behind the logits, of which the first KINDS are used."""

FARTHEST = 16
"""The most that a prior may add to a weight: a hundred times what any learns. No number that is
computed then leaves what float32 holds."""
HIGHEST_RANK = 64
"""Of what a prior adds to a matrix."""


def output_count(preset: Preset) -> int:
    """Outputs of the head: logits, then gates."""
    return SYMBOLS + (GATES if preset.log_slots > 0 else 0)


def matrix_shapes(preset: Preset) -> dict[str, tuple[int, int]]:
    """Name -> (outputs, inputs) of every matrix."""
    d = preset.width
    shapes = {}
    for layer in range(preset.layers):
        shapes[f"{layer}.qkv"] = (3 * d, d)
        shapes[f"{layer}.out"] = (d, d)
        shapes[f"{layer}.up"] = (4 * d, d)
        shapes[f"{layer}.down"] = (d, 4 * d)
    shapes["head"] = (output_count(preset), d)
    if preset.log_slots > 0:
        shapes["memory"] = (d, SYMBOLS)
    return shapes


def learned_names(preset: Preset) -> list[str]:
    """The tensors that go on learning: table, head and the feed-forward of the last layers.

    The others are as good without: docs/experiments.md.
    """
    layers = range(preset.layers - preset.learning, preset.layers)
    names = [f"{layer}.{part}" for layer in layers for part in ("up", "down")]
    return [*names, "head", *(["table"] if preset.log_slots > 0 else [])]


def learning_rate(preset: Preset, name: str) -> np.float32:
    """Of a tensor that learns."""
    return np.float32(preset.rates[{"head": 1, "table": 2}.get(name, 0)])


def tensor_shapes(preset: Preset) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every learned tensor, in the order of a weights file."""
    kinds = kind_count(preset)
    rows = HISTORY * SYMBOLS + (NO_CANDIDATE + 1 + STATES * kinds if kinds else 0)
    shapes = {"embedding": (rows, preset.width), "table": (STATES * kinds,)}
    return shapes | matrix_shapes(preset)


def factor_shapes(preset: Preset, rank: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of what a file of differences holds, in its order: two factors of every matrix
    W, "W.outputs" and "W.inputs", whose product is added to it; what is added to the table."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in tensor_shapes(preset).items():
        if len(shape) == 1:
            shapes[name] = shape
        else:
            shapes[f"{name}.outputs"], shapes[f"{name}.inputs"] = ((rank, size) for size in shape)
    return shapes


def initial_weights(preset: Preset, differences: bytes = b"") -> dict[str, np.ndarray]:
    """All learned tensors at the start, float32: those of the level's file, or from scratch.

    differences: what a prior (`learned/prior.py`) adds: the rank, a byte, and a weights file of
    factors, see `factor_shapes`. Raises ValueError if it is no such file.
    """
    if preset.learned:
        weights = unpack(read(preset.learned), tensor_shapes(preset))
    else:
        weights = weights_from_scratch(preset)
    if differences:
        rank = differences[0]
        if rank > HIGHEST_RANK:
            raise ValueError(f"differences of rank {rank}")
        factors = unpack(differences[1:], factor_shapes(preset, rank))
        for name, tensor in weights.items():
            weights[name] = tensor + _difference(name, tensor, factors)
    return weights


def _difference(name: str, tensor: np.ndarray, factors: dict[str, np.ndarray]) -> np.ndarray:
    """What factors add to a tensor, float32. Raises ValueError if it is too much."""
    if name in factors:
        found = factors[name]
    else:
        found = np.zeros_like(tensor)
        outputs, inputs = factors[f"{name}.outputs"], factors[f"{name}.inputs"]
        # One product and one sum after the other, whose order is that of the rank.
        for column, row in zip(outputs, inputs, strict=True):
            found += column[:, None] * row
    if np.abs(found).max(initial=0) > FARTHEST:
        raise ValueError(f"{name} differs by more than {FARTHEST}")
    return found


def weights_from_scratch(preset: Preset) -> dict[str, np.ndarray]:
    """All learned tensors before anything was learned, float32.

    | tensor                         | shape         | initial value                          |
    |--------------------------------|---------------|----------------------------------------|
    | `embedding`                    | [rows, d]     | hashed uniform in [-1, 1), times       |
    |   last bytes                   |   256 each    |   2^-back                              |
    |   first candidates, none       |   257         |   1/8                                  |
    |   states of the slots          |   144 a kind  |   1/8                                  |
    | `{layer}.qkv`, `.up`           | [out, in]     | hashed uniform, times sqrt(3 / in)     |
    | `{layer}.out`, `.down`, `head` | [out, in]     | 0                                      |
    | `memory`                       | [d, 256]      | 0                                      |
    | `table`                        | [K * 144]     | 0.35 ln(1 + count), see `count_worth`  |
    """
    kinds = kind_count(preset)
    embedding = hashed_uniform("embedding", tensor_shapes(preset)["embedding"])
    for back in range(HISTORY):
        embedding[back * SYMBOLS : (back + 1) * SYMBOLS] *= np.float32(2.0**-back)
    embedding[HISTORY * SYMBOLS :] *= np.float32(2.0**-3)
    weights = {"embedding": embedding, "table": np.tile(count_worth(), kinds)}
    for name, shape in matrix_shapes(preset).items():
        if name.endswith((".qkv", ".up")):
            weights[name] = hashed_uniform(name, shape) * np.float32(math.sqrt(3 / shape[1]))
        else:
            weights[name] = np.zeros(shape, dtype=np.float32)
    return weights


def count_worth() -> np.ndarray:
    """What a candidate is worth at first, by class of its count: float32 [144], 12 of each.

    0.35 ln(1 + n) for a count n in the middle of the class, rounded to float32.
    """
    middle = (0, 1, 2, 3, 4, 5, 7, 10, 16, 30, 60, 120)
    with localcontext() as context:
        context.prec = 40
        worth = [float(Decimal("0.35") * Decimal(1 + n).ln()) for n in middle]
    return np.repeat(np.array(worth, dtype=np.float32), len(middle))


def hashed_uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Initial values: float32 multiples of 2^-23 in [-1, 1), from an integer hash.

    Element i of the tensor is the SplitMix64 output (Steele, Lea, Flood 2014) of counter i,
    seeded by the FNV-1a hash of the tensor's name; its top 24 bits, centred, are the value.
    """
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        golden = np.uint64(0x9E3779B97F4A7C15)
        z = np.uint64(seed) + golden * np.arange(1, count + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    centred = (z >> np.uint64(40)).astype(np.int64) - (1 << 23)
    return (centred.astype(np.float32) * np.float32(2.0**-23)).reshape(shape)
