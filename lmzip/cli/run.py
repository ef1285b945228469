"""Run the command: exit status, and what is said about an end before time."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from lmzip.cli import signals, streams
from lmzip.cli.commands import COMPLETION, PROGRAM, cli, decompress
from lmzip.cli.report import NO_MEMORY, STDOUT, explain, say
from lmzip.errors import LMZError
from lmzip.files import discard_unfinished


def main(arguments: Sequence[str] | None = None) -> int:
    """`lmzip`; returns the exit status. `arguments` default to those of the process."""
    wanted = os.environ.get(COMPLETION)
    if wanted:
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, PROGRAM, COMPLETION, wanted)
    arguments = sys.argv[1:] if arguments is None else arguments
    return _run(cli, PROGRAM, list(arguments))


def lmzcat(arguments: Sequence[str] | None = None) -> int:
    """`lmzcat`, which is `lmzip decompress --stdout`; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    return _run(decompress, "lmzcat", ["--stdout", *arguments])


def _run(command: click.Command, name: str, arguments: list[str]) -> int:
    streams.occupy_closed()
    with signals.ending(discard_unfinished):
        try:
            try:
                # Not command(): that takes an EOFError, such as ours, for an abort.
                with command.make_context(name, arguments) as context:
                    command.invoke(context)
                status = 0
            except click.exceptions.Exit as done:
                status = done.exit_code
            sys.stdout.flush()
            return status
        except click.ClickException as error:
            error.show()
            return 1
        except BrokenPipeError:  # whoever read the output has seen enough
            streams.discard_output()
            return 1
        except OSError as error:
            streams.discard_output()
            say(f"{error.filename or STDOUT}: {explain(error)}")
            return 1
        except LMZError as error:
            say(str(error))
            return error.exit_status
        except MemoryError:
            say(NO_MEMORY)
            return 1
        except Exception:
            traceback.print_exc()
            say(
                "this is a bug in lmzip: no partial file was left; please report the lines "
                "above with the output of `lmzip --version`"
            )
            return 3
