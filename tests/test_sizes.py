"""Sizes that are pinned: whoever changes the ratio shows it in the diff of the commit."""

from __future__ import annotations

from make_golden import Dice
from make_sizes import INPUTS, SIZES, sizes


def test_archives_are_as_large_as_they_were():
    assert sizes() == SIZES.read_text(), (
        "archives have another size than they had. If that is meant, run "
        "`python tests/make_sizes.py --update`, and say in the commit what it is good for"
    )


def test_the_inputs_are_small_of_many_kinds_and_always_the_same():
    made = [make(Dice(seed)) for seed, make in enumerate(INPUTS)]
    assert len(set(made)) == len(made) >= 12
    assert all(500 <= len(data) <= 3000 for data in made), [len(data) for data in made]
    assert made == [make(Dice(seed)) for seed, make in enumerate(INPUTS)]
