"""The transformer written from docs/FORMAT.md, by itself: that it is one, and that it learns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import noise
from reference.arithmetic import F32
from reference.codec import Codec
from reference.constants import LEVELS, Level
from reference.first_values import first_values, uniform
from reference.learner import Learner
from reference.rotary import rotation
from reference.slots import Slots
from reference.transformer import Segment, Transformer

TEXT = b"She sells sea shells by the sea shore; the shells she sells are sea shells, I am sure. "
SMALL = Level(32, 2, 2, 64, 32, 2, 8, 3, 16, 10, 0, 0, 0)


def trained(level: Level) -> Transformer:
    """A transformer no part of which is zero, as if it had learned."""
    transformer = Transformer(level)
    for name, w in transformer.weights.items():
        if name.endswith(("out", "down", "head", "memory")):
            transformer.weights[name] = uniform(name, *w.shape) * F32(1 / math.sqrt(w.shape[1]))
    transformer.quantise_matrices(*transformer.weights)
    return transformer


def read(transformer: Transformer, segment: Segment, text: bytes) -> float:
    """Bits that a segment costs."""
    bits = 0.0
    for byte in text:
        bits -= math.log2(transformer.predict(segment)[byte] / 2**24)
        transformer.read(segment, byte)
    return bits


def warm(level: Level, before: bytes) -> tuple[Transformer, Segment]:
    """A transformer that has read something, at the start of a segment."""
    transformer = trained(level)
    segment = transformer.start_block()
    for start in range(0, len(before), level.segment):
        read(transformer, segment, before[start : start + level.segment])
        segment = segment.next()
    return transformer, segment


@pytest.mark.parametrize("level", [1, 4, 5])
def test_frequencies_of_all_bytes_are_above_0_and_sum_to_2_24(level):
    transformer = trained(LEVELS[level])
    segment = transformer.start_block()
    for byte in TEXT[:20]:
        freq = transformer.predict(segment)
        assert (freq.sum(), freq.min() > 0, freq.shape) == (2**24, True, (256,))
        transformer.read(segment, byte)


def test_from_scratch_and_without_slots_nothing_is_likelier_than_anything_else():
    transformer = Transformer(SMALL._replace(slots=0))
    freq = transformer.predict(transformer.start_block())
    assert set(freq) == {2**24 // 256}


def test_first_values_are_spread_evenly_between_minus_1_and_1():
    embedding = first_values(LEVELS[5]._replace(network=""))["embedding"]
    assert embedding.shape == (1025 + 144 * 11, 128)
    assert np.abs(embedding[:256]).max() <= 1
    assert abs(embedding[:256].std() - math.sqrt(1 / 3)) < 0.01
    assert abs(embedding[256:512].std() - math.sqrt(1 / 3) / 2) < 0.01


@pytest.mark.parametrize("position", [0, 1, 511, 1023, 1024, 70_001, 2**20 - 1])
def test_a_position_turns_by_its_angles(position):
    cosine, sine = rotation(position, 32)
    angles = [position * 1000 ** (-2 * i / 32) for i in range(16)]
    assert np.abs(cosine - np.cos(angles)).max() < 1e-6
    assert np.abs(sine - np.sin(angles)).max() < 1e-6


def test_a_position_sees_the_window_before_its_segment_and_nothing_older():
    level = Level(32, 1, 1, 64, 32, 1, 8, 3, 16, 0, 0, 0, 0)
    # Position 32, the oldest key seen, is told of the three bytes before it.
    for changed, seen in ((28, False), (29, True)):
        other = bytearray(TEXT + TEXT)
        other[changed] ^= 1
        freqs = []
        for text in (TEXT + TEXT, bytes(other)):
            transformer, segment = warm(level, text[:96])
            read(transformer, segment, text[96:100])
            freqs.append(transformer.predict(segment))
        assert np.array_equal(*freqs) != seen


def test_the_gradient_of_what_learns_says_how_the_code_length_falls():
    # Of the layers below the last it leaves out what goes through attention.
    before, text = (TEXT * 2)[:64], (TEXT * 2)[64:96]
    transformer, segment = warm(SMALL, before)
    cost = read(transformer, segment, text) * math.log(2)
    gradients = Learner(transformer).gradients(segment)
    assert gradients.keys() == {"head", "table", "0.up", "0.down", "1.up", "1.down"}
    for name in ("head", "table", "1.up", "1.down"):
        g = gradients[name]
        square = float((g.astype(np.float64) ** 2).sum())
        # Matrices act as codes: the step must be long enough to be seen through them.
        step = 0.02 * cost / square
        other, again = warm(SMALL, before)
        other.weights[name] = other.weights[name] - F32(step) * g
        other.quantise_matrices(name)
        fallen = cost - read(other, again, text) * math.log(2)
        assert fallen == pytest.approx(step * square, rel=0.15), name


@pytest.mark.parametrize("level", [1, 4, 5])
def test_learning_lowers_the_cost_of_a_text_that_returns(level):
    transformer = Transformer(LEVELS[level])
    learner, costs = Learner(transformer), []
    for _ in range(7):
        segment = transformer.start_block()
        costs.append(read(transformer, segment, (TEXT * 2)[: LEVELS[level].segment]))
        learner.learn(segment)
        # What is learned is to be seen by itself, not what the slots remember.
        transformer.slots = Slots(LEVELS[level].slots)
    # The first steps are small against the codes of the matrices, and know little but signs.
    assert costs[-3:] == sorted(costs[-3:], reverse=True)
    assert costs[-1] < 0.97 * costs[0]


def test_learning_is_one_segment_behind_and_done_with_a_block_before_the_next(monkeypatch):
    events, length = [], LEVELS[1].segment
    predict, learn = Transformer.predict, Learner.learn

    def watched_predict(self, segment, *excluded):
        if not segment.seen:
            events.append(f"predict {segment.first // length}")
        return predict(self, segment, *excluded)

    def watched_learn(self, segment):
        events.append(f"learn {segment.first // length}")
        return learn(self, segment)

    monkeypatch.setattr(Transformer, "predict", watched_predict)
    monkeypatch.setattr(Learner, "learn", watched_learn)
    codec = Codec(LEVELS[1])
    codec.learn(noise(3 * length + 1))
    assert events == [
        *("predict 0", "predict 1", "learn 0", "predict 2", "learn 1", "predict 3", "learn 2")
    ]
    events.clear()
    before = codec.canary()
    codec.learn(noise(2 * length, 2))
    assert events == ["predict 0", "predict 0", "predict 1", "learn 0", "learn 1"]
    codec.learn(bytes(reversed(range(256))) * 4)
    assert codec.canary() != before
