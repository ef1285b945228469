"""Both engines: encoder, decoder, and learning beside either, give the same bits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from conftest import TINY, noise, prose
from differences import differences
from needs_torch import torch

from lmzip.codec.coder import range_coder as rangecoder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.foresight.tables import empty_foresight
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import FORESEEN, NOBODY
from lmzip.codec.transformer.kernels.engine import CpuEngine
from lmzip.codec.transformer.reference.arithmetic import PRODUCTS
from lmzip.codec.transformer.reference.engine import TorchEngine

torch.set_num_threads(1)  # for tensors so small, more are slower

PRESET = replace(TINY, layers=3, learning=3, log_slots=7)
T = PRESET.segment
PRESETS = [replace(PRESET, learning=1), replace(PRESET, log_slots=0)]

Engine = CpuEngine | TorchEngine

Predict = Callable[[int, np.ndarray], np.ndarray]
"""Of a segment's number and bytes: its frequencies."""


def segments(count: int) -> list[np.ndarray]:
    """`count` segments of text and noise, each uint8 [T], and one that is shorter."""
    half = count * T // 2
    text = np.frombuffer(prose(half) + noise(count * T - half + 5), dtype=np.uint8)
    return [text[start : start + T] for start in range(0, len(text), T)]


def make(preset: Preset, kind: type[Engine], prior: bytes = b"") -> Engine:
    more = (prior,) if kind is CpuEngine else (PRODUCTS["float32"], prior)
    engine = kind(preset, *more)
    engine.start_block()
    return engine


def learning_before(engine: Engine, predict: Predict, parts: list[np.ndarray]):
    """Frequencies of all segments; each is predicted after learning from the one before."""
    freqs = []
    for number, part in enumerate(parts):
        if number:
            engine.learn(number - 1, parts[number - 1])
        freqs.append(predict(number, part))
        engine.refresh()
    return freqs


def learning_after(engine: Engine, predict: Predict, parts: list[np.ndarray]):
    """Each is predicted before."""
    freqs = []
    for number, part in enumerate(parts):
        freqs.append(predict(number, part))
        if number:
            engine.learn(number - 1, parts[number - 1])
            engine.refresh()
    return freqs


def learning_beside(engine: Engine, predict: Predict, parts: list[np.ndarray]):
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


def learned(engine: Engine) -> dict[str, np.ndarray]:
    """What learns, and the first moments, under the reference's names."""
    if isinstance(engine, TorchEngine):
        learner = engine.learner
        tensors = {name: engine.model.weights[name] for name in learner.first}
        tensors |= {f"first {name}": moment for name, moment in learner.first.items()}
        return {name: value.numpy() for name, value in tensors.items()}
    learner, first = engine.learner, engine.preset.layers - engine.preset.learning
    tensors = {"head": learner.head.w[0], "first head": learner.head.m[0]}
    if engine.preset.log_slots:
        tensors |= {"table": learner.table, "first table": learner.table_m}
    for part in ("up", "down"):
        own = getattr(learner, part)
        for layer, (w, m) in enumerate(zip(own.w, own.m, strict=True), first):
            tensors |= {f"{layer}.{part}": w, f"first {layer}.{part}": m}
    return tensors


def forget(engine: Engine) -> None:
    """Empty the slots too."""
    (engine.slots if isinstance(engine, TorchEngine) else engine.state.slots).cells[:] = 0


def assert_same(one: Engine, other: Engine) -> None:
    ours, theirs = learned(one), learned(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert np.array_equal(value, theirs[name]), name


@pytest.mark.parametrize("preset", [PRESET, *PRESETS])
def test_a_hundred_learning_steps_agree_bit_for_bit(preset):
    engines = [make(preset, kind) for kind in (CpuEngine, TorchEngine)]
    parts = segments(101)
    freqs = [learning_after(engine, engine.predict, parts) for engine in engines]
    for ours, theirs in zip(*freqs, strict=True):
        assert np.array_equal(ours, theirs)
    assert_same(*engines)


def test_they_begin_with_the_same_prior():
    _, prior = differences(PRESET, 2.0**-5)
    engines = [make(PRESET, kind, prior) for kind in (CpuEngine, TorchEngine)]
    parts = segments(6)
    freqs = [learning_after(engine, engine.predict, parts) for engine in engines]
    plain = make(PRESET, CpuEngine)
    assert not np.array_equal(freqs[0][0], plain.predict(0, parts[0]))
    for ours, theirs in zip(*freqs, strict=True):
        assert np.array_equal(ours, theirs)
    assert_same(*engines)


@pytest.mark.parametrize("kind", [CpuEngine, TorchEngine])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("way", [learning_before, learning_beside])
def test_learning_may_run_before_after_or_beside_the_next_segment(preset, kind, way):
    parts = segments(40)
    one, other = make(preset, kind), make(preset, kind)
    expected = learning_after(one, one.predict, parts)
    for freq, own in zip(expected, way(other, other.predict, parts), strict=True):
        assert np.array_equal(freq, own)
    assert_same(one, other)


@pytest.mark.parametrize("kind", [CpuEngine, TorchEngine])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("way", [learning_after, learning_beside])
def test_the_decoder_sees_byte_by_byte_what_the_encoder_saw_at_once(preset, kind, way):
    parts = segments(12)
    encoder, decoder = make(preset, kind), make(preset, kind)
    freqs = learning_after(encoder, encoder.predict, parts)
    buffer, coder = np.zeros(2000, dtype=np.uint8), rangecoder.encoder_state()
    bits = empty_bits(preset, 400)
    for freq, part in zip(freqs, parts, strict=True):
        code_bytes(bits, freq, part.copy(), coder, buffer, False)
    payload = buffer[: rangecoder.finish(coder, buffer)]
    bits, coder = empty_bits(preset, 400), rangecoder.decoder_state(payload)
    decoded = [np.zeros_like(part) for part in parts]
    foresight = empty_foresight(replace(preset, risks=(0, 0, 0)))

    def decode(number: int, part: np.ndarray) -> np.ndarray:
        decoder.decode(number, bits, foresight, part, coder, payload)
        if kind is TorchEngine:
            return torch.cat(decoder.freqs[number % 2]).numpy()
        return decoder.state.freq[number % 2 * T :][: len(part)].copy()

    seen = way(decoder, decode, decoded)
    assert b"".join(map(bytes, decoded)) == b"".join(map(bytes, parts))
    for freq, own in zip(freqs, seen, strict=True):
        assert np.array_equal(freq, own)
    assert_same(encoder, decoder)


@pytest.mark.parametrize("kind", [CpuEngine, TorchEngine])
def test_what_was_learned_counts_from_refresh_on(kind):
    engine = make(PRESET, kind)
    part = segments(1)[0]
    before = engine.predict(0, part)
    engine.learn(0, part)
    engine.start_block()
    forget(engine)
    assert np.array_equal(engine.predict(0, part), before)
    engine.refresh()
    engine.start_block()
    forget(engine)
    assert not np.array_equal(engine.predict(0, part), before)


@pytest.mark.parametrize("kind", [CpuEngine, TorchEngine])
def test_a_new_block_forgets_the_context_and_keeps_what_was_learned(kind):
    engine = make(PRESET, kind)
    fresh = engine.first_frequencies().copy()
    assert fresh.shape == (256,)
    engine.start_block()
    learning_after(engine, engine.predict, segments(3))
    once = engine.first_frequencies().copy()
    assert np.array_equal(once, engine.first_frequencies())
    assert not np.array_equal(once, fresh)


@pytest.mark.parametrize("kind", [CpuEngine, TorchEngine])
def test_what_is_foreseen_is_not_predicted_and_what_is_excluded_does_not_come(kind):
    engine, part = make(PRESET, kind), segments(1)[0]
    expected = np.full(T, NOBODY, dtype=np.int16)
    expected[5:9] = FORESEEN
    expected[9] = 65
    freq = engine.predict(0, part, expected)
    assert freq.shape == (T - 4, 256)
    assert freq[5, 65] == 1 and (freq.sum(1) == 1 << 24).all()
    engine.start_block()
    forget(engine)
    assert np.array_equal(freq[:5], engine.predict(0, part)[:5])


@pytest.mark.parametrize("preset", PRESETS)
def test_both_agree_on_segments_with_gaps(preset):
    random = np.random.default_rng(1)
    engines = [make(preset, kind) for kind in (CpuEngine, TorchEngine)]
    for number in range(6):
        text = np.frombuffer(prose(3 * T, seed=number), dtype=np.uint8)
        expected = np.full(3 * T, FORESEEN, dtype=np.int16)
        asked = np.sort(random.choice(3 * T, T, replace=False))
        expected[asked] = random.integers(NOBODY, 256, T)
        ours, theirs = (engine.predict(number, text, expected) for engine in engines)
        assert np.array_equal(ours, theirs)
        for engine in engines:
            engine.learn(number, text[asked])
            engine.refresh()
    assert_same(*engines)
