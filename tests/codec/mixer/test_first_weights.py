"""What the mixer begins with: learned rows, or a formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmzip.codec.coder.bit_coder import empty_bits
from lmzip.codec.levels import PRESETS, preset_of
from lmzip.codec.loop import Codec
from lmzip.codec.memory.sample_distribution import DISTRIBUTIONS
from lmzip.codec.mixer.first_weights import (
    BOUND,
    FINAL_OTHERS,
    FirstWeights,
    changed,
    formula,
    learned,
    pack_differences,
    pack_weights,
    rows_of,
    unpack_weights,
)
from lmzip.codec.mixer.mixer import SAMPLE_WEIGHT, empty_mixer

EXAMPLE = (Path(__file__).parents[3] / "examples/sea.txt").read_bytes()[:2000]


def tensors(contexts: int, sets: int) -> list[tuple[np.ndarray, np.ndarray, tuple]]:
    """Sets and final mixers, each with one row, the third, that differs by 3 steps of 1000."""
    rows = rows_of(sets)
    plain = formula(contexts, sets)
    columns = [plain.sets.shape[1], plain.finals.shape[1]]
    random = np.random.default_rng(1)
    result = []
    for count, width in zip(map(len, rows), columns, strict=True):
        codes = np.full((1, width), 3)
        means = random.integers(-127, 128, (count, width)) * 500.0
        means[:, 0] = 127 * 500
        result.append((means, np.array([2]), (5, codes, np.array([1000], np.float16))))
    return result


def test_a_file_gives_back_what_was_packed():
    sets, finals = tensors(8, 3)
    first = unpack_weights(pack_weights(sets, finals), 8, 3)
    rows, final_rows = rows_of(3)
    for weights, counts, (means, _, _) in (
        (first.sets, rows, sets),
        (first.finals, final_rows, finals),
    ):
        expected = np.repeat(means, counts, axis=0)
        expected[2] += 3000
        assert weights.dtype == np.int32
        assert (weights == expected).all()


def test_no_weight_leaves_its_bound():
    sets, finals = tensors(8, 3)
    huge = (127, np.full_like(sets[2][1], 127), np.array([60000], np.float16))
    first = unpack_weights(pack_weights((*sets[:2], huge), finals), 8, 3)
    assert (first.sets[2] == BOUND).all()


@pytest.mark.parametrize("level", PRESETS)
def test_every_level_has_its_file(level):
    preset = PRESETS[level]
    first, plain = learned(preset), formula(preset.contexts, preset.sets)
    assert first.sets.shape == plain.sets.shape
    assert first.finals.shape == plain.finals.shape
    assert first.uses > plain.uses == 0


def test_the_mixer_begins_with_them():
    first = FirstWeights(
        np.full_like(formula(8, 3).sets, 5), np.full_like(formula(8, 3).finals, 7), 100
    )
    mixer = empty_mixer(8, 3, first)
    for weights, own, first_weight in (
        (mixer.weights, first.sets.shape[1], 5),
        (mixer.final_weights, 3 + FINAL_OTHERS, 7),
    ):
        given, of_samples, rest = np.split(weights, [own, own + DISTRIBUTIONS], axis=1)
        assert (given == first_weight).all()
        assert (of_samples == SAMPLE_WEIGHT).all()
        assert not rest.any(), "what fills a vector up has no weight"
    assert (mixer.uses == 100).all()
    assert (mixer.final_uses == 50).all()


def test_a_text_is_smaller_with_them_than_with_the_formula():
    def size(from_scratch: bool) -> int:
        codec = Codec(1)
        codec.bits = empty_bits(preset_of(1, from_scratch), 2000)
        return len(codec.encode(EXAMPLE))

    assert size(from_scratch=False) < 0.99 * size(from_scratch=True)


def differences(rows: list[int], value: int, columns: int) -> tuple[np.ndarray, tuple]:
    codes = np.full((len(rows), columns), 2)
    return np.array(rows, np.int64), (2, codes, np.full(len(rows), value / 2, np.float16))


def test_a_prior_adds_to_the_rows_that_it_names():
    first = formula(8, 3)
    sets, finals = (
        differences([1, 5], 300, first.sets.shape[1]),
        differences([0], 40, first.finals.shape[1]),
    )
    found = changed(first, pack_differences(sets, finals))
    more, final_more = found.sets - first.sets, found.finals - first.finals
    assert (more[[1, 5]] == 300).all() and (final_more[0] == 40).all()
    assert np.abs(more).sum() == 2 * 300 * first.sets.shape[1], "and to no other"
    assert np.abs(final_more).sum() == 40 * first.finals.shape[1]
    assert found.uses == first.uses


def test_what_a_prior_adds_leaves_no_bound():
    first = formula(8, 3)
    huge = np.array([2]), (127, np.full((1, first.sets.shape[1]), 127), np.array([60000], "f2"))
    found = changed(first, pack_differences(huge, differences([], 0, first.finals.shape[1])))
    assert (found.sets[2] == BOUND).all()


@pytest.mark.parametrize("row", [sum(rows_of(3)[0]), 65535])
def test_a_row_that_there_is_not_is_refused(row):
    first = formula(8, 3)
    data = pack_differences(
        differences([row], 4, first.sets.shape[1]), differences([], 0, first.finals.shape[1])
    )
    with pytest.raises(ValueError, match="a row differs that is none"):
        changed(first, data)


def test_what_is_no_file_of_differences_is_refused():
    for data in (b"", b"\1", b"\xff\xff\0\0", bytes(40)):
        with pytest.raises(ValueError):
            changed(formula(8, 3), data)
