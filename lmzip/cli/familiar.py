"""Options of gzip and xz that change nothing here, or that lmzip cannot have and refuses."""

from __future__ import annotations

from typing import Any

import click

from lmzip.cli.options import SUFFIX
from lmzip.errors import RefusedError

_ACCEPTED = {
    ("-n", "--no-name"): "As in gzip; changes nothing: no archive holds a name or a time.",
    ("-e", "--extreme"): "As in xz; changes nothing: no level has a slower variant.",
}

_REFUSED = {
    ("-N", "--name"): (
        "no archive holds the name and the time of its file",
        "leave it out: outputs are named after inputs, and have their times",
    ),
    ("-0",): ("levels go from -1, the fastest, to -9", "use -1"),
    ("--rsyncable",): (
        "the model learns, so that every byte of an archive depends on all data before it",
        "leave it out, or compress parts of the data each by itself",
    ),
}


def _refuse(ctx: click.Context, option: click.Parameter, given: bool) -> None:
    if given:
        why, remedy = _REFUSED[tuple(option.opts)]
        raise RefusedError(f"{', '.join(option.opts)} is not possible", why, remedy)


def _check_suffix(ctx: click.Context, option: click.Parameter, suffix: str) -> str:
    if not suffix or "/" in suffix or suffix in (".", "..") or "\0" in suffix:
        raise click.UsageError(f"-S takes what names end in, such as {SUFFIX}: not {suffix!r}")
    return suffix


def familiar_options(command: Any) -> Any:
    """-S, and the options that are accepted or refused for the sake of scripts."""
    for names in _REFUSED:
        command = click.option(
            *names, is_flag=True, hidden=True, expose_value=False, callback=_refuse
        )(command)
    for names, help_ in reversed(_ACCEPTED.items()):
        command = click.option(*names, is_flag=True, expose_value=False, help=help_)(command)
    return click.option(
        "-S",
        "--suffix",
        default=SUFFIX,
        show_default=True,
        callback=_check_suffix,
        metavar="SUFFIX",
        help=f"What names of archives end in; {SUFFIX} is known always.",
    )(command)
