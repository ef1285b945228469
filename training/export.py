"""Learned weights as a file of the codec, and weights from elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from lmzip.codec.learned import weights_file
from lmzip.codec.levels import Preset
from lmzip.codec.transformer.weights import tensor_shapes
from lmzip.generations import released
from lmzip.interface import path_of


def export(weights: dict[str, np.ndarray], preset: Preset) -> bytes:
    """The weights file of a level's tensors, float32."""
    return weights_file.pack({name: weights[name] for name in tensor_shapes(preset)})


def ship(name: str, data: bytes) -> Path:
    """Let the newest codec have this weights file in the place of that of the same name, which
    goes unless a generation that was released has it too."""
    files = weights_file.shipped()
    before = files.get(name)
    kept = {digest for one in released() for digest in one.learned_files().values()}
    if before is not None and before not in kept:
        path_of(name, before).unlink(missing_ok=True)
    files[name] = hashlib.sha256(data).hexdigest()
    path = path_of(name, files[name])
    path.write_bytes(data)
    told = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    weights_file.SHIPPED.write_text(told, encoding="ascii")
    return path


def stored_weights(path: Path, preset: Preset) -> dict[str, np.ndarray]:
    """Float32 weights of a file: a weights file of the codec, or the pilot's .npz."""
    if path.suffix == ".npz":
        return from_npz(path)
    return weights_file.unpack(path.read_bytes(), tensor_shapes(preset))


def from_npz(path: Path) -> dict[str, np.ndarray]:
    """Weights of the pilot, whose names are `qkv.0`, `emb` and `proj`."""
    names = {"emb": "embedding", "proj": "memory"}
    weights = {}
    with np.load(path) as stored:
        for name in stored:
            if name not in ("config", "seen"):
                other = names.get(name, ".".join(reversed(name.split("."))))
                weights[other] = stored[name].astype(np.float32)
    return weights
