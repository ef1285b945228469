"""Run the command: exit status, and what is said about an end before time."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, suppress

import click

from lmzip.cli import signals, streams
from lmzip.cli.commands import COMPLETION, PROGRAM, cli, decompress
from lmzip.cli.report import NO_MEMORY, STDOUT, explain, say, saying_warnings
from lmzip.errors import LMZError
from lmzip.names import shown
from lmzip.outputs import discard_unfinished


def main(arguments: Sequence[str] | None = None) -> int:
    """`lmzip`; returns the exit status. `arguments` default to those of the process.

    With the process's own arguments it is the process's command: a signal, or a reader that has
    closed its pipe, then ends the process. With others a closed pipe is the status 141, and
    signals are left to the caller.
    """
    wanted = os.environ.get(COMPLETION)
    if wanted:
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, PROGRAM, COMPLETION, wanted)
    return _run(cli, PROGRAM, arguments)


def lmzcat(arguments: Sequence[str] | None = None) -> int:
    """`lmzcat`, which is `lmzip decompress --stdout`; returns the exit status."""
    return _run(decompress, "lmzcat", arguments, "--stdout")


def _run(command: click.Command, name: str, arguments: Sequence[str] | None, *options: str) -> int:
    own = arguments is None
    words = [*options, *(sys.argv[1:] if arguments is None else arguments)]
    streams.occupy_closed()
    with (
        signals.ending(discard_unfinished) if own else nullcontext(),
        streams.patient(),
        streams.escaping(),
        saying_warnings(),
    ):
        try:
            try:
                # Not command(): that takes an EOFError, such as ours, for an abort.
                with command.make_context(name, words) as context:
                    command.invoke(context)
                status = 0
            except click.exceptions.Exit as done:
                status = done.exit_code
            sys.stdout.flush()
            return status
        except click.ClickException as error:
            error.message = "\n".join(map(shown, error.message.split("\n")))
            with suppress(OSError):
                error.show()
            return 1
        except BrokenPipeError:  # whoever read the output has seen enough
            number = getattr(signal, "SIGPIPE", None)
            if own and number is not None:
                signals.die(number)
            streams.discard_output()
            return 1 if number is None else 128 + number
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
