"""The curves of training runs, from their logs."""

from __future__ import annotations

import re
from pathlib import Path

LINE = re.compile(r"steps, ([\d.]+) MB, ([\d.]+) bits per byte")


def points(log: Path) -> list[tuple[float, float]]:
    """(megabytes read, bits per byte of the last steps) of every line of a log that has them."""
    found = LINE.findall(log.read_text(encoding="utf-8"))
    return [(float(read), float(bits)) for read, bits in found]


def plot(logs: list[Path], output: Path) -> None:
    """Draw the curves of the logs, named after their files, into a picture. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for log in logs:
        read, bits = zip(*points(log), strict=True)
        axes.plot(read, bits, label=log.stem)
    axes.set(xlabel="megabytes read in this run", ylabel="bits per byte, while training")
    axes.set_xscale("log")  # a GPU reads a hundred times as much as a core
    axes.legend(ncols=3, fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(output, dpi=100)
