"""The encoder's parallel evaluation is the decoder's incremental one, bit for bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import TINY, prose
from needs_torch import torch

from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import KINDS, Slots, empty_slots, read_segment
from lmzip.codec.transformer.reference.adam import Learner
from lmzip.codec.transformer.reference.arithmetic import PRODUCTS, quantise
from lmzip.codec.transformer.reference.frequencies import (
    TOTAL,
    Seen,
    candidates_back,
    frequencies,
    loss_gradient,
    memory_roots,
)
from lmzip.codec.transformer.reference.model import Model
from lmzip.codec.transformer.softmax import LOGIT_WEIGHTS
from lmzip.codec.transformer.weights import (
    initial_weights,
    learned_names,
    matrix_shapes,
    output_count,
)

torch.set_num_threads(1)  # for tensors so small, more are slower

SMALL = replace(TINY, layers=3, learning=3, log_slots=8)
T = SMALL.segment
LAST_TWO = replace(SMALL, learning=2)
PRESETS = [SMALL, LAST_TWO, replace(SMALL, log_slots=0)]


def see(text: np.ndarray, slots: Slots | None = None, preset: Preset = SMALL) -> Seen:
    """Read a segment of text, uint8 [T]; what its rows see."""
    slots = slots or empty_slots(preset)
    read_segment(slots, 0, text)
    arrays = (getattr(slots, name)[: len(text)].astype(np.int64) for name in Seen._fields)
    return Seen(*map(torch.from_numpy, arrays))


def joined(parts: list[Seen]) -> Seen:
    return Seen(*map(torch.cat, zip(*parts, strict=True)))


def symbols(size: int) -> np.ndarray:
    return np.frombuffer(prose(size), dtype=np.uint8)


def new(preset: Preset) -> tuple[Model, Learner]:
    """A model at the start of a block, and what makes it learn."""
    model = Model(preset, PRODUCTS["float32"])
    model.start_block()
    return model, Learner(model.weights, preset)


def forward(model: Model, number: int, seen: Seen, span: int = T) -> torch.Tensor:
    """Logits of a segment, `span` positions at a time."""
    model.start_segment(number)
    parts = [
        model.forward(Seen(*(x[at : at + span] for x in seen)), number * T + at)
        for at in range(0, len(seen.tokens), span)
    ]
    return torch.cat(parts)


def learn(model: Model, learner: Learner, number: int, logits: torch.Tensor, text: np.ndarray):
    """A learning step, which counts at once; the gradients."""
    targets = torch.from_numpy(text.astype(np.int64))
    grads = model.backward(number, loss_gradient(frequencies(logits), targets))
    learner.step(grads)
    model.requantise()
    model.refresh()
    return grads


@pytest.mark.parametrize("preset", PRESETS)
def test_parallel_and_incremental_evaluation_agree_over_learning_steps(preset):
    text = symbols(9 * T)
    pairs = [new(preset) for _ in range(2)]
    slots = empty_slots(preset)
    for number in range(9):
        part = text[number * T :][:T]
        seen = see(part, slots, preset)
        logits = [forward(pairs[0][0], number, seen), forward(pairs[1][0], number, seen, 1)]
        assert torch.equal(*logits)
        for pair, own in zip(pairs, logits, strict=True):
            learn(*pair, number, own, part)
    initial = initial_weights(preset)
    for name, value in pairs[0][0].weights.items():
        assert torch.equal(value, pairs[1][0].weights[name]), name
        if value.numel():
            moved = not torch.equal(value, torch.from_numpy(initial[name]))
            assert moved == (name in learned_names(preset)), name


def turned(x: torch.Tensor) -> torch.Tensor:
    """x float64 [H, n, c], each row turned by its position."""
    half = x.shape[-1] // 2
    speed = 1000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(x.shape[1])[:, None] * speed
    a, b = x[..., :half], x[..., half:]
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def float_output(weights: dict[str, torch.Tensor], seen: Seen) -> torch.Tensor:
    """What the head reads, [n, d], by the same network without quantisation, in float64.

    No gradient goes through attention.
    """
    n, d = len(seen.tokens), SMALL.width
    positions = torch.arange(n)
    first = positions // T * T - SMALL.window
    unseen = (positions > positions[:, None]) | (positions < first[:, None])

    def norm(x):
        return x / x.abs().mean(-1, keepdim=True)

    def heads(x):
        return x.view(n, SMALL.heads, -1).transpose(0, 1)

    table = weights["table"].detach()
    worth = [[0.0] * 256 for _ in range(n)]
    for row, kind, k in (seen.classes > 0).nonzero().tolist():
        entry = 144 * kind + 12 * seen.classes[row, kind, k] + seen.totals[row, kind]
        worth[row][int(seen.candidates[row, kind, k])] += float(table[entry])
    memory = torch.tensor(worth, dtype=torch.float64).softmax(-1).sqrt()
    x = weights["embedding"][seen.tokens].sum(1) + memory @ weights["memory"].t()
    for layer in range(SMALL.layers):
        qkv = norm(x) @ weights[f"{layer}.qkv"].t()
        q, k, v = map(heads, qkv.split(d, -1))
        q, k = turned(q), turned(k)
        scores = q @ k.transpose(1, 2) / (d // SMALL.heads) ** 0.5
        mixed = scores.masked_fill(unseen, -1e9).softmax(-1) @ v
        x = x + (mixed.transpose(0, 1).reshape(n, d) @ weights[f"{layer}.out"].t()).detach()
        hidden = (norm(x) @ weights[f"{layer}.up"].t()).relu() ** 2
        x = x + hidden @ weights[f"{layer}.down"].t()
    return norm(x)


def float_logits(outputs: torch.Tensor, table: torch.Tensor, seen: Seen) -> torch.Tensor:
    """Logits [N, 256] with the candidates, one by one."""
    rows = [list(row) for row in outputs[:, :256]]
    for n, kind, k in (seen.classes > 0).nonzero().tolist():
        entry = 144 * kind + 12 * seen.classes[n, kind, k] + seen.totals[n, kind]
        byte = int(seen.candidates[n, kind, k])
        rows[n][byte] = rows[n][byte] + (1 + outputs[n, 256 + kind]) * table[entry]
    return torch.stack([torch.stack(row) for row in rows])


@pytest.mark.parametrize("preset", [SMALL, LAST_TWO])
def test_loss_and_gradient_are_those_of_the_network_without_quantisation(preset):
    """Of the last of five segments: keys of the window, and a ring that has come around.

    But for one rule: what passes below the head is p - one-hot rounded to 8 bits per row. Weights
    learn fast, so that the gradients of every layer are well above what rounding adds.
    """
    preset = replace(preset, rates=(1e-2,) * 3)
    count = 5
    text = symbols(count * T)
    parts = [text[i * T :][:T] for i in range(count)]
    slots = empty_slots(preset)
    seen = [see(part, slots, preset) for part in parts]
    targets = torch.from_numpy(parts[-1].astype(np.int64))
    model, learner = new(preset)
    for _ in range(8):
        model.start_block()
        for number in range(count):
            logits = forward(model, number, seen[number])
        freq = frequencies(logits)
        before = {name: w.clone() for name, w in model.weights.items()}
        scales = dict(model.scales)
        grads = learn(model, learner, count - 1, logits, parts[-1])
    assert set(grads) == set(learned_names(preset))
    twin = {name: w.double().requires_grad_() for name, w in before.items()}
    output = float_output(twin, joined(seen))[-T:]
    exact_logits = float_logits(output.detach() @ twin["head"].t(), twin["table"], seen[-1])
    twin_loss = torch.nn.functional.cross_entropy(exact_logits, targets, reduction="sum")
    picked = freq.gather(1, targets[:, None]).double() / TOTAL
    assert float(-picked.log().sum()) == pytest.approx(twin_loss.item(), rel=0.02)
    twin_loss.backward()
    gates = 1 + (output @ twin["head"].t())[:, 256 : 256 + KINDS].detach().float()
    d_outputs, _ = candidates_back(
        loss_gradient(freq, targets), gates, before["table"], seen[-1], output_count(preset)
    )
    codes, scale, _ = quantise(d_outputs * scales["head"])
    passed = (codes * scale / scales["head"].clamp(min=1e-20)).double()
    (output @ twin["head"].detach().t() * passed).sum().backward()
    for name, grad in grads.items():
        exact, true = grad.double().flatten(), twin[name].grad.flatten()
        assert torch.cosine_similarity(exact, true, dim=0) > 0.98, name
        assert exact.norm() == pytest.approx(true.norm().item(), rel=0.1), name


def taught(preset: Preset, text: np.ndarray, steps: int) -> Model:
    """A model that has learned from the first segment of a text, over and over.

    What attention mixes reaches the residual stream: from scratch, it would be multiplied by 0.
    """
    model, learner = new(preset)
    generator = torch.Generator().manual_seed(1)
    mixing = [f"{layer}.out" for layer in range(preset.layers)]
    for name in mixing:
        model.weights[name] = torch.randn(model.weights[name].shape, generator=generator) / 4
    model._quantise(mixing)
    model.refresh()
    for _ in range(steps):
        logits = forward(model, 0, see(text[:T], preset=preset))
        learn(model, learner, 0, logits, text[:T])
    return model


def block(model: Model, text: np.ndarray) -> torch.Tensor:
    """Logits of a whole block."""
    slots = empty_slots(model.preset)
    model.start_block()
    parts = [
        forward(model, start // T, see(text[start : start + T], slots, model.preset))
        for start in range(0, len(text), T)
    ]
    return torch.cat(parts)


def test_logits_do_not_see_the_future_or_beyond_the_window():
    """With one layer and no slots: a byte is in the keys of the three positions behind it."""
    preset = replace(SMALL, layers=1, learning=1, log_slots=0)
    text = symbols(6 * T)
    model = taught(preset, text, 3)
    changed = text.copy()
    changed[7] ^= 1
    same = (block(model, text) == block(model, changed)).all(-1)
    assert same[:8].all()
    # The window of the segment from position 48 on begins at position 16.
    for start in (8, 16, 32):
        assert not same[start : start + T].all()
    assert same[48:].all()


def test_what_the_ring_forgets_nothing_reads():
    text = symbols(11 * T)
    model = taught(SMALL, text, 5)
    logits = block(model, text)
    model.ring *= 4
    assert torch.equal(block(model, text), logits)


def test_attention_knows_distances_and_not_positions():
    """A text that repeats itself looks the same a period later, but for rounding."""
    preset = replace(SMALL, log_slots=0)
    text = np.tile(symbols(T), 9)
    model = taught(preset, text, 8)
    logits = block(model, text)
    later = (logits[5 * T : 6 * T] - logits[8 * T :]).abs().mean()
    first = (logits[:T] - logits[T : 2 * T]).abs().mean()
    assert 4 * later < first


@pytest.mark.parametrize("position", [0, 1, 511, 1023, 1024, 5000, (1 << 20) - T])
def test_positions_are_turned_by_their_angles(position):
    model = Model(SMALL, PRODUCTS["float32"])
    cosines, sines = model._angles(position, T)
    for row in (0, T - 1):
        for i in range(8):
            angle = (position + row) * 1000 ** (-2 * i / 16)
            assert float(cosines[row, i]) == pytest.approx(math.cos(angle), abs=3e-7)
            assert float(sines[row, i]) == pytest.approx(math.sin(angle), abs=3e-7)


def test_the_input_of_the_memory_is_the_root_of_its_distribution():
    slots = empty_slots(SMALL)
    for start in range(0, 20 * T, T):
        seen = see(symbols(20 * T)[start : start + T], slots)
    table = torch.from_numpy(initial_weights(SMALL)["table"])
    outputs = torch.zeros(T, output_count(SMALL))
    alone = float_logits(outputs.double(), table.double(), seen).softmax(-1)
    codes, scale = memory_roots(table, seen)
    assert codes.amax(-1).eq(127).all()
    assert (codes * scale - alone.sqrt()).abs().max() < 0.02
    assert ((codes * scale) ** 2).sum(-1).sub(1).abs().max() < 0.05


def test_the_memory_of_an_empty_slot_says_nothing():
    codes, scale = memory_roots(torch.zeros(144 * KINDS), see(symbols(1)))
    assert codes.eq(127).all()
    assert scale.item() == np.float32(1 / 16) / np.float32(127)
    assert LOGIT_WEIGHTS[0] == 1 << 20


def test_frequencies_sum_to_the_total_and_never_vanish():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(50, 256, generator=generator) * 8
    logits[0] = 0
    logits[1, 17] = 1e9
    freq = frequencies(logits)
    assert freq.sum(-1).eq(TOTAL).all()
    assert freq.min() >= 1
    assert freq[1, 17] == TOTAL - 255
    assert freq[0].max() - freq[0].min() <= 256


def test_one_function_initialises_every_tensor():
    weights = initial_weights(SMALL)
    assert set(matrix_shapes(SMALL)) < set(weights)
    again = initial_weights(SMALL)
    for name, value in weights.items():
        assert value.dtype == np.float32
        assert np.array_equal(value, again[name])
