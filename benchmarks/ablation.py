"""What each part of the model is worth: `python benchmarks/ablation.py FILE...`, default level.

Payload bytes of the whole model, and of the model without one part. Nothing else is changed, but
that the mixer begins with its formula where what it was learned with is missing.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from lmzip.codec.coder import range_coder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.engine import make_engine
from lmzip.codec.levels import BLOCK_SIZE, DEFAULT_LEVEL, PRESETS, Preset
from lmzip.codec.memory.slots import SYMBOLS
from lmzip.codec.transformer.kernels.arithmetic import SUMS

UNIFORM = 1 << 16


def transformer_frequencies(
    data: np.ndarray, preset: Preset, gates: bool = True, learning: bool = True
) -> np.ndarray:
    """What the transformer gives the byte that came, and all others: int32 [N, 256].

    Without gates, those outputs of the head stay 0, so that every gate is 1.
    """
    engine = make_engine(preset, "cpu")
    engine.start_block()
    size = preset.segment
    freq = np.zeros((len(data), 256), dtype=np.int32)
    for number, start in enumerate(range(0, len(data), size)):
        engine.refresh()
        if not gates:
            head = engine.state.head
            head.codes[:, SYMBOLS // SUMS :], head.raised[:, SYMBOLS:] = 0, 0
        if learning and number > 0:
            engine.learn(number - 1, data[start - size : start])
        freq[start : start + size] = engine.predict(number, data[start : start + size])
    return freq


def cost(data: np.ndarray, freq: np.ndarray) -> int:
    """Bytes of the data by the transformer's own prediction."""
    return int(-np.log2(freq[np.arange(len(data)), data] / 2.0**24).sum() / 8)


def payload(
    data: np.ndarray, preset: Preset, freq: np.ndarray | None = None, match: bool = True
) -> int:
    """Bytes of the coded data; `freq` None: no transformer."""
    bits = empty_bits(preset, len(data))
    buffer, coder = np.zeros(3 * len(data) + 64, dtype=np.uint8), range_coder.encoder_state()
    step = 4096 if match else 1
    symbols, uniform = data.copy(), np.full((step, 256), UNIFORM, dtype=np.int32)
    for start in range(0, len(data), step):
        part = symbols[start : start + step]
        rows = uniform if freq is None else freq[start : start + step]
        if not match:
            bits.memory.match_at[:] = 0
        code_bytes(bits, rows, part, coder, buffer, 0)
    return range_coder.finish(coder, buffer)


def main(files: list[str]) -> None:
    preset = PRESETS[DEFAULT_LEVEL]
    table: dict[str, list[int]] = {}
    for file in files:
        data = np.frombuffer(Path(file).read_bytes()[:BLOCK_SIZE], dtype=np.uint8)
        freq = transformer_frequencies(data, preset)
        ungated = transformer_frequencies(data, preset, gates=False)
        frozen = transformer_frequencies(data, preset, learning=False)
        plain = replace(preset, learned="")
        scratch = transformer_frequencies(data, plain)
        few, one = replace(plain, contexts=7, sets=15), replace(plain, contexts=1, sets=15)
        results = {
            "whole": payload(data, preset, freq),
            "without the transformer": payload(data, plain),
            "without gates (all 1)": payload(data, preset, ungated),
            "without learning on": payload(data, preset, frozen),
            "without learned weights": payload(data, plain, scratch),
            "without the learned last stage": payload(data, plain, freq),
            "without matches": payload(data, preset, freq, match=False),
            "orders 1 to 6 and the word only (7 contexts, 15 sets)": payload(data, few, freq),
            "order 1 only (1 context, 15 sets)": payload(data, one, freq),
            "one weight set": payload(data, replace(plain, sets=1), freq),
            "without the last stage: transformer and slots alone": cost(data, freq),
            "... without gates": cost(data, ungated),
            "... without learning on": cost(data, frozen),
            "... without learned weights": cost(data, scratch),
        }
        for name, size in results.items():
            table.setdefault(name, []).append(size)
    print("| | " + " | ".join(Path(file).name for file in files) + " |")
    print("|---|" + "---:|" * len(files))
    whole = table["whole"]
    for name, sizes in table.items():
        cells = [f"{size:,} ({size / all_:.3f})" for size, all_ in zip(sizes, whole, strict=True)]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
