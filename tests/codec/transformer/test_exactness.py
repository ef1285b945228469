"""Every bit of the codec comes from operations that cannot differ between machines."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import noise, prose
from exact_guard import ExactGuard, InexactOperation
from needs_torch import torch

from lmzip.codec.levels import PRESETS
from lmzip.codec.loop import Codec
from lmzip.codec.transformer.reference import arithmetic
from lmzip.codec.transformer.reference import engine as torch_engine


@pytest.mark.parametrize("engine", sorted(arithmetic.PRODUCTS))
def test_a_whole_compress_and_decompress_is_exact(engine, monkeypatch):
    """An encoder and a decoder learn by the same calls; these say what long data make of the model.
    A decoder predicts byte by byte, which under the guard takes 15 ms each: three segments, after
    each of which it learns, and a part of one fill the window and take every way there is.
    """
    monkeypatch.setenv("LMZIP_ENGINE", engine)
    arithmetic.choose_products(engine)  # its self-test draws operands at random
    with ExactGuard() as guard:
        codec = Codec(2, threads=1)  # the guard sees its own thread only
        codec.canary()
        codec.encode(prose(1800) + noise(300))
    assert guard.seen["sqrt"] > 0, "the guard saw no learning step"
    data = prose(300) + noise(100)
    payload = Codec(2, threads=1).encode(data)
    with ExactGuard() as guard:
        assert Codec(2, threads=1).decode(payload, len(data)) == data
    assert guard.seen["sqrt"] > 0, "the guard saw no learning step"


@pytest.mark.parametrize("level", [5, 2, 1])
def test_predicting_and_learning_are_exact_at_any_depth(level):
    """Also where only the last layers learn; learning lags a segment behind, as in the loop."""
    preset = PRESETS[level]
    engine = torch_engine.TorchEngine(preset, arithmetic.PRODUCTS["float32"])
    parts = np.frombuffer(prose(4 * preset.segment), dtype=np.uint8).reshape(4, -1)
    with ExactGuard() as guard:
        engine.start_block()
        for number, part in enumerate(parts):
            engine.predict(number, part)
            if number:
                engine.learn(number - 1, parts[number - 1])
                engine.refresh()
    assert guard.seen["sqrt"] > 0, "the guard saw no learning step"


@pytest.mark.parametrize(
    "plant",
    [
        lambda x: torch.softmax(x, -1),
        lambda x: x.exp(),
        lambda x: x.sqrt(),
        lambda x: x / 3.0,
        lambda x: x.sum(),
        lambda x: x @ x.t(),
        lambda x: torch.add(x, x, alpha=2),
        lambda x: torch.addcmul(x, x, x),
        lambda x: x.mean(),
        lambda x: (x * 1e6).round() @ (x * 1e6).round().t(),
        lambda x: torch.full((2, 2000), 127.0) @ torch.full((2000, 2), 127.0),
        lambda x: torch.full((1 << 18,), 127.0).sum(),
    ],
)
def test_the_guard_catches_what_is_planted(plant):
    x = torch.rand(4, 4, generator=torch.Generator().manual_seed(1)) + 0.01
    with pytest.raises(InexactOperation), ExactGuard():
        plant(x)


def test_a_softmax_planted_in_the_model_is_caught(monkeypatch):
    original = torch_engine.frequencies
    monkeypatch.setattr(
        torch_engine, "frequencies", lambda logits: original(torch.softmax(logits, -1).log())
    )
    monkeypatch.setenv("LMZIP_ENGINE", "float32")
    codec = Codec(2, threads=1)
    with pytest.raises(InexactOperation, match="softmax"), ExactGuard():
        codec.encode(b"some bytes")


@pytest.mark.parametrize("name", sorted(arithmetic.PRODUCTS))
@pytest.mark.parametrize(
    "shape", [(1, 8, 8), (3, 127, 5), (33, 1040, 7), (17, 1041, 9), (8, 4096, 3)]
)
def test_engines_give_exact_products(name, shape):
    rows, terms, columns = shape
    generator = torch.Generator().manual_seed(terms)
    a = torch.randint(-127, 128, (rows, terms), generator=generator).float()
    b = torch.randint(-127, 128, (columns, terms), generator=generator).float()
    products = arithmetic.PRODUCTS[name]
    got = products.product(products.operand(a), products.operand(b))
    assert torch.equal(got, (a.double() @ b.double().t()).float())


def test_products_that_saturate_fail_the_self_test():
    saturating = arithmetic.Products(
        "saturating",
        lambda codes: codes,
        lambda a, b: (a.double() @ b.double().t()).clamp(-32768, 32767).float(),
    )
    assert not arithmetic.self_test(saturating)
    assert all(arithmetic.self_test(products) for products in arithmetic.PRODUCTS.values())


def test_quantised_values_are_integers_within_the_levels():
    x = torch.randn(64, 96, generator=torch.Generator().manual_seed(2)) * 1e-3
    codes, scale, rate = arithmetic.quantise(x)
    assert torch.equal(codes, codes.round())
    assert codes.abs().amax(-1).eq(127).all()
    assert ((codes * scale - x).abs() <= scale * 0.5001).all()
    assert torch.allclose(rate * scale, torch.ones_like(rate))


def test_zeros_quantise_to_zeros():
    codes, scale, _ = arithmetic.quantise(torch.zeros(3, 5))
    assert not codes.any()
    assert torch.isfinite(scale).all()
