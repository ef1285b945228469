"""SIGINT, SIGTERM and SIGHUP end the command, and leave nothing unfinished behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def ending(*clean_ups: Callable[[], None]) -> Iterator[None]:
    """Within, each of the signals calls `clean_ups` and exits with 128 and the signal's number.

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
        os._exit(128 + number)

    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
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
