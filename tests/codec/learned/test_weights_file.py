"""Files of learned weights: what is packed comes back, in few bits."""

from __future__ import annotations

import numpy as np
import pytest

from lmzip.codec.learned.weights_file import (
    BITS,
    LANES,
    coded,
    frequencies,
    levels_of,
    pack,
    pack_codes,
    read,
    unpack,
)
from lmzip.codec.levels import PRESETS
from lmzip.codec.transformer.weights import tensor_shapes


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_tensors_come_back_as_codes_times_scales():
    tensors = {"embedding": some(30, 8), "table": some(20), "0.up": some(16, 8)}
    back = unpack(pack(tensors), {name: tensor.shape for name, tensor in tensors.items()})
    for name, tensor in tensors.items():
        _, codes, scales = coded(tensor, levels_of(name))
        expected = codes.astype(np.float32) * scales.astype(np.float32)[:, None]
        assert (back[name] == expected.reshape(tensor.shape)).all()
        assert np.abs(back[name] - tensor).max() <= scales.max()


def test_codes_come_back_whatever_their_scales():
    codes = np.array([[3, -3, 0], [1, 0, 2]])
    scales = np.array([0.5, 100], np.float16)
    back = unpack(pack_codes([(3, codes, scales)]), {"rows": (2, 3)})["rows"]
    assert (back == [[1.5, -1.5, 0], [100, 0, 200]]).all()


@pytest.mark.parametrize("rows", range(1, 2 * LANES + 2))
def test_rows_lie_in_the_payloads_by_turns(rows):
    tensors = {"a": some(rows, 50), "b": some(rows + 1, 3)}
    back = unpack(pack(tensors), {name: tensor.shape for name, tensor in tensors.items()})
    for name, tensor in tensors.items():
        assert np.abs(back[name] - tensor).max() < np.abs(tensor).max() / 15


def test_a_tensor_may_have_no_rows():
    nothing = (1, np.zeros((0, 5), np.int64), np.zeros(0, np.float16))
    shapes = {"nothing": (0, 5), "row": (1, 2)}
    back = unpack(pack_codes([nothing, coded(some(1, 2), 15)]), shapes)
    assert back["nothing"].shape == (0, 5)
    assert back["row"].any()


def test_a_row_of_nothing_takes_its_scale_and_no_codes():
    tensor = some(40, 64)
    whole = pack({"embedding": tensor})
    tensor[::2] = 0
    half = pack({"embedding": tensor})
    back = unpack(half, {"embedding": (40, 64)})["embedding"]
    assert not back[::2].any() and back[1::2].any(axis=1).all()
    head = 1 + 2 * (2 * levels_of("embedding") + 1) + 2 * 40 + 4 * (LANES - 1)
    assert len(half) - head < 0.52 * (len(whole) - head)


@pytest.mark.parametrize("counts", [[0, 0, 5], [1, 1, 1], [0, 10**9, 1], [0, 0, 0]])
def test_every_code_has_a_frequency_and_they_fill_the_total(counts):
    freq = frequencies(np.array(counts))
    assert freq.sum() == 1 << BITS
    assert freq.min() >= 1


def test_rare_codes_cost_few_bits():
    rare = np.zeros((100, 100), np.int64)
    rare[::10, 0] = 7
    ones = np.ones(100, np.float16)
    common = np.random.default_rng(1).integers(-7, 8, (100, 100))
    assert len(pack_codes([(7, rare, ones)])) < len(pack_codes([(7, common, ones)])) / 5


@pytest.mark.parametrize("name", sorted({preset.learned for preset in PRESETS.values()}))
def test_the_shipped_networks_are_whole(name):
    preset = next(preset for preset in PRESETS.values() if preset.learned == name)
    shapes = tensor_shapes(preset)
    for key, tensor in unpack(read(name), shapes).items():
        assert tensor.shape == shapes[key]
        assert np.isfinite(tensor).all() and tensor.any()


def test_what_no_weights_file_can_be_is_refused():
    """Whoever reads other people's files gets an error, never codes from beside a table."""
    shapes = {"row": (1, 8)}
    sound = pack_codes([coded(some(1, 8), 15)])
    assert unpack(sound, shapes)["row"].any()
    wrong = bytearray(sound)
    wrong[1] ^= 1  # a frequency: the sum is no longer 2^14
    infinite = pack_codes([(15, np.ones((1, 8), np.int64), np.array([np.inf], np.float16))])
    large = bytes([128]) + sound[1:] + bytes(1000)
    longer = bytearray(sound)
    longer[-len(sound) + 1 + 2 * 31 + 2 + 3] = 255  # of the first payload: 4 GB
    for data in (b"", sound[:40], bytes(wrong), infinite, large, bytes(longer)):
        with pytest.raises(ValueError):
            unpack(data, shapes)
