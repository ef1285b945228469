"""Standard streams that the command was not given, that are not ready, or that are full."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lmzip.rawio import PatientRaw

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
def patient() -> Iterator[None]:
    """Within, the standard streams are buffered ones that wait until they are ready.

    Outside they may be raw (`python -u`), and then take a part of what is written; or in
    non-blocking mode, as whoever shares the terminal or the pipe has set them.
    """
    before = {name: getattr(sys, name) for name, _, _ in _STREAMS}
    for name, stream in before.items():
        setattr(sys, name, _patient(stream))
    try:
        yield
    finally:
        for name, stream in before.items():
            with suppress(OSError, ValueError):
                if name != "stdin":
                    getattr(sys, name).flush()
            setattr(sys, name, stream)


def _patient(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if not isinstance(raw, io.FileIO):  # somebody has put another object in its place
        return stream
    patient_raw = PatientRaw(raw)
    if raw.readable():
        buffer = io.BufferedReader(patient_raw)
    else:
        with suppress(OSError):
            stream.flush()
        buffer = io.BufferedWriter(patient_raw)
    return io.TextIOWrapper(
        buffer,
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,
    )


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
