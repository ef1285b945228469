"""Whether learned weights pay: on costs that are written down, and a program of known length."""

from __future__ import annotations

import pytest
from conftest import report_of

from lmzip.instruments import lengths
from lmzip.instruments.payoff import Payoff


@pytest.fixture(autouse=True)
def program(monkeypatch):
    """|F| is 100 bytes, and 101 with learned weights: these cost 8 bits."""
    monkeypatch.setattr(lengths, "program_size", lambda weights: 101 if weights else 100)


def payoff(learned: list[float], scratch: list[float]) -> Payoff:
    return Payoff(report_of(learned), report_of(scratch, from_scratch=True))


def test_it_is_the_difference_of_two_descriptions():
    both = payoff([1, 1, 1], [3, 2, 2])
    assert (both.saved_bits, both.weights_bits) == (4, 8)
    assert (both.learned.description_bits, both.scratch.description_bits) == (811, 807)


def test_data_that_are_long_enough_show_from_where_on_the_weights_pay():
    both = payoff([1] * 5, [5, 4, 1, 3, 3])
    assert (both.saved_bits, both.break_even, both.extrapolated) == (11, 4, False)
    assert payoff([1, 1, 9, 1, 1], [8, 8, 1, 8, 8]).break_even == 4, "for good, not for a while"
    assert payoff([1], [9]).break_even == 1


def test_from_data_that_are_too_short_it_is_extrapolated():
    both = payoff([1, 1, 1], [3, 2, 2])
    assert (both.break_even, both.extrapolated) == (6, True)
    assert payoff([1] * 3, [2, 2, 2]).break_even == 8


@pytest.mark.parametrize("costs", [[], [1.0], [2.0, 2.0]])
def test_weights_that_save_nothing_never_pay(costs):
    both = payoff(costs, [1.0] * len(costs))
    assert both.break_even is None and both.extrapolated
    assert both.as_json()["break_even_bytes"] is None
