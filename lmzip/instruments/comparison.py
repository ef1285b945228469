"""Several models on the same bytes: who is better, by how much, and from where on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lmzip.arrays import np
from lmzip.instruments.lengths import Report


@dataclass(frozen=True)
class Overtaking:
    """Where one level's code length falls below that of a lower level, for good."""

    level: int
    overtaken: int
    at: int | None
    """Bytes of data from which on it stays below; None if it ends above, or with the same."""


def regrets(reports: Sequence[Report]) -> list[float]:
    """Bits that each spends more than the best of them. All reports are of the same data."""
    best = min(report.bits for report in reports)
    return [report.bits - best for report in reports]


def best_of(reports: Sequence[Report]) -> Report:
    """The report with the shortest code."""
    return min(reports, key=lambda report: report.bits)


def overtakings(reports: Sequence[Report]) -> list[Overtaking]:
    """Each level against the next lower one of those in `reports`, of the same data.

    Those with a prior are left out.
    """
    plain = [report for report in reports if report.prior is None]
    rising = sorted(plain, key=lambda report: report.level)
    return [
        Overtaking(larger.level, smaller.level, _overtakes(larger, smaller))
        for smaller, larger in pairwise(rising)
    ]


def _overtakes(larger: Report, smaller: Report) -> int | None:
    behind = np.cumsum(larger.costs - smaller.costs) >= 0
    if not len(behind) or behind[-1]:
        return None
    (places,) = behind.nonzero()
    return int(places[-1]) + 1 if len(places) else 0


def as_json(name: str, reports: Sequence[Report]) -> dict[str, Any]:
    """The comparison of one file."""
    rows = [
        {**report.as_json(), "regret_bits": regret}
        for report, regret in zip(reports, regrets(reports), strict=True)
    ]
    places = [vars(overtaking) for overtaking in overtakings(reports)]
    return {"name": name, "levels": rows, "overtakings": places}
