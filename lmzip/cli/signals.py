"""SIGINT, SIGTERM and SIGHUP as an exception that tidies up on its way out."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

PATIENCE = 2.0
"""Seconds after a signal during which others are ignored: they would interrupt the tidying up,
and a closing terminal sends more than one."""

_received: list[tuple[int, float]] = []


class Interrupted(KeyboardInterrupt):
    """A signal that asks for an end; like Ctrl-C, no `except Exception` stops it."""


@contextmanager
def caught() -> Iterator[None]:
    """Within, the signals raise `Interrupted`, except those that are ignored already (nohup)."""
    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        usual = (signal.SIG_DFL, signal.default_int_handler)
        if number is not None and signal.getsignal(number) in usual:
            with suppress(ValueError):  # not in the main thread: leave signals to whoever is
                before[number] = signal.signal(number, _handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def received() -> int:
    """The number of the first signal since `caught` began, 0 if there was none."""
    return _received[0][0] if _received else 0


def check() -> None:
    """Raise `Interrupted` again if it was raised where exceptions are lost.

    Such places are destructors and the compiler's callbacks.
    """
    if _received:
        raise Interrupted


def _handle(number: int, frame: object) -> None:
    now = monotonic()
    if not _received or now - _received[-1][1] > PATIENCE:
        _received.append((number, now))
        sys.unraisablehook = lambda lost: None  # half-made objects complain, to the very end
        raise Interrupted
