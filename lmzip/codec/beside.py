"""Work that may run on another thread; determines no bit."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Wait = Callable[[], object]
"""Returns when a task is done; raises what it raised."""


def processors() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Beside:
    """A thread that does one task after the other; without one, they are done at once.

    `wanted`: whether to have it. None can be had when a limit of the system is reached, and when
    the interpreter exits.
    """

    def __init__(self, wanted: bool) -> None:
        self._thread: ThreadPoolExecutor | None = None
        if wanted:
            with suppress(RuntimeError):  # at exit it cannot even be imported
                from concurrent.futures import ThreadPoolExecutor

                self._thread = ThreadPoolExecutor(1)
        self._wanted = self._thread is not None
        self._last: Future[None] | None = None

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *error: object) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def offer(self, work: Callable[..., None], *arguments: Any) -> Wait:
        """Have a task done by whoever is free first: that thread, unless it has anything to do."""
        if self._last is not None and not self._last.done():
            work(*arguments)
            return nothing
        return self.run(work, *arguments)

    def run(self, work: Callable[..., None], *arguments: Any) -> Wait:
        """Put a task behind those that have been put there before.

        A thread that is refused later does what it has been given; then this task is done at once.
        """
        if self._wanted:
            try:
                self._last = self._thread.submit(work, *arguments)
                return self._last.result
            except RuntimeError:  # it may be in the queue for all that, but nobody takes it there
                self._wanted = False
        if self._last is not None:
            self._last.result()
        work(*arguments)
        return nothing


def nothing() -> None:
    """What is to be waited for, where nothing is."""
