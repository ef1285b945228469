"""Run the command: exit status, and what is said about an end before time."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import click

from lmzip.cli import signals
from lmzip.cli.commands import COMPLETION, PROGRAM, cli, decompress
from lmzip.cli.report import explain, say
from lmzip.errors import LMZError


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
    with signals.caught():
        try:
            try:
                # Not command(): that takes an EOFError, such as ours, for an abort.
                with command.make_context(name, arguments) as context:
                    command.invoke(context)
                status = 0
            except click.exceptions.Exit as done:
                status = done.exit_code
            _flush()
            return status
        except click.ClickException as error:
            error.show()
            return 1
        except (click.Abort, KeyboardInterrupt):
            return _interrupted(signals.received() or signal.SIGINT)
        except BrokenPipeError:  # whoever read the output has seen enough
            _give_up_output()
            return 1
        except OSError as error:
            _give_up_output()
            say(f"{error.filename or 'standard output'}: {explain(error)}")
            return 1
        except LMZError as error:
            say(str(error))
            return error.exit_status
        except MemoryError:
            say("no memory is left: the level needs more; use a lower one (-1), or close programs")
            return 1
        except Exception:
            if signals.received():  # an interrupted library may raise what it likes
                return _interrupted(signals.received())
            traceback.print_exc()
            say(
                "this is a bug in lmzip: no partial file was left; please report the lines "
                "above with the output of `lmzip --version`"
            )
            return 3


def _interrupted(number: int) -> int:
    say(f"interrupted ({signal.Signals(number).name}): no partial file was left; start again")
    return 128 + number


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _give_up_output() -> None:
    """Let what is left in the buffer go nowhere: the interpreter would try to write it again."""
    with suppress(OSError, AttributeError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
