"""The torch engine: encoder, decoder, and learning beside either, give the same bits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import noise, prose

from lmzip.codec.coder import range_coder as rangecoder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.levels import Preset
from lmzip.codec.transformer.reference.arithmetic import PRODUCTS
from lmzip.codec.transformer.reference.engine import TorchEngine

torch.set_num_threads(1)  # for tensors so small, more are slower

PRESET = Preset(
    width=32, layers=3, heads=2, window=32, segment=16, learning=3,
    rates=(1e-3, 1e-3, 1e-2, 1e-2), contexts=8, sets=3, log_buckets=8, log_slots=7,
)  # fmt: skip
T = PRESET.segment
PRESETS = [PRESET, replace(PRESET, learning=2)]

Predict = Callable[[int, np.ndarray], np.ndarray]
"""Of a segment's number and bytes: its frequencies."""


def segments(count: int) -> list[np.ndarray]:
    """`count` segments of text and noise, each uint8 [T], and one that is shorter."""
    half = count * T // 2
    text = np.frombuffer(prose(half) + noise(count * T - half + 5), dtype=np.uint8)
    return [text[start : start + T] for start in range(0, len(text), T)]


def make(preset: Preset) -> TorchEngine:
    engine = TorchEngine(preset, PRODUCTS["float32"])
    engine.start_block()
    return engine


def learning_before(engine: TorchEngine, predict: Predict, parts: list[np.ndarray]):
    """Frequencies of all segments; each is predicted after learning from the one before."""
    freqs = []
    for number, part in enumerate(parts):
        if number:
            engine.learn(number - 1, parts[number - 1])
        freqs.append(predict(number, part))
        engine.refresh()
    return freqs


def learning_after(engine: TorchEngine, predict: Predict, parts: list[np.ndarray]):
    """Each is predicted before."""
    freqs = []
    for number, part in enumerate(parts):
        freqs.append(predict(number, part))
        if number:
            engine.learn(number - 1, parts[number - 1])
            engine.refresh()
    return freqs


def learning_beside(engine: TorchEngine, predict: Predict, parts: list[np.ndarray]):
    """Each is predicted meanwhile."""
    freqs = []
    with ThreadPoolExecutor(1) as beside:
        for number, part in enumerate(parts):
            if number:
                learning = beside.submit(engine.learn, number - 1, parts[number - 1])
            freqs.append(predict(number, part))
            if number:
                learning.result()
                engine.refresh()
    return freqs


def learned(engine: TorchEngine) -> dict[str, np.ndarray]:
    learner = engine.learner
    tensors = {**{f"first {k}": v for k, v in learner.first.items()}, **engine.model.weights}
    return {name: value.numpy() for name, value in tensors.items()}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("way", [learning_before, learning_beside])
def test_learning_may_run_before_after_or_beside_the_next_segment(preset, way):
    parts = segments(40)
    one, other = make(preset), make(preset)
    expected = learning_after(one, one.predict, parts)
    for freq, own in zip(expected, way(other, other.predict, parts), strict=True):
        assert np.array_equal(freq, own)
    ours = learned(other)
    for name, value in learned(one).items():
        assert np.array_equal(value, ours[name]), name


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("way", [learning_after, learning_beside])
def test_the_decoder_sees_byte_by_byte_what_the_encoder_saw_at_once(preset, way):
    parts = segments(12)
    encoder, decoder = make(preset), make(preset)
    freqs = learning_after(encoder, encoder.predict, parts)
    buffer, coder = np.zeros(2000, dtype=np.uint8), rangecoder.encoder_state()
    bits = empty_bits(preset, 400)
    for freq, part in zip(freqs, parts, strict=True):
        code_bytes(bits, freq, part.copy(), coder, buffer, False)
    payload = buffer[: rangecoder.finish(coder, buffer)]
    bits, coder = empty_bits(preset, 400), rangecoder.decoder_state(payload)
    decoded = [np.zeros_like(part) for part in parts]

    def decode(number: int, part: np.ndarray) -> np.ndarray:
        decoder.decode(number, bits, part, coder, payload)
        return torch.cat(decoder.freqs[number % 2]).numpy()

    seen = way(decoder, decode, decoded)
    assert b"".join(map(bytes, decoded)) == b"".join(map(bytes, parts))
    for freq, own in zip(freqs, seen, strict=True):
        assert np.array_equal(freq, own)
    ours = learned(decoder)
    for name, value in learned(encoder).items():
        assert np.array_equal(value, ours[name]), name


def test_what_was_learned_counts_from_refresh_on():
    engine = make(PRESET)
    part = segments(1)[0]
    before = engine.predict(0, part)
    engine.learn(0, part)
    engine.start_block()
    engine.slots.cells[:] = 0
    assert np.array_equal(engine.predict(0, part), before)
    engine.refresh()
    engine.start_block()
    engine.slots.cells[:] = 0
    assert not np.array_equal(engine.predict(0, part), before)


def test_a_new_block_forgets_the_context_and_keeps_what_was_learned():
    engine = make(PRESET)
    fresh = engine.first_frequencies()
    assert fresh.shape == (256,)
    engine.start_block()
    learning_after(engine, engine.predict, segments(3))
    once = engine.first_frequencies()
    assert np.array_equal(once, engine.first_frequencies())
    assert not np.array_equal(once, fresh)
