"""The compiled engine computes what the torch engine computes, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import noise, prose

from lmzip.codec.coder import range_coder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import HISTORY
from lmzip.codec.transformer.kernels.engine import CpuEngine
from lmzip.codec.transformer.reference.arithmetic import PRODUCTS
from lmzip.codec.transformer.reference.engine import TorchEngine

PRESET = Preset(
    width=32, layers=2, heads=2, window=24, streams=2, segment=32, contexts=8, sets=3,
    log_buckets=8, log_slots=7,
)  # fmt: skip


def segments(streams: int, count: int) -> list[np.ndarray]:
    """`count` segments of text and noise, each uint8 [B, 3 + T]."""
    length = count * PRESET.segment
    half = length // 2
    rows = [prose(half, seed) + noise(length - half, seed) for seed in range(streams)]
    text = np.stack([np.frombuffer(bytes(HISTORY) + row, dtype=np.uint8) for row in rows])
    cut = [
        slice(start, start + HISTORY + PRESET.segment) for start in range(0, length, PRESET.segment)
    ]
    return [np.ascontiguousarray(text[:, part]) for part in cut]


def whole(streams: int) -> np.ndarray:
    """Bytes left of streams of which a whole segment is left."""
    return np.full(streams, PRESET.segment)


def learned(engine: CpuEngine | TorchEngine) -> dict[str, np.ndarray]:
    """The learned tensors under the reference's names and in its layout."""
    if isinstance(engine, TorchEngine):
        return {name: value.numpy() for name, value in engine.model.weights.items()}
    state = engine.state
    tensors = {"embedding": state.embedding, "table": state.table, "head": state.head.w[0].T}
    for layer in range(PRESET.layers):
        tensors[f"{layer}.bias"] = state.bias[layer][:, ::-1]
        for part in ("qkv", "out", "up", "down"):
            tensors[f"{layer}.{part}"] = getattr(state, part).w[layer].T
    return tensors


@pytest.mark.parametrize("streams", [1, 3])
def test_a_hundred_learning_steps_agree_bit_for_bit(streams):
    engines = [CpuEngine(PRESET), TorchEngine(PRESET, PRODUCTS["float32"])]
    for engine in engines:
        engine.start_block(streams)
    for text in segments(streams, 100):
        assert np.array_equal(*(engine.predict(text, whole(streams)) for engine in engines))
        for engine in engines:
            engine.learn(text)
    first, second = map(learned, engines)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert np.array_equal(value, second[name]), name


@pytest.mark.parametrize("make", [CpuEngine, lambda p: TorchEngine(p, PRODUCTS["float32"])])
def test_incremental_and_parallel_evaluation_agree(make):
    """The decoder, byte by byte, sees the frequencies that the encoder saw all at once."""
    encoder, decoder = make(PRESET), make(PRESET)
    for engine in (encoder, decoder):
        engine.start_block(2)
    left = whole(2)
    first, second = empty_bits(PRESET, 400), empty_bits(PRESET, 400)
    for text in segments(2, 6):
        buffer, coder = np.zeros(2000, dtype=np.uint8), range_coder.encoder_state()
        freq = encoder.predict(text, left)
        rows = freq.transpose(1, 0, 2).reshape(-1, 256)
        symbols = np.ascontiguousarray(text[:, HISTORY:].T).reshape(-1)
        code_bytes(first, rows, symbols, coder, buffer, False)
        payload = buffer[: range_coder.finish(coder, buffer)]
        decoded = text.copy()
        decoded[:, HISTORY:] = 0
        decoder.decode(second, decoded, left, range_coder.decoder_state(payload), payload)
        assert np.array_equal(decoded, text)
        assert np.array_equal(frequencies_of(decoder), freq)
        encoder.learn(text)
        decoder.learn(decoded)


def frequencies_of(engine: CpuEngine | TorchEngine) -> np.ndarray:
    """What the engine gave the bytes of the last segment: int64 [B, T, 256]."""
    if isinstance(engine, CpuEngine):
        return engine.state.freq.reshape(-1, PRESET.segment, 256)
    return np.concatenate([freq.numpy() for freq in engine.freqs], axis=1)


def test_a_new_block_forgets_the_context_and_keeps_what_was_learned():
    engine = CpuEngine(PRESET)
    fresh = engine.first_frequencies().copy()
    engine.start_block(2)
    for text in segments(2, 3):
        engine.predict(text, whole(2))
        engine.learn(text)
    once = engine.first_frequencies().copy()
    assert np.array_equal(once, engine.first_frequencies())
    assert not np.array_equal(once, fresh)
