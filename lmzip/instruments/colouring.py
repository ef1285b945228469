"""The data as HTML, each character coloured by what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby, pairwise

from lmzip.arrays import np
from lmzip.instruments import visible
from lmzip.instruments.lengths import Report

BOUNDS = (0.125, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0)
"""Bits per byte at which the next colour begins."""
COLOURS = ("#ffffff", "#fff8dc", "#ffedb0", "#fedc7f", "#fdbb5a", "#f98e45", "#ec6a43", "#a31621")
SHOWN = 24_000
"""Bytes of data shown at most: half of them from the beginning, half from the end."""
ROW = 32
"""Bytes in a row of data that are no text."""


def style() -> str:
    """The classes of the colours, for a style sheet."""
    rules = [f".c{i}{{background:{colour}}}" for i, colour in enumerate(COLOURS)]
    return "".join(rules) + f".c{len(COLOURS) - 1}{{color:#fff}}"


def legend() -> str:
    """What the colours mean."""
    names = [f"under {BOUNDS[0]:g}"]
    names += [f"{low:g} to {high:g}" for low, high in pairwise(BOUNDS)]
    names.append(f"{BOUNDS[-1]:g} and more")
    spans = [f'<i class="c{i}">{name}</i>' for i, name in enumerate(names)]
    return "<p class='legend'>bits per byte: " + " ".join(spans) + "</p>"


def shown_ranges(size: int) -> list[tuple[int, int]]:
    """Which bytes are shown: all, or the first and the last ones."""
    if size <= SHOWN:
        return [(0, size)] if size else []
    return [(0, SHOWN // 2), (size - SHOWN // 2, size)]


def coloured(report: Report, start: int, stop: int, *, row: int = ROW, places: bool = True) -> str:
    """Some of the data as HTML: text as it is, other data as hexadecimal digits.

    A range that cuts characters apart is moved to their beginnings. Of data that are no text
    `row` bytes stand in a row, `places` says whether with their place before them.
    """
    data, costs = report.data, report.costs
    if report.is_text:
        start, stop = visible.whole(data, start), visible.whole(data, stop)
        return "".join(_runs(_pieces(data[start:stop], costs[start:stop])))
    lines = []
    for at in range(start, stop, row):
        here = range(at, min(at + row, stop))
        digits = _runs([(_colour(costs[i : i + 1]), f"{data[i]:02x} ") for i in here])
        lines.append((f"<u>{at:>10,}</u>  " if places else "") + "".join(digits))
    return "\n".join(lines)


def _pieces(data: bytes, costs: np.ndarray) -> Iterator[tuple[int, str]]:
    """Colour and HTML of each character."""
    at = 0
    for character, size in visible.characters(data):
        colour = _colour(costs[at : at + size])
        at += size
        if character == "\n":
            yield colour, "<b>\n</b>"
        elif character == "\t":
            yield colour, "\t"
        else:
            text = visible.escaped(character)
            yield colour, escape(text) if text == character else f"<u>{escape(text)}</u>"


def _runs(pieces: Iterator[tuple[int, str]] | Sequence[tuple[int, str]]) -> Iterator[str]:
    """One element for neighbours of one colour."""
    for colour, run in groupby(pieces, key=lambda piece: piece[0]):
        yield f"<i class=c{colour}>" + "".join(text for _, text in run) + "</i>"


def _colour(costs: np.ndarray) -> int:
    return int(np.searchsorted(BOUNDS, costs.mean(), side="right"))
