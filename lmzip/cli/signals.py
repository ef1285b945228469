"""Signals end the command as they end any other, but leave nothing unfinished behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

_ENDS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU")


@contextmanager
def ending(*clean_ups: Callable[[], None]) -> Iterator[None]:
    """Within, each of the signals calls `clean_ups`, and then the process dies of it.

    Not by an exception: one in fifty was lost, or worse, because it was raised in a callback of
    the import system or of the compiler. Signals that are ignored (as under nohup) stay so.
    """
    ends = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ends
        if ends:  # a closing terminal sends more than one
            return
        ends = True
        for clean_up in clean_ups:
            clean_up()
        name = signal.Signals(number).name
        line = f"lmzip: interrupted ({name}): no partial file was left; start again\n".encode()
        with suppress(OSError):  # a progress bar stands on a terminal's last line
            os.write(2, b"\n" + line if os.isatty(2) else line)
        die(number)

    before = {}
    for name in _ENDS:
        number = getattr(signal, name, None)
        usual = (signal.SIG_DFL, signal.default_int_handler)
        if number is not None and signal.getsignal(number) in usual:
            with suppress(ValueError):  # not in the main thread: leave signals to whoever is
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def die(number: int) -> NoReturn:
    """End this process by a signal, at once: a shell that waits for it then ends its loop, too."""
    if os.name == "posix":
        with suppress(ValueError, OSError):
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
            signal.raise_signal(number)
    os._exit(128 + number)  # no such death on Windows, nor of the first process of a container
