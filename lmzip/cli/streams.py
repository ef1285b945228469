"""Standard streams that the command was not given, or that take nothing any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
"""Attribute of `sys`, its mode, and how its descriptor is opened if there is none."""


def occupy_closed() -> None:
    """Open what is closed of descriptors 0 to 2 such that using it raises OSError.

    Else the next file opened, the archive perhaps, would take the place, and whatever writes
    an error message to descriptor 2 would write into it.
    """
    for number, (name, mode, flags) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, flags), mode))  # noqa: SIM115


@contextmanager
def escaping() -> Iterator[None]:
    """Within, standard output escapes what its encoding lacks, as standard error always does."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is None:  # not a text file of Python's own
        yield
        return
    before = sys.stdout.errors
    reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with suppress(OSError):  # it writes what is waiting
            reconfigure(errors=before)


def discard_output() -> None:
    """Let what standard output does not take go nowhere, so that exiting does not fail on it."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
