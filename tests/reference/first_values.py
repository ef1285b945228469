"""Sections 4, 4.2 and 6.8 of docs/FORMAT.md: what the model begins with."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path

import numpy as np

from reference.arithmetic import F32
from reference.constants import FINAL_ROWS, SET_ROWS, WORTH, Level
from reference.slots import KINDS

WIDEST = (1 << 19) - 1
"""The largest weight of the mixer."""
LMZIP = Path(__file__).parents[2] / "lmzip"
Shapes = tuple[tuple[str, tuple[int, ...]], ...]
"""Names of tensors, and their shapes."""


def first_values(level: Level) -> dict[str, np.ndarray]:
    """The tensors by name, float32: those of the level's file; without one, those from scratch."""
    if not level.network:
        return from_scratch(level)
    shapes = tuple((name, like.shape) for name, like in from_scratch(level).items())
    file = of_file(level.network, level.home, shapes, level.lanes)
    return {name: values.copy() for name, values in file.items()}


@cache
def of_file(file: str, home: str, shapes: Shapes, lanes: int) -> dict[str, np.ndarray]:
    """The tensors of a file, which all levels that have it share: read once in a process."""
    return learned(shipped(file, home), dict(shapes), lanes)


def shipped(name: str, home: str) -> bytes:
    """A file of learned weights (4.2) of a generation, found by its digest."""
    for line in (LMZIP / home / "learned/weights.txt").read_text().splitlines():
        digest, named = line.split()
        if named == name:
            return (LMZIP / f"weights/{name}-{digest[:8]}.weights").read_bytes()
    raise KeyError(name)


def learned(data: bytes, shapes: dict[str, tuple[int, ...]], lanes: int) -> dict[str, np.ndarray]:
    """The tensors of a file (4.2), which have these shapes."""
    names = ["embedding", "table"]
    names += [name for name in shapes if "." in name] + ["head"]
    names += ["memory"] if "memory" in shapes else []
    return stored(data, {name: shapes[name] for name in names}, lanes)


class Lane:
    """The decoder (7) of one of the payloads of a file (4.2)."""

    def __init__(self, payload: bytes) -> None:
        self.payload, self.place = payload, 7
        self.rest, self.width = int.from_bytes(payload[:7].ljust(7, b"\0"), "big"), 1 << 56

    def code(self, symbols: list[int], starts: list[int], freq: list[int]) -> int:
        """The number of the next code."""
        step = self.width >> 14
        code = symbols[min(self.rest // step, (1 << 14) - 1)]
        self.rest -= step * starts[code]
        self.width = step * freq[code]
        while self.width < 1 << 48:
            byte = self.payload[self.place] if self.place < len(self.payload) else 0
            self.rest, self.width, self.place = (
                self.rest << 8 | byte,
                self.width << 8,
                self.place + 1,
            )
        return code


def stored(
    data: bytes, shapes: dict[str, tuple[int, ...]], lane_count: int
) -> dict[str, np.ndarray]:
    """The tensors of a file (4.2), in their order, from so many payloads."""
    tables, at = [], 0
    for shape in shapes.values():
        size, rows = data[at], math.prod(shape[:-1])
        freq = np.frombuffer(data, "<u2", 2 * size + 1, at + 1)
        scales = np.frombuffer(data, "<f2", rows, at + 3 + 4 * size)
        at += 3 + 4 * size + 2 * rows
        tables.append((size, freq.tolist(), scales.astype(F32)))
    lengths = np.frombuffer(data, "<u4", lane_count - 1, at).tolist()
    at, lanes = at + 4 * len(lengths), []
    for length in (*lengths, len(data)):
        lanes.append(Lane(data[at : at + length]))
        at += length
    values = {}
    for (name, shape), (size, freq, scales) in zip(shapes.items(), tables, strict=True):
        symbols = [code for code, count in enumerate(freq) for _ in range(count)]
        starts = np.cumsum([0, *freq]).tolist()
        rows = np.zeros((len(scales), shape[-1]), F32)
        for number, row in enumerate(np.flatnonzero(scales)):
            lane = lanes[number % lane_count]
            codes = [lane.code(symbols, starts, freq) - size for _ in range(shape[-1])]
            rows[row] = np.array(codes, F32) * scales[row]
        values[name] = rows.reshape(shape)
    return values


def first_weights(level: Level) -> tuple[list[dict[int, np.ndarray]], list[dict[int, np.ndarray]]]:
    """Of each set, and of each final mixer, row -> weights, from the level's file (6.8)."""
    data = shipped(level.mixer, level.home)
    lists, at = [], 0
    for _ in range(2):
        count = int.from_bytes(data[at : at + 2], "little")
        lists.append(np.frombuffer(data, "<u2", count, at + 2).tolist())
        at += 2 + 2 * count
    rows = SET_ROWS[: level.sets], FINAL_ROWS[: level.sets + 1]
    columns = 3 * level.contexts + 17, level.sets + 4
    shapes = {f"all {i}": (len(rows[i]), columns[i]) for i in (0, 1)}
    shapes |= {f"more {i}": (len(lists[i]), columns[i]) for i in (0, 1)}
    tensors, result = stored(data[at:], shapes, level.lanes), []
    for i in (0, 1):
        more = dict(zip(lists[i], tensors[f"more {i}"], strict=True))
        weights, number = [], 0
        for like, count in zip(tensors[f"all {i}"], rows[i], strict=True):
            nothing = np.zeros(columns[i], F32)
            values = (np.rint(like + more.get(number + row, nothing)) for row in range(count))
            weights.append({r: v.clip(-WIDEST, WIDEST).astype(int) for r, v in enumerate(values)})
            number += count
        result.append(weights)
    return result[0], result[1]


def from_scratch(level: Level) -> dict[str, np.ndarray]:
    """The tensors before anything was learned."""
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
        values[f"{layer}.out"] = np.zeros((d, d), F32)
        values[f"{layer}.up"] = uniform(f"{layer}.up", 4 * d, d) * spread
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
