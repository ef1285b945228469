"""Regret, and where one level overtakes another, on costs that are written down."""

from __future__ import annotations

import pytest
from conftest import report_of

from lmzip.instruments.comparison import Overtaking, as_json, best_of, overtakings, regrets
from lmzip.instruments.lengths import Report


def told(level: int, *costs: float) -> Report:
    """A report with these costs."""
    return report_of(costs, level)


SMALL, LARGE, SLOW = told(1, 2, 2, 2, 2), told(5, 3, 2, 1, 1), told(9, 4, 3, 2, 2)


def test_regret_is_against_the_best():
    assert regrets([SMALL, LARGE, SLOW]) == [1, 0, 4]
    assert best_of([SMALL, LARGE, SLOW]) is LARGE


def test_where_the_larger_overtakes_the_smaller():
    # sums: 2 4 6 8 against 3 5 6 7: level 5 is below level 1 from the fourth byte on
    assert overtakings([LARGE, SLOW, SMALL]) == [Overtaking(5, 1, 3), Overtaking(9, 5, None)]


def test_a_level_that_leads_from_the_start_overtakes_there():
    assert overtakings([told(1, 2, 2), told(2, 1, 1)]) == [Overtaking(2, 1, 0)]


def test_what_costs_the_same_overtakes_nothing():
    assert overtakings([told(1, 2, 2), told(2, 2, 2)]) == [Overtaking(2, 1, None)]
    assert overtakings([told(1), told(2)]) == [Overtaking(2, 1, None)]


def test_json():
    found = as_json("a", [SMALL, LARGE])
    assert found["name"] == "a"
    assert [row["regret_bits"] for row in found["levels"]] == pytest.approx([1, 0])
    assert found["overtakings"] == [{"level": 5, "overtaken": 1, "at": 3}]
