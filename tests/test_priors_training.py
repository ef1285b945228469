"""Learning a prior: what is held out, what is chosen, what it is worth, and how large it is."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from conftest import noise
from samples import LEVEL, NEW, records, trained

import lmzip
from lmzip.priors import samples, training, tuning
from lmzip.priors.parts import Parts
from lmzip.priors.samples import chosen_text, divided
from lmzip.priors.training import train


def test_some_samples_are_held_out_and_never_learned_from():
    found = divided(records(60))
    assert len(found.held_out) == 6 and len(found.learned) == 54
    assert set(found.held_out) | set(found.learned) == set(records(60))
    assert divided(records(60)) == found, "the same ones every time"


def test_what_is_there_twice_is_one_sample():
    found = divided([*records(10), *records(10), b"", b""])
    assert len(found.held_out) + len(found.learned) == 10


def test_a_long_sample_is_several(monkeypatch):
    monkeypatch.setattr(samples, "LONGEST", 100)
    found = divided([noise(250), noise(30, seed=2)])
    assert sorted(map(len, found.held_out + found.learned)) == [30, 50, 100, 100]


def test_of_many_bytes_no_more_are_read_than_are_worth_it(monkeypatch):
    monkeypatch.setattr(samples, "MOST_LEARNED", 1000)
    monkeypatch.setattr(samples, "MOST_HELD_OUT", (100, 500))
    found = divided(records(60))
    assert 500 < sum(map(len, found.learned)) <= 1000
    assert 0 < sum(map(len, found.held_out)) <= 500


@pytest.mark.parametrize("too_few", [[], [b"one"], [b"one", b"one"]])
def test_from_fewer_than_two_nothing_is_learned(too_few):
    with pytest.raises(ValueError, match="two samples at least"):
        lmzip.Prior.train(too_few, LEVEL)


def test_the_text_holds_what_is_common_to_most():
    common = [b"the same beginning, " + noise(40, seed) for seed in range(9)]
    strange = [noise(60, seed) for seed in range(20, 29)]
    text = chosen_text([*strange, *common], 130)
    assert text.count(b"the same beginning, ") == 1, (
        "once is enough: nothing else is in two of them"
    )
    assert text.endswith(tuple(common)), "what only one has is taken where there is room, before it"
    assert len(chosen_text(strange, 1000)) == 9 * 60


def test_the_text_is_no_longer_than_it_may_be():
    for size in (0, 100, 1000):
        assert len(chosen_text(records(40), size)) <= size


def test_the_most_common_stands_at_the_end_where_the_data_begin():
    both = [b"said in all of them, and here more" + bytes([i]) for i in range(9)]
    some = [b"said in two only, nothing more " + noise(9, i) for i in range(2)]
    text = chosen_text([*some, *both], 1000)
    assert text.rindex(b"said in two") < text.rindex(b"said in all")


def test_samples_in_the_text_are_not_read_again_and_some_are_left(monkeypatch):
    """What a model reads twice it would trust too much."""
    seen: list[training.Fold] = []

    class Watched(training.Learner):
        def __init__(self, level, folds, prior, threads):
            seen.extend(folds)
            super().__init__(level, folds, prior, threads)

    monkeypatch.setattr(training, "Learner", Watched)
    train(records(40), LEVEL, size=8000, text_size=100_000)
    learned = divided(records(40)).learned
    for text, others in ((fold.text, fold.samples) for fold in seen):
        assert 0 < len(text) <= 0.75 * sum(map(len, learned))
        assert others == [sample for sample in learned if sample not in text]
        assert sum(map(len, others)) + len(text) == sum(map(len, learned))
    assert {sample for fold in seen for sample in fold.samples} == set(learned), "each at some time"


def test_where_the_text_leaves_enough_samples_they_are_read_behind_it():
    learned = records(40)
    text = b"".join(learned[:20])
    assert training._folds(learned, text) == [training.Fold(text, learned[20:])]


def test_of_a_long_sample_in_the_text_the_rest_is_read():
    piece, rest = noise(samples.PIECE), b"and more"
    assert training._unread([piece + rest, piece, b"other"], piece) == [rest, b"other"]


def test_what_it_is_worth_is_told():
    found = trained()
    assert found.after < 0.7 * found.before
    assert found.held_out == sum(map(len, divided(records(60)).held_out))
    assert found.samples == 54
    saved = (found.before - found.after) / found.held_out
    assert found.break_even == -(-len(found.data) // saved)


def test_what_is_told_is_what_archives_take():
    held_out = divided(records(60)).held_out
    prior = lmzip.Prior(trained().data)
    with_it = sum(len(lmzip.compress(sample, LEVEL, prior=prior)) for sample in held_out)
    without = sum(len(lmzip.compress(sample, LEVEL)) for sample in held_out)
    # The memory's tables are those of the longest of them.
    assert abs(with_it - trained().after) <= 2 + with_it // 100
    assert abs(without - trained().before) <= 2 + without // 100


def test_the_same_samples_give_the_same_prior():
    assert train(records(60), LEVEL, size=8000, text_size=1000, threads=1) == trained()


def test_what_held_out_samples_are_no_better_with_is_not_kept():
    """Nothing that the first knew is in the others: reading them makes it worse, or no better."""
    found = train([noise(300, seed) for seed in range(12)], LEVEL, size=8000, text_size=1000)
    assert found.times == 0 and found.after <= found.before
    assert Parts.unpack(found.data).differences.network == b""


@pytest.mark.parametrize("size", [300, 1000, 6000])
def test_it_is_no_larger_than_it_may_be(size):
    prior = lmzip.Prior.train(records(30), LEVEL, size=size, text_size=1000)
    assert prior.size <= size
    assert lmzip.decompress(lmzip.compress(NEW, LEVEL, prior=prior), prior=prior) == NEW


def test_a_size_that_nothing_fits_into_is_refused():
    with pytest.raises(ValueError, match="allow more"):
        train(records(30), LEVEL, size=40, text_size=9)


def test_every_step_is_told_of_as_it_goes_on():
    steps: dict[str, list[int]] = {}

    @contextmanager
    def told(name, size):
        done = steps[name] = []
        yield done.append
        assert sum(done) == size

    train(records(20), LEVEL, size=8000, text_size=500, told=told)
    times = tuning.PASSES  # of so few
    assert list(steps)[: times + 7] == [
        "choosing a text", "without a prior", "with a text", "looking at samples",
        *(f"teaching the network, {time} of {times}" for time in range(1, times + 1)),
        "held out, with the network", f"reading, 1 of {training.PASSES}", "held out, after 1",
    ]  # fmt: skip


def test_too_little_memory_is_refused_before_the_work():
    with pytest.raises(lmzip.LimitError):
        train(records(5), LEVEL, size=2000, text_size=500, memory_limit=1 << 20)
