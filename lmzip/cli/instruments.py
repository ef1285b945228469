"""The commands that measure: bench, report, compare, score, distance."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from lmzip import rawio
from lmzip.cli.inputs import Input, inputs, open_input
from lmzip.cli.options import (
    Settings,
    file_options,
    level_options,
    model_options,
    prior_option,
    scratch_option,
    talk_options,
)
from lmzip.cli.outputs import is_special, open_special
from lmzip.cli.prior import beginning, read_prior
from lmzip.cli.report import Console, about
from lmzip.codec.levels import MAX_LEVEL, MIN_LEVEL
from lmzip.outputs import atomic_output
from lmzip.prior import Prior
from lmzip.progress import progress_bar

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
_levels = click.option("--levels", default="1,5,9", show_default=True, help="Levels, with commas.")
_html = click.option(
    "--html", "page", type=click.Path(dir_okay=False, readable=False), metavar="PAGE",
    help="Write a page with pictures too (needs lmzip[report]).",
)  # fmt: skip
_force = click.option("-f", "--force", is_flag=True, help="Overwrite the page.")


@click.command(short_help="Measure levels beside other compressors.")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@_levels
@_json
def bench(files: tuple[str, ...], levels: str, as_json: bool) -> None:
    """Measure levels beside other compressors on FILES: bytes, speed both ways, memory."""
    from lmzip.bench import measure, table

    results = measure(files, _numbers(levels))
    if as_json:
        _print_json([asdict(result) for result in results])
    else:
        _print(table(results))


@click.command(short_help="Show where the bits of an archive go.")
@click.argument("file", default="-", type=click.Path(allow_dash=True))
@_html
@_json
@_force
@level_options
@scratch_option
@prior_option
@model_options
@talk_options
@click.pass_context
def report(ctx: click.Context, file: str, page: str | None, **options: Any) -> None:
    """Show what the bytes of FILE, or of standard input, cost at a level, in bits.

    Code length, learning curve, the length of the program |F|, how bytes are coded, what each part
    of the model saves, other compressors, the most and the least surprising passages. The numbers
    are those of the archive. It is made from learned weights (with PRIOR, if given) and from
    scratch, to tell how many bytes of such data pay for what is in |F| then. The page adds
    pictures, and the text coloured by the cost of each byte.
    """
    settings = Settings(files=(file,), **options)
    console = settings.console()
    prior, level = beginning(settings, console)
    _check_page(page, settings)
    for item in inputs(settings, console):
        with console.each(item.name):
            data = _read(item)
            with _progress(console, item.name, 2 * len(data)) as progress:
                from lmzip.instruments import lengths
                from lmzip.instruments.payoff import Payoff

                options = {"progress": progress, **settings.model_options()}
                learned = lengths.report(data, level, prior=prior, **options)
                scratch = lengths.report(data, level, from_scratch=True, **options)
                both = Payoff(learned, scratch)
            found = both.scratch if settings.from_scratch else both.learned
            if page is not None:
                from lmzip.instruments.page import report_page

                _write(page, report_page(item.name, found), settings)
            if settings.as_json:
                told_of = {"name": item.whole_name, **found.as_json()}
                _print_json({**told_of, "learned_weights": both.as_json()})
            else:
                from lmzip.cli import told

                _print(told.report(item.name, found, both))
    ctx.exit(console.status)


@click.command(short_help="Compare levels: code lengths, curves, regret.")
@file_options
@_levels
@_html
@_json
@_force
@prior_option
@model_options
@talk_options
@click.pass_context
def compare(ctx: click.Context, levels: str, page: str | None, **options: Any) -> None:
    """Compare levels on each of FILES.

    Code lengths, the regret against the best of the levels, and where a larger model overtakes
    the next smaller one. With PRIOR its level is there once more, with it. The page draws the
    learning curves of all in one picture.
    """
    from lmzip.cli import told
    from lmzip.instruments import comparison, lengths

    settings, numbers = Settings(**options), _numbers(levels)
    console = settings.console()
    prior = read_prior(settings, console)
    ways: list[tuple[int, Prior | None]] = [(number, None) for number in numbers]
    ways += [] if prior is None else [(prior.level, prior)]
    _check_page(page, settings)
    found: dict[Input, list[lengths.Report]] = {}
    for item in inputs(settings, console):
        with console.each(item.name):
            data = _read(item)
            with _progress(console, item.name, len(data) * len(ways)) as progress:
                options = {"progress": progress, **settings.model_options()}
                found[item] = [
                    lengths.report(data, level, prior=given, **options) for level, given in ways
                ]
    if page is not None and found:
        from lmzip.instruments.page import comparison_page

        told_of = {item.name: reports for item, reports in found.items()}
        _write(page, comparison_page(told_of), settings)
    if settings.as_json:
        _print_json(
            [comparison.as_json(item.whole_name, reports) for item, reports in found.items()]
        )
    else:
        for item, reports in found.items():
            _print(told.comparison(item.name, reports))
    ctx.exit(console.status)


@click.command(short_help="Score files by likeness to another.")
@click.option(
    "--like", required=True, type=click.Path(allow_dash=True), metavar="GOOD",
    help="What the model reads before the candidates; - is standard input.",
)  # fmt: skip
@file_options
@_json
@level_options
@prior_option
@model_options
@talk_options
@click.pass_context
def score(ctx: click.Context, like: str, **options: Any) -> None:
    """Score FILES by how much less they cost to a model that has read GOOD.

    The difference is that of the bits per byte after GOOD and from scratch: data selection by
    cross-entropy difference. The lower, the more a file is like GOOD.
    """
    from lmzip.cli import told
    from lmzip.instruments import likeness

    settings = Settings(**options)
    console = settings.console()
    prior, level = beginning(settings, console)
    good = _read(Input(like, Path(like)))
    items, texts = _read_all(settings, console)
    total = len(good) + 2 * sum(map(len, texts))
    with _progress(console, "score", total) as progress:
        found = list(
            likeness.scores(
                good,
                texts,
                level,
                prior=prior,
                progress=progress,
                **settings.model_options(),
            )
        )
    if settings.as_json:
        _print_json(
            [
                {
                    "name": item.whole_name,
                    "bytes": result.size,
                    "primed_bits": result.primed_bits,
                    "scratch_bits": result.scratch_bits,
                    "difference_bits_per_byte": result.difference,
                }
                for item, result in zip(items, found, strict=True)
            ]
        )
    elif found:
        _print(told.scores([item.name for item in items], found))
    ctx.exit(console.status)


@click.command(short_help="Show how far files are from each other.")
@file_options
@_json
@level_options
@prior_option
@model_options
@talk_options
@click.pass_context
def distance(ctx: click.Context, **options: Any) -> None:
    """Show the normalised compression distance of two files, or of all pairs of several.

    Near 0 for files that say the same, near 1 for those that have nothing in common.
    """
    from lmzip.cli import told
    from lmzip.instruments import likeness

    settings = Settings(**options)
    console = settings.console()
    prior, level = beginning(settings, console)
    items, texts = _read_all(settings, console)
    if len(items) < 2 and not console.status:
        raise click.UsageError("a distance needs two files or more: name another")
    if len(items) >= 2:
        with _progress(console, "distance", likeness.work(texts)) as progress:
            found = likeness.distances(
                texts, level, prior=prior, progress=progress, **settings.model_options()
            ).tolist()
        if settings.as_json:
            _print_json({"names": [item.whole_name for item in items], "distances": found})
        else:
            _print(told.distances([item.name for item in items], found))
    ctx.exit(console.status)


COMMANDS = (bench, report, compare, score, distance)


def _numbers(levels: str) -> list[int]:
    try:
        numbers = [int(level) for level in levels.split(",")]
    except ValueError:
        numbers = [0]
    if not all(MIN_LEVEL <= level <= MAX_LEVEL for level in numbers):
        raise click.UsageError(f"--levels takes numbers from 1 to 9, such as 1,5: not {levels!r}")
    return numbers


def _read(item: Input) -> bytes:
    with open_input(item, terminal=True) as source:
        return source.read()


def _read_all(settings: Settings, console: Console) -> tuple[list[Input], list[bytes]]:
    """All inputs and their bytes that can be read; the others are reported."""
    items, texts = [], []
    for item in inputs(settings, console):
        with console.each(item.name):
            texts.append(_read(item))
            items.append(item)
    return items, texts


def _progress(
    console: Console, name: str, total: int
) -> AbstractContextManager[Callable[[int], object]]:
    """A bar over `total` bytes of data, if one is wanted."""
    return progress_bar(console.progress, name, total, announce=console.verbosity >= 0)


def _check_page(page: str | None, settings: Settings) -> None:
    """Find out before the work what would forbid the page after it."""
    if page is None:
        return
    from lmzip.instruments.plots import check_library

    check_library()
    if os.path.lexists(page) and not settings.force and not is_special(page):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), page)


def _write(page: str, text: str, settings: Settings) -> None:
    special = is_special(page)
    output = open_special(page) if special else atomic_output(page, overwrite=settings.force)
    with about(page), output as file:
        rawio.write_all(file, text.encode())
        rawio.flush(file)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))  # all in ASCII: names keep every byte, as \udcXX
