"""Pictures of reports, as matplotlib figures; needs the extra `lmzip[report]`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lmzip.arrays import np
from lmzip.errors import RefusedError
from lmzip.instruments.comparison import best_of
from lmzip.instruments.lengths import FIRST_CHUNK, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 400
"""Points of a curve at most."""
SINGLE, OTHER, LOSS = "#1f5f8b", "#b9c4cc", "#c0562f"
COLOURS = ("#1f5f8b", "#c0562f", "#3f8f5b", "#8a5fa8", "#b38a1e", "#4a4a4a",
           "#d277a4", "#2aa3a3", "#7a3b1f")  # fmt: skip
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": "#e3e6e8",
    "svg.fonttype": "none",  # letters stay letters: small, and can be searched
    "svg.hashsalt": "lmzip",  # the same picture has the same bytes
}


def check_library() -> None:
    """Raise RefusedError if there is no matplotlib."""
    if find_spec("matplotlib") is None:
        raise RefusedError(
            "no picture is drawn",
            "matplotlib is not installed",
            "pip install 'lmzip[report]', or do without --html",
        )


def learning_curves(reports: Sequence[Report]) -> Figure:
    """Bits per byte of each chunk over the bytes read, both axes logarithmic.

    One report: with the code length so far per byte, and the final loss. Several: a curve each.
    """
    axes = _axes("learning curve", height=3.8)
    from matplotlib.ticker import LogLocator

    lowest, highest = np.inf, 0.0
    for report, colour in zip(reports, COLOURS, strict=False):
        chunks = report.curve(per_octave=2)
        if not chunks:
            continue
        ends = [chunk.stop for chunk in chunks]
        heights = [chunk.bits_per_byte for chunk in chunks]
        axes.stairs(heights, [FIRST_CHUNK / 2, *ends], color=colour, baseline=None,
                    linewidth=1.8, label=_label(report, reports, "each chunk"))  # fmt: skip
        if len(reports) == 1:
            sums = np.cumsum([chunk.bits for chunk in chunks])
            axes.plot(ends, sums / ends, color=LOSS, linewidth=1.5, label="all so far")
            axes.axhline(report.final_loss, color="#777", linewidth=1, linestyle=":")
            # Far below the axis it must neither be drawn nor make room for itself.
            axes.annotate("final loss", (0.005, report.final_loss), fontsize=8, color="#666",
                          xycoords=("axes fraction", "data"), xytext=(0, 3), in_layout=False,
                          textcoords="offset points", annotation_clip=True)  # fmt: skip
        lowest = min(lowest, max(min(heights), report.bits_per_byte / 8))
        highest = max(highest, *heights)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    if highest > lowest > 0:  # one very easy chunk would press the others together
        axes.set_ylim(lowest / 1.1, highest * 1.1)
    axes.set_xlabel("bytes read")
    axes.set_ylabel("bits per byte")
    axes.xaxis.set_major_formatter(lambda value, place: _size(value))
    axes.yaxis.set_major_locator(LogLocator(2, subs=(1.0, 1.5)))
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
    axes.grid(True, which="major")
    _legend(axes)
    return axes.figure


def regret_curves(reports: Sequence[Report]) -> Figure:
    """Bits per byte that each has spent more than the best of them, over the bytes read."""
    best = best_of(reports)
    axes = _axes(f"regret against level {best.name}, the best in the end", height=3.0)
    count = len(best.data)
    places = np.unique(np.geomspace(1, max(count, 1), POINTS).astype(np.int64))
    places = places[places >= min(FIRST_CHUNK, count)]
    for report, colour in zip(reports, COLOURS, strict=False):
        if count:
            behind = np.cumsum(report.costs - best.costs)[places - 1] / places
            axes.plot(places, behind, color=colour, linewidth=1.5, label=f"level {report.name}")
    axes.set_xscale("log", base=2)
    axes.set_xlabel("bytes read")
    axes.set_ylabel("bits per byte more, so far")
    axes.xaxis.set_major_formatter(lambda value, place: _size(value))
    axes.grid(True)
    _legend(axes)
    return axes.figure


def coders(report: Report) -> Figure:
    """Bytes of the archive beside those of other compressors."""
    sizes = {f"lmzip -{report.name}": report.archive_size, **report.others}
    return _bars("bytes, beside other compressors", sizes, f"lmzip -{report.name}")


def parts(report: Report) -> Figure:
    """Bytes that each part of the model saves."""
    saved = {name: bits / 8 for name, bits in report.parts.items()}
    return _bars("bytes more without each part of the model", saved, "transformer")


def svg(figure: Figure) -> str:
    """A figure as an `<svg>` element that needs nothing else."""
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context(STYLE):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nothing, transparent=True)
    text = file.getvalue()
    return text[text.index("<svg") :]


def _axes(title: str, *, height: float) -> Axes:
    check_library()
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # not pyplot: no state, no window

    with rc_context(STYLE):
        axes = Figure(figsize=(9.5, height), layout="constrained").subplots()
        axes.set_title(title)
        return axes


def _bars(title: str, values: dict[str, float], own: str) -> Figure:
    """One bar for each name, the least at the top; `own` in a colour."""
    names = sorted(values, key=lambda name: values[name])
    if title.startswith("bytes more"):
        names.reverse()
    axes = _axes(title, height=0.6 + 0.24 * len(names))
    colours = [SINGLE if name == own else OTHER for name in names]
    bars = axes.barh(names, [values[name] for name in names], color=colours, height=0.72)
    axes.bar_label(bars, [f"{values[name]:,.0f}" for name in names], padding=4, fontsize=8.5)
    axes.invert_yaxis()
    axes.margins(x=0.12, y=0.02)
    axes.xaxis.set_visible(False)
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.axvline(0, color="#888", linewidth=0.8)
    return axes.figure


def _label(report: Report, reports: Sequence[Report], alone: str) -> str:
    return alone if len(reports) == 1 else f"level {report.name}"


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)


def _size(value: float) -> str:
    for unit, name in ((1 << 20, "M"), (1 << 10, "k")):
        if value >= unit:
            return f"{value / unit:g} {name}"
    return f"{value:g}"
