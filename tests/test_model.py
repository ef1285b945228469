"""The encoder's parallel evaluation is the decoder's incremental one, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import prose

from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import HISTORY, KINDS, Slots, empty_slots, read_segment
from lmzip.codec.transformer.reference.adam import Learner
from lmzip.codec.transformer.reference.arithmetic import PRODUCTS, quantise
from lmzip.codec.transformer.reference.frequencies import (
    TOTAL,
    Seen,
    candidates_back,
    frequencies,
    loss_gradient,
)
from lmzip.codec.transformer.reference.model import Model
from lmzip.codec.transformer.weights import initial_weights, matrix_shapes, output_count

SMALL = Preset(
    width=32, layers=2, heads=2, window=24, streams=2, segment=16, contexts=8, sets=3,
    log_buckets=8, log_slots=8,
)  # fmt: skip


def see(text: np.ndarray, slots: Slots | None = None) -> tuple[Slots, Seen]:
    """Read a segment, text uint8 [B, 3 + T]; what its rows see, and the slots after it."""
    slots = slots or empty_slots(SMALL, len(text))
    read_segment(slots, SMALL.segment, text, np.full(len(text), SMALL.segment))
    arrays = (getattr(slots, name).astype(np.int64) for name in Seen._fields)
    return slots, Seen(*map(torch.from_numpy, arrays))


def rows_at(seen: Seen, at: int, span: int) -> Seen:
    """Positions at .. at+span of all streams."""
    parts = (x.unflatten(0, (-1, SMALL.segment))[:, at : at + span] for x in seen)
    return Seen(*(x.flatten(0, 1) for x in parts))


def stream_text(streams: int, length: int) -> np.ndarray:
    data = np.frombuffer(prose(streams * length), dtype=np.uint8).reshape(streams, length)
    return np.concatenate([np.zeros((streams, HISTORY), dtype=np.uint8), data], axis=1)


@pytest.mark.parametrize("streams", [1, 2, 5])
def test_parallel_and_incremental_evaluation_agree_over_learning_steps(streams):
    text = stream_text(streams, 6 * SMALL.segment)
    models = [Model(SMALL, PRODUCTS["float32"]) for _ in range(2)]
    learners = [Learner(model.weights, model.preset.width) for model in models]
    for model in models:
        model.start_block(streams)
    slots = None
    for start in range(0, 6 * SMALL.segment, SMALL.segment):
        targets = torch.from_numpy(text[:, HISTORY + start :][:, : SMALL.segment].astype(np.int64))
        slots, seen = see(text[:, start : start + HISTORY + SMALL.segment], slots)
        all_logits = []
        for model, span in zip(models, (SMALL.segment, 1), strict=True):
            model.start_segment()
            logits = [
                model.forward(rows_at(seen, at, span), at).view(streams, span, -1)
                for at in range(0, SMALL.segment, span)
            ]
            all_logits.append(torch.cat(logits, dim=1))
        assert torch.equal(*all_logits)
        for model, learner, logits in zip(models, learners, all_logits, strict=True):
            freq = frequencies(logits.view(-1, 256))
            grads = model.backward(loss_gradient(freq, targets.reshape(-1)))
            learner.step(grads)
            model.requantise()
    for name, value in models[0].weights.items():
        assert torch.equal(value, models[1].weights[name]), name
        assert not torch.equal(value, torch.from_numpy(initial_weights(SMALL)[name])), (
            f"{name} never learned"
        )


def float_output(weights: dict[str, torch.Tensor], seen: Seen, streams: int) -> torch.Tensor:
    """What the head reads, [B*n, d], by the same network without quantisation, in float64."""
    n = len(seen.tokens) // streams
    d, heads = SMALL.width, SMALL.heads
    distance = torch.arange(n)[:, None] - torch.arange(n)[None]

    def norm(x):
        return x / x.abs().mean(-1, keepdim=True)

    x = weights["embedding"][seen.tokens].sum(1).view(streams, n, d)
    for layer in range(SMALL.layers):
        qkv = norm(x) @ weights[f"{layer}.qkv"].t()
        q, k, v = (part.view(streams, n, heads, -1).transpose(1, 2) for part in qkv.split(d, -1))
        bias = weights[f"{layer}.bias"]
        scores = q @ k.transpose(2, 3) / (d // heads) ** 0.5 + bias[:, distance.clamp(min=0)]
        scores = scores.masked_fill(distance < 0, -1e9)
        # The empty slots before the block are keys and values of zero.
        empty = torch.stack([bias[:, i + 1 :].exp().sum(-1) for i in range(n)], -1)
        weight = scores.exp() / (scores.exp().sum(-1) + empty)[..., None]
        mixed = (weight @ v).transpose(1, 2).reshape(streams, n, d)
        x = x + mixed @ weights[f"{layer}.out"].t()
        hidden = (norm(x) @ weights[f"{layer}.up"].t()).relu() ** 2
        x = x + hidden @ weights[f"{layer}.down"].t()
    return norm(x).view(streams * n, d)


def float_logits(outputs: torch.Tensor, table: torch.Tensor, seen: Seen) -> torch.Tensor:
    """Logits [N, 256] with the candidates, one by one."""
    rows = [list(row) for row in outputs[:, :256]]
    for n, kind, k in (seen.classes > 0).nonzero().tolist():
        entry = 144 * kind + 12 * seen.classes[n, kind, k] + seen.totals[n, kind]
        byte = int(seen.candidates[n, kind, k])
        rows[n][byte] = rows[n][byte] + (1 + outputs[n, 256 + kind]) * table[entry]
    return torch.stack([torch.stack(row) for row in rows])


def test_loss_and_gradient_are_those_of_the_network_without_quantisation():
    """But for one rule: what passes below the head is p - one-hot rounded to 8 bits per row."""
    text = stream_text(2, SMALL.segment)
    _, seen = see(text)
    targets = torch.from_numpy(text[:, HISTORY:].astype(np.int64)).reshape(-1)
    model = Model(SMALL, PRODUCTS["float32"])
    learner = Learner(model.weights, model.preset.width)
    for _ in range(12):
        model.start_block(2)
        model.start_segment()
        freq = frequencies(model.forward(seen, 0))
        before = {name: w.clone() for name, w in model.weights.items()}
        twin = {name: w.double().requires_grad_() for name, w in model.weights.items()}
        d_logits = loss_gradient(freq, targets)
        grads = model.backward(d_logits)
        picked = freq.gather(1, targets[:, None]).double() / TOTAL
        output = float_output(twin, seen, 2)
        logits = float_logits(output.detach() @ twin["head"].t(), twin["table"], seen)
        twin_loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        assert float(-picked.log().sum()) == pytest.approx(twin_loss.item(), rel=0.02)
        twin_loss.backward()
        gates = 1 + (output @ twin["head"].t())[:, 256 : 256 + KINDS].detach().float()
        d_outputs, _ = candidates_back(d_logits, gates, before["table"], seen, output_count(SMALL))
        codes, scale, _ = quantise(d_outputs * model.scales["head"])
        passed = (codes * scale / model.scales["head"].clamp(min=1e-20)).double()
        (output @ twin["head"].detach().t() * passed).sum().backward()
        learner.step(grads)
        model.requantise()
    for name, grad in grads.items():
        exact, true = grad.double().flatten(), twin[name].grad.flatten()
        # Biases feel the coarse attention weights (1/16 nat, 1/127) most.
        alike, rough = (0.9, 0.25) if name.endswith("bias") else (0.95, 0.1)
        assert torch.cosine_similarity(exact, true, dim=0) > alike, name
        assert exact.norm() == pytest.approx(true.norm().item(), rel=rough), name


def test_logits_do_not_see_the_future_or_beyond_the_window():
    model = Model(SMALL, PRODUCTS["float32"])
    learner = Learner(model.weights, model.preset.width)
    text = stream_text(1, SMALL.segment)

    def logits(data: np.ndarray) -> torch.Tensor:
        model.start_block(1)
        model.start_segment()
        return model.forward(see(data)[1], 0)

    targets = torch.from_numpy(text[0, HISTORY:].astype(np.int64))
    for _ in range(3):
        freq = frequencies(logits(text))
        learner.step(model.backward(loss_gradient(freq, targets)))
        model.requantise()
    changed = text.copy()
    changed[0, HISTORY + 7] ^= 1
    before, after = logits(text), logits(changed)
    assert torch.equal(before[:8], after[:8])
    assert not torch.equal(before[8:], after[8:])


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
