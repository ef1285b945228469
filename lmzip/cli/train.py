"""The command that learns a prior."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any

import click

from lmzip import rawio
from lmzip.cli.inputs import Input, inputs, open_input
from lmzip.cli.options import (
    NAME,
    Memory,
    Settings,
    level_options,
    model_options,
    talk_options,
)
from lmzip.cli.report import Console, about
from lmzip.known import SUFFIX, own_directory
from lmzip.names import shown
from lmzip.outputs import atomic_output
from lmzip.prior import SIZE, TEXT, Prior
from lmzip.progress import progress_bar


@click.command(short_help="Learn from samples what small files begin with.")
@click.argument("samples", nargs=-1, type=NAME)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, readable=False),
    metavar="PRIOR", help=f"The file to write, such as mine{SUFFIX}.",
)  # fmt: skip
@click.option(
    "--size", type=Memory(), default=SIZE, show_default=True, metavar="SIZE",
    help="Bytes of PRIOR at most, such as 64K.",
)  # fmt: skip
@click.option(
    "--text", "text_size", type=Memory(), default=TEXT, show_default=True, metavar="SIZE",
    help="Bytes of the text in PRIOR at most, which is read before each archive: the longer, the "
    "smaller these are, and the later they begin.",
)  # fmt: skip
@click.option(
    "--lines", type=click.IntRange(min=1), metavar="N",
    help="Samples are N lines each, rather than whole files.",
)  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Overwrite PRIOR.")
@level_options
@model_options
@talk_options
@click.pass_context
def train(
    ctx: click.Context,
    samples: tuple[str, ...],
    output: str,
    size: int,
    text_size: int,
    lines: int | None,
    **options: Any,
) -> None:
    """Learn from SAMPLES, files and all in directories, what archives of their like begin with.

    Standard input, and - for it, is many samples: separated by zero bytes, or else lines. Some
    samples are held out; reading ends when their archives get no smaller. PRIOR is for one level.
    It is for small files: many records, each compressed by itself. Both sides need it: give it
    with --prior, or put it into ~/.local/share/lmzip/priors, where restoring finds it.
    """
    from lmzip.priors.training import train as learn

    settings = Settings(files=samples, recursive=True, **options)
    level, console = settings.chosen_level(), settings.console()
    if os.path.lexists(output) and not settings.force:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), output)
    found = list(_samples(settings, console, lines))
    if console.status:
        ctx.exit(console.status)
    try:
        trained = learn(
            found,
            level,
            size=size,
            text_size=text_size,
            told=lambda name, total: progress_bar(
                console.progress, name, total, announce=console.verbosity >= 0
            ),
            **settings.model_options(),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    prior = Prior(trained.data)
    if os.path.dirname(os.path.abspath(output)) == os.path.abspath(own_directory()):
        os.makedirs(own_directory(), exist_ok=True)
    with about(output), atomic_output(output, overwrite=settings.force) as file:
        rawio.write_all(file, prior.data)
        rawio.flush(file)
    bits = 8 / max(trained.held_out, 1)
    times = "not needed" if not trained.times else f"read {trained.times} times"
    click.echo(
        f"{shown(output)}: {prior.size:,} bytes, {prior.name}, for level {level}; "
        f"{trained.samples:,} samples, {times}"
    )
    click.echo(
        f"held out, {trained.held_out:,} bytes: {bits * trained.before:.3f} bits per byte without "
        f"it, {bits * trained.after:.3f} with it"
    )
    if trained.break_even is None:
        click.echo("it saves nothing here")
    else:
        click.echo(f"it pays from {trained.break_even:,} bytes of such data on")


def _samples(settings: Settings, console: Console, lines: int | None) -> Iterator[bytes]:
    for item in inputs(settings, console):
        with console.each(item.name):
            yield from cut(_read(item), lines, records=item.is_stdin)


def cut(data: bytes, lines: int | None, *, records: bool) -> Iterator[bytes]:
    """The samples in the bytes of a file; with `records`, those between zero bytes, or lines."""
    if lines is None and records and b"\0" in data:
        yield from filter(None, data.split(b"\0"))
    elif lines is None and not records:
        if data:
            yield data
    else:
        every = data.splitlines(keepends=True)
        for start in range(0, len(every), lines or 1):
            yield b"".join(every[start : start + (lines or 1)])


def _read(item: Input) -> bytes:
    with open_input(item, terminal=True) as source:
        return source.read()


COMMANDS = (train,)
"""Those of this module."""
