"""The encoder's parallel evaluation is the decoder's incremental one, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import prose

from lmzip.codec.exact import PRODUCTS, quantise
from lmzip.codec.initial import HISTORY, initial_weights, matrix_shapes
from lmzip.codec.learner import Learner
from lmzip.codec.mixing import TOTAL, frequencies, loss_gradient
from lmzip.codec.model import Model
from lmzip.codec.presets import Preset

SMALL = Preset(
    width=32, layers=2, heads=2, window=24, streams=2, segment=16, contexts=8, sets=3, log_buckets=8
)


def history_of(text: np.ndarray, start: int, count: int) -> torch.Tensor:
    """[B, count, 3] preceding bytes of positions start .. start+count; text [B, 3 + L]."""
    back = [text[:, HISTORY - k + start : HISTORY - k + start + count] for k in (1, 2, 3)]
    return torch.from_numpy(np.stack(back, -1).astype(np.int64))


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
    for start in range(0, 6 * SMALL.segment, SMALL.segment):
        targets = torch.from_numpy(text[:, HISTORY + start :][:, : SMALL.segment].astype(np.int64))
        all_logits = []
        for model, span in zip(models, (SMALL.segment, 1), strict=True):
            model.start_segment()
            logits = [
                model.forward(history_of(text, start + at, span), at).view(streams, span, -1)
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


def float_output(weights: dict[str, torch.Tensor], history: torch.Tensor) -> torch.Tensor:
    """What the head reads, [B, n, d], by the same network without quantisation, in float64."""
    streams, n = history.shape[:2]
    d, heads = SMALL.width, SMALL.heads
    distance = torch.arange(n)[:, None] - torch.arange(n)[None]

    def norm(x):
        return x / x.abs().mean(-1, keepdim=True)

    x = sum(weights["embedding"][back][history[..., back]] for back in range(HISTORY))
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


def test_loss_and_gradient_are_those_of_the_network_without_quantisation():
    """But for one rule: what passes below the head is p - one-hot rounded to 8 bits per row."""
    text = stream_text(2, SMALL.segment)
    history = history_of(text, 0, SMALL.segment)
    targets = torch.from_numpy(text[:, HISTORY:].astype(np.int64)).reshape(-1)
    model = Model(SMALL, PRODUCTS["float32"])
    learner = Learner(model.weights, model.preset.width)
    for _ in range(12):
        model.start_block(2)
        model.start_segment()
        freq = frequencies(model.forward(history, 0))
        twin = {name: w.double().requires_grad_() for name, w in model.weights.items()}
        d_logits = loss_gradient(freq, targets)
        grads = model.backward(d_logits)
        picked = freq.gather(1, targets[:, None]).double() / TOTAL
        output = float_output(twin, history)
        logits = output.detach() @ twin["head"].t()
        twin_loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        assert float(-picked.log().sum()) == pytest.approx(twin_loss.item(), rel=0.02)
        twin_loss.backward()
        codes, scale, _ = quantise(d_logits * model.scales["head"])
        passed = (codes * scale / model.scales["head"].clamp(min=1e-20)).double()
        (output @ twin["head"].detach().t() * passed).sum().backward()
        learner.step(grads)
        model.requantise()
    for name, grad in grads.items():
        exact, true = grad.double().flatten(), twin[name].grad.flatten()
        assert torch.cosine_similarity(exact, true, dim=0) > 0.95, name
        # Biases feel the coarse attention weights (1/16 nat, 1/127) most.
        rough = 0.25 if name.endswith("bias") else 0.1
        assert exact.norm() == pytest.approx(true.norm().item(), rel=rough), name


def test_logits_do_not_see_the_future_or_beyond_the_window():
    model = Model(SMALL, PRODUCTS["float32"])
    learner = Learner(model.weights, model.preset.width)
    text = stream_text(1, SMALL.segment)

    def logits(data: np.ndarray) -> torch.Tensor:
        model.start_block(1)
        model.start_segment()
        return model.forward(history_of(data, 0, SMALL.segment), 0)

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
