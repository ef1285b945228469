"""What surrounds the command as a process: signals that end it, and streams it was not given."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
"""Attribute of `sys`, its mode, and how its descriptor is opened if there is none."""


def end_cleanly_when_told(clean_up: Callable[[], None]) -> None:
    """Let SIGINT, SIGTERM and SIGHUP call `clean_up` and exit with 128 and the signal's number.

    Not by an exception: one in fifty was lost, or worse, because it was raised in a callback of
    the import system or of the compiler. Signals that are ignored (as under nohup) stay so.
    """

    def end(number: int, frame: FrameType | None) -> NoReturn:
        clean_up()
        line = b"lmzip: interrupted; nothing was written\n"
        with suppress(OSError):  # a progress bar stands on a terminal's last line
            os.write(2, b"\n" + line if os.isatty(2) else line)
        os._exit(128 + number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, end)


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
