"""The man page, built from the help of the commands, so that it says nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

import lmzip


def manual(group: click.Group, bare: click.Command, name: str) -> str:
    """The page in the language of man(7); `bare` is what runs when no command is named."""
    return "\n".join(_page(group, bare, name)) + "\n"


def _page(group: click.Group, bare: click.Command, name: str) -> Iterator[str]:
    context = click.Context(group, info_name=name, help_option_names=["-h", "--help"])
    summary, *rest = _paragraphs(group.help)
    yield f'.TH {name.upper()} 1 "" "{name} {lmzip.__version__}" "User commands"'
    yield ".SH NAME"
    yield f"{name} \\- {_text(summary[0].lower() + summary[1:].rstrip('.'))}"
    yield ".SH SYNOPSIS"
    shown = [
        command
        for command in map(
            lambda key: group.get_command(context, key), group.list_commands(context)
        )
        if command is not None and not command.hidden
    ]
    for command in shown:
        usage = " ".join(command.collect_usage_pieces(_below(context, command)))
        yield f".B {name} {command.name}\n{_text(usage)}\n.br"
    yield f".B {name}\n{_text('[-d|-t|-l] [OPTIONS] [FILES]...')}"
    yield ".SH DESCRIPTION"
    for paragraph in rest:
        yield from _block(paragraph)
    yield ".SH OPTIONS"
    common = _records(context) + _records(_below(context, bare))
    yield from map(_option, dict.fromkeys(common))
    yield ".SH COMMANDS"
    for command in shown:
        yield f".SS {command.name}"
        for paragraph in _paragraphs(command.help):
            yield from _block(paragraph)
        records = _records(_below(context, command))
        yield from (_option(record) for record in records if record not in common)
    for paragraph in _paragraphs(group.epilog):
        title, *lines = paragraph.removeprefix("\b\n").splitlines()
        yield f".SH {title.rstrip(':').upper()}"
        yield from _block("\b\n" + "\n".join(lines))
    yield ".SH SEE ALSO"
    yield ".BR gzip (1),\n.BR xz (1),\n.BR zstd (1),\n.BR tar (1)"


def _below(context: click.Context, command: click.Command) -> click.Context:
    return click.Context(command, info_name=command.name, parent=context)


def _paragraphs(text: str | None) -> list[str]:
    return inspect.cleandoc(text or "").split("\n\n")


def _block(paragraph: str) -> Iterator[str]:
    yield ".PP"
    if paragraph.startswith("\b\n"):  # lines that click, too, leaves as they are
        yield f".nf\n{_text(paragraph[2:])}\n.fi"
    else:
        yield _text(" ".join(paragraph.split()))


def _records(context: click.Context) -> list[tuple[str, str]]:
    """Names and help of the options of a command."""
    options = [p for p in context.command.get_params(context) if isinstance(p, click.Option)]
    return [record for option in options if (record := option.get_help_record(context))]


def _option(record: tuple[str, str]) -> str:
    return f".TP\n.B {_text(record[0])}\n{_text(' '.join(record[1].split()))}"


def _text(text: str) -> str:
    """Escape what roff would take for its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join(
        "\\&" + line if line[:1] in (".", "\\") else line for line in escaped.split("\n")
    )
