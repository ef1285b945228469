"""What surrounds the command as a process: signals that end it, and streams it was not given."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
"""Attribute of `sys`, its mode, and how its descriptor is opened if there is none."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came: ends the command as Ctrl-C does, temporary files are removed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def end_cleanly_when_told() -> None:
    """Let SIGTERM and SIGHUP raise `Terminated`, unless they are ignored (as under nohup)."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)


def exit_status(interruption: BaseException) -> int:
    """128 and the number of the signal that caused the interruption, as shells count."""
    return 128 + getattr(interruption, "number", signal.SIGINT)


def occupy_closed_streams() -> None:
    """Open what is closed of descriptors 0 to 2 such that using it fails.

    Else the next file opened, the archive perhaps, would take the place, and whatever writes
    an error message to descriptor 2 would write into it.
    """
    for number, (name, mode, flags) in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
            if getattr(sys, name) is None:
                setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def discard_output() -> None:
    """Let what standard output does not take go nowhere, so that exiting does not fail on it."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated(number)
