"""What exact arithmetic costs the network: `PYTHONPATH=. exact_network.py LEVEL FILE...`.

Bits per byte of a text by the float network and by the codec's, both frozen, with the level's
learned weights and the same positions in sight.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from ablation import cost, transformer_frequencies

from lmzip.codec.levels import PRESETS, Preset
from lmzip.codec.transformer.weights import initial_weights
from training.corpus import UNKNOWN, Batch, Reader, empty_batch
from training.network import Network

MOST = 200_000
AT_ONCE = 16
"""Segments."""


@torch.no_grad()
def float_bits(preset: Preset, weights: dict[str, np.ndarray], text: np.ndarray) -> float:
    """Bits of a text, uint8 [n], by the float network: each segment with the window before it."""
    segment = preset.segment
    network, reader = Network(preset, weights), Reader(preset, len(text))
    reader.open(text)
    whole = empty_batch(preset, 1, len(text))
    reader.read_into(whole, 0)
    nats = 0.0
    for window, starts in _alike(len(text), preset):
        for i in range(0, len(starts), AT_ONCE):
            rows = [slice(start - window, start + segment) for start in starts[i : i + AT_ONCE]]
            batch = Batch(
                **{k: np.concatenate([v[:, r] for r in rows]) for k, v in vars(whole).items()}
            )
            batch.next_bytes[:, :window] = UNKNOWN
            nats += network.loss(batch).item() * np.count_nonzero(batch.next_bytes != UNKNOWN)
    return nats / math.log(2)


def _alike(size: int, preset: Preset) -> list[tuple[int, list[int]]]:
    """Segments by what they see before them and by their size, as batches are rectangles."""
    groups: dict[tuple[int, int], list[int]] = {}
    for start in range(0, size, preset.segment):
        key = min(start, preset.window), min(preset.segment, size - start)
        groups.setdefault(key, []).append(start)
    return [(window, starts) for (window, _), starts in groups.items()]


def main(level: int, files: list[str]) -> None:
    preset = PRESETS[level]
    weights = initial_weights(preset)
    print("| file | float | exact | |\n|---|---:|---:|---:|")
    for file in files:
        text = np.frombuffer(Path(file).read_bytes()[:MOST], dtype=np.uint8)
        ours = float_bits(preset, weights, text)
        exact = 8 * cost(text, transformer_frequencies(text, preset, learning=False))
        name, n = Path(file).name, len(text)
        print(f"| {name} | {ours / n:.4f} | {exact / n:.4f} | {exact / ours - 1:+.2%} |")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
