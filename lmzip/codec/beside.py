"""Work that may run on another thread; determines no bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Wait = Callable[[], object]
"""Returns when a task is done; raises what it raised."""


class Beside:
    """A thread that does one task after the other; without one, they are done at once.

    `wanted`: asked before each task whether it may have the thread. None can be had when a limit
    of the system is reached, and when the interpreter exits.
    """

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted
        self._refused = False
        self._thread: ThreadPoolExecutor | None = None
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
        if not self._refused and self._wanted():
            try:
                if self._thread is None:  # at exit it cannot even be imported
                    from concurrent.futures import ThreadPoolExecutor

                    self._thread = ThreadPoolExecutor(1)
                self._last = self._thread.submit(work, *arguments)
                return self._last.result
            except RuntimeError:  # it may be in the queue for all that, but nobody takes it there
                self._refused = True
        if self._last is not None:
            self._last.result()
        work(*arguments)
        return nothing


def nothing() -> None:
    """What is to be waited for, where nothing is."""
