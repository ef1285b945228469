"""The transformer in float arithmetic: what it predicts, its gradients, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import need_torch, noise
from samples import LEVEL, records

from lmzip.codec.coder.bit_coder import FREQUENCY_BITS, encode_segment
from lmzip.codec.levels import PRESETS
from lmzip.codec.loop import Codec
from lmzip.codec.memory.slots import FORESEEN
from lmzip.codec.transformer.weights import initial_weights
from lmzip.priors import tuning
from lmzip.priors.network import NOTHING, Examples, Factors, Network, first_factors, joined
from lmzip.priors.packing import network_differences
from lmzip.priors.states import Learning
from lmzip.priors.tuning import Teacher, size_of, times_of

PRESET = PRESETS[LEVEL]
LENGTH = 2 * PRESET.segment


def shown(samples: list[bytes], text: bytes = b"") -> list[Examples]:
    learning = Learning(LEVEL, 1 << 16)
    learning.stand_behind(text)
    return learning.look_at(samples)


def stretches(examples: list[Examples]) -> Examples:
    """All, cut into stretches of LENGTH."""
    return joined(examples).at(tuning._stretches(examples, LENGTH).reshape(-1))


def by_chance(size: float, rank: int = 3) -> Factors:
    random = np.random.default_rng(2)
    return {
        name: ((random.standard_normal(b.shape) * size).astype(np.float32), a)
        for name, (b, a) in first_factors(PRESET, rank).items()
    }


def predicted(sample: bytes) -> tuple[bytes, float]:
    """The bytes that the codec's transformer is asked for, which learns nothing, and their bits."""
    texts, shares = [], []

    def note(bits, freq, text, chance, expected, *rest) -> None:
        asked = text[expected != FORESEEN]
        texts.append(asked.tobytes())
        shares.append(freq[np.arange(len(asked)), asked] / 2.0**FREQUENCY_BITS)
        encode_segment(bits, freq, text, chance, expected, *rest)

    codec = Codec(LEVEL)
    codec.engine.learn = lambda segment, text: None
    codec.encode(sample, note)
    return b"".join(texts), float(-np.log2(np.concatenate(shares)).sum())


def test_it_is_shown_what_the_transformer_is_asked_for():
    sample = b"".join(records(20))
    ((example,), (asked, _)) = shown([sample]), predicted(sample)
    assert example.text.astype(np.uint8).tobytes() == asked
    assert len(asked) < len(sample), "some bytes are foreseen"


def test_every_sample_stands_behind_the_text_and_begins_anew():
    text, (first, second) = b"".join(records(9)), records(2, seed=5)
    one, two = shown([first, second], text)
    assert one.totals[0].any(), "what the text has in common with it is known"
    assert all((example.tokens[0, :3] == [0, 256, 512]).all() for example in (one, two))


def test_it_predicts_what_the_codec_does_but_for_rounding():
    sample = b"".join(records(20))
    _, bits = predicted(sample)
    found = Network(PRESET).bits(first_factors(PRESET, 2), stretches(shown([sample])), LENGTH)
    assert found == pytest.approx(bits, rel=0.02)


def test_what_is_changed_is_a_product_of_low_rank():
    network, factors = Network(PRESET), by_chance(0.1)
    for name, tensor in network.changed(factors).items():
        more = (tensor - network.first[name]).astype(np.float64)
        assert more.any()
        assert more.ndim == 1 or np.linalg.matrix_rank(more, tol=1e-3) == 3


def test_bytes_behind_the_end_count_for_nothing():
    (example,) = shown(records(1))
    assert len(example.text) < LENGTH
    network, factors = Network(PRESET), by_chance(0.02)
    padded, bare = stretches([example]), example
    assert (padded.text == NOTHING).sum() == LENGTH - len(bare.text)
    bits = network.bits(factors, bare, len(bare.text))
    assert network.bits(factors, padded, LENGTH) == pytest.approx(bits, rel=1e-5)


@pytest.mark.parametrize("name", ["embedding", "table", "0.qkv", "0.out", "0.up", "0.down", "head"])
def test_gradients_tell_how_bits_change(name):
    network, factors = Network(PRESET), by_chance(0.02)
    examples = stretches(shown(records(6)))
    told = int((examples.text != NOTHING).sum())
    gradients = network.gradients(factors, examples, LENGTH)
    for part in (0, 1) if name != "table" else (0,):
        gradient = gradients[name][part]
        step = 0.02 * gradient / np.linalg.norm(gradient)
        bits = []
        for sign in (1, -1):
            moved = list(factors[name])
            moved[part] = moved[part] + sign * step
            bits.append(network.bits({**factors, name: tuple(moved)}, examples, LENGTH))
        found = (bits[0] - bits[1]) / 2 * np.log(2) / told
        assert found == pytest.approx((gradient * step).sum(), rel=0.05)


def test_the_twin_of_the_training_has_the_same_gradients():
    need_torch()
    import torch

    from training.corpus import UNKNOWN, Batch
    from training.network import Network as Twin

    network, factors = Network(PRESET), by_chance(0.02)
    examples = stretches(shown(records(6)))
    gradients = network.gradients(factors, examples, LENGTH)
    twin, pairs = Twin(PRESET, network.first), {}
    for name, pair in factors.items():
        b, a = pairs[name] = [torch.tensor(factor, requires_grad=True) for factor in pair]
        first = torch.tensor(network.first[name])
        twin.tensors[name] = first + (b.T @ a).view(first.shape)
    text = np.where(examples.text == NOTHING, UNKNOWN, examples.text).astype(np.int64)
    arrays = (examples.tokens.astype(np.int64), examples.candidates, examples.classes)
    batch = Batch(
        *(array.reshape(-1, LENGTH, *array.shape[1:]) for array in (*arrays, examples.totals)),
        text.reshape(-1, LENGTH),
    )
    loss = twin.loss(batch)
    loss.backward()
    bits = network.bits(factors, examples, LENGTH)
    assert loss.item() / np.log(2) * (text != UNKNOWN).sum() == pytest.approx(bits, rel=1e-4)
    for name, (b, a) in gradients.items():
        for ours, theirs in zip((b, a)[: 1 if name == "table" else 2], pairs[name], strict=False):
            difference = np.abs(ours - theirs.grad.numpy()).max()
            assert difference < 2e-3 * np.abs(ours).max(), name


def taught(learned: list[Examples], others: list[Examples], times: int = 2) -> Factors:
    teacher = Teacher(PRESET, others, times)
    for _ in range(times):
        teacher.read(learned)
    return teacher.best


def test_it_learns_what_samples_have_in_common():
    learned, others = shown(records(40)), shown(records(10, seed=9))
    network, examples = Network(PRESET), stretches(others)
    before = network.bits(first_factors(PRESET, 1), examples, LENGTH)
    assert network.bits(taught(learned, others), examples, LENGTH) < 0.97 * before


def test_threads_change_nothing():
    learned, found = shown(records(9)), []
    for threads in (1, 3):
        teacher = Teacher(PRESET, learned, 1, threads)
        teacher.read(learned)
        found.append(teacher.best)
    for name, pair in found[0].items():
        assert all((a == b).all() for a, b in zip(pair, found[1][name], strict=True))


def test_what_makes_held_out_samples_larger_is_not_kept(monkeypatch):
    bits = iter((1000.0, 1001.0, 1000.0))
    monkeypatch.setattr(Teacher, "_bits", lambda *arguments: next(bits))
    examples = shown(records(5))
    kept = Network(PRESET).changed(taught(examples, examples))
    assert all((kept[name] == first).all() for name, first in initial_weights(PRESET).items())


def test_of_all_times_the_best_is_kept(monkeypatch):
    bits = iter((1000.0, 900.0, 950.0))
    monkeypatch.setattr(Teacher, "_bits", lambda *arguments: next(bits))
    examples = shown(records(5))
    teacher = Teacher(PRESET, examples, 2)
    teacher.read(examples)
    once = teacher.best
    teacher.read(examples)
    assert teacher.best is once


def test_few_samples_are_read_several_times_and_many_once():
    few, many = shown(records(3)), shown([noise(60000, seed) for seed in range(2)])
    assert times_of(few) == tuning.PASSES
    assert times_of(many * 10) == round(tuning.READ / size_of(many * 10))
    assert times_of(many * 100) == 1


def test_every_byte_that_is_read_is_told_of():
    examples, done = shown(records(5)), []
    Teacher(PRESET, examples, 1).read(examples, done.append)
    assert sum(done) == size_of(examples)


def test_the_file_of_what_was_learned_holds_nearly_the_same():
    factors = by_chance(0.05, rank=4)
    changed, first = Network(PRESET).changed(factors), initial_weights(PRESET)
    for coarse, near in ((0.1, 0.05), (1.0, 0.35), (4.0, 0.95)):
        found = initial_weights(PRESET, network_differences(factors, coarse))
        for name in first:
            error = np.linalg.norm(found[name] - changed[name])
            assert error < near * np.linalg.norm(changed[name] - first[name]), (coarse, name)


def test_wider_steps_take_fewer_bytes_and_the_widest_none():
    factors = by_chance(0.05, rank=4)
    sizes = [len(network_differences(factors, coarse)) for coarse in (0.25, 1.0, 4.0, 1e4)]
    assert sizes == sorted(sizes, reverse=True) and sizes[2] > 0 == sizes[3]


def test_what_has_not_changed_takes_no_bytes():
    assert network_differences(first_factors(PRESET, 8)) == b""


def test_ranks_that_say_nothing_are_left_out():
    factors = by_chance(0.05, rank=2)
    more = {
        name: tuple(np.concatenate([factor, 1e-4 * factor]) for factor in pair)
        if name != "table"
        else pair
        for name, pair in factors.items()
    }
    assert network_differences(more)[0] == 2
