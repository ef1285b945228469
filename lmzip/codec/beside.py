"""Work that may run on another thread; determines no bit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor


class Beside:
    """Runs one task beside the caller, in a thread; without one, at once.

    `wanted`: whether to have a thread. None can be had when a limit of the system is reached, and
    when the interpreter exits.
    """

    def __init__(self, wanted: bool) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None
        if wanted:
            with suppress(RuntimeError):  # at exit it cannot even be imported
                from concurrent.futures import ThreadPoolExecutor

                self._threads = ThreadPoolExecutor(1)
        self._wanted = self._threads is not None

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *error: object) -> None:
        if self._threads is not None:
            self._threads.shutdown()

    def run(self, work: Callable[..., None], *arguments: Any) -> None:
        """Start a task when the one before is done."""
        self.wait()
        if self._wanted:
            try:
                self._last = self._threads.submit(work, *arguments)
                return
            except RuntimeError:  # it may be in the queue for all that, but nobody takes it there
                self._wanted = False
        work(*arguments)

    def wait(self) -> None:
        """Return when the last task is done; raise what it raised."""
        last, self._last = self._last, None
        if last is not None:
            last.result()
