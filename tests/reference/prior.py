"""Section 9 of docs/FORMAT.md: the file of a prior, and what it changes."""

from __future__ import annotations

import hashlib
import lzma
import math
from dataclasses import dataclass

import numpy as np

from reference.constants import Level
from reference.first_values import WIDEST, stored

MAGIC = b"\x8cLMP"


class NoPrior(ValueError):
    """The file breaks the format, or its checksum is wrong."""


@dataclass(frozen=True)
class Prior:
    """The parts of a file."""

    name: bytes
    """What archives name it by."""
    level: int
    code: bytes
    """What names the codec that it is for."""
    network: bytes
    mixer: bytes
    text: bytes


def read(data: bytes) -> Prior:
    """The prior in a file. Raises NoPrior."""
    digest = hashlib.sha256(data[:-32]).digest()
    if data[:5] != MAGIC + b"\2" or data[-32:] != digest:
        raise NoPrior("magic, version or SHA-256")
    sizes = [int.from_bytes(data[10 + 4 * i : 14 + 4 * i], "little") for i in range(4)]
    parts, at = [], 26
    for size in sizes[:3]:
        parts.append(data[at : at + size])
        at += size
    if at != len(data) - 32:
        raise NoPrior("sizes")
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    text = lzma.decompress(parts[2], lzma.FORMAT_RAW, filters=filters) if parts[2] else b""
    if len(text) != sizes[3]:
        raise NoPrior("size of the text")
    return Prior(digest[:4], data[5], data[6:10], *parts[:2], text)


def add_to_network(prior: Prior, level: Level, values: dict[str, np.ndarray]) -> None:
    """Let tensors begin with what they differ by."""
    if not prior.network:
        return
    if not level.factors:
        _add_rows(prior.network, level, values)
        return
    rank, shapes = prior.network[0], {}
    for name, tensor in values.items():
        if tensor.ndim == 1:
            shapes[name] = tensor.shape
        else:
            shapes[name, 0], shapes[name, 1] = ((rank, size) for size in tensor.shape)
    found = stored(prior.network[1:], shapes, level.lanes)
    for name, tensor in values.items():
        more = found.get(name, np.zeros_like(tensor))
        for k in range(rank if tensor.ndim == 2 else 0):
            more = more + found[name, 0][k][:, None] * found[name, 1][k]
        values[name] = tensor + more


def _add_rows(network: bytes, level: Level, values: dict[str, np.ndarray]) -> None:
    """Of earlier generations: to those that learn, each as one row."""
    layers = range(level.layers - level.learned, level.layers)
    names = [*(f"{layer}.{part}" for layer in layers for part in ("up", "down")), "head"]
    names += ["table"] if level.slots else []
    sizes = {name: (math.prod(values[name].shape),) for name in names}
    for name, more in stored(network, sizes, level.lanes).items():
        values[name] = values[name] + more.reshape(values[name].shape)


def add_to_mixer(prior: Prior, level: Level, sets: list[dict], finals: list[dict]) -> None:
    """Let rows of weights begin with what they differ by."""
    if not prior.mixer:
        return
    lists, data = [], prior.mixer
    for _ in range(2):
        count = int.from_bytes(data[:2], "little")
        lists.append(np.frombuffer(data, "<u2", count, 2).tolist())
        data = data[2 + 2 * count :]
    columns = 3 * level.contexts + 17, level.sets + 4
    shapes = {f"{i}": (len(lists[i]), columns[i]) for i in (0, 1)}
    tensors = stored(data, shapes, level.lanes)
    for i, mixers in enumerate((sets, finals)):
        places = [(mixer, row) for mixer in mixers for row in sorted(mixer)]
        for number, more in zip(lists[i], tensors[f"{i}"], strict=True):
            mixer, row = places[number]
            mixer[row] = (mixer[row] + np.rint(more).astype(int)).clip(-WIDEST, WIDEST)
