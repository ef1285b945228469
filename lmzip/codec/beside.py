"""One piece of work at a time, beside the caller if a thread can be had; determines no bit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Beside:
    """Runs what is started, one after the other, on a thread of its own or at once.

    A thread is never needed: where none is wanted, or none can be started (at the end of the
    interpreter, or beyond a limit on processes), the work is done when it is started.
    """

    def __init__(self, wanted: bool) -> None:
        self._pool = ThreadPoolExecutor(1) if wanted else None
        self._last: Future[Any] | None = None

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def start(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Do this beside; what was started before has been waited for."""
        if self._pool is not None:
            try:
                self._last = self._pool.submit(work, *arguments)
                return
            except RuntimeError:  # no thread can be started
                self._pool = None
        work(*arguments)

    def wait(self) -> None:
        """Until what was started is done; raises what it raised."""
        last, self._last = self._last, None
        if last is not None:
            last.result()
