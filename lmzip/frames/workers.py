"""Processes of this machine that work on frames."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import Synchronized
from typing import Any

_done: Synchronized | None = None
"""In a worker: bytes of data that all of them have worked on."""


class Workers(ProcessPoolExecutor):
    """Processes that start afresh, stay for one frame after the other, and end with this one.

    Each takes one thread and the memory of one model. `done` tells how far they are together.
    """

    def __init__(self, count: int) -> None:
        context = get_context("spawn")
        self._counter = context.Value("q", 0)
        self._told = 0
        super().__init__(count, context, _begin, (self._counter,))

    def submit(self, work: Callable[..., bytes], /, *arguments: Any, **more: Any) -> Future[bytes]:
        """Let a worker do it, and tell of its progress."""
        return super().submit(_work, work, *arguments, **more)

    def done(self) -> int:
        """Bytes of data that were worked on since the last call."""
        before, self._told = self._told, self._counter.value
        return self._told - before

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool | None:
        if kind is not None:  # nobody waits for what they are at
            for process in list((self._processes or {}).values()):
                process.kill()
        return super().__exit__(kind, *rest)


def _begin(counter: Synchronized) -> None:
    """In a new worker: be ended by the process that began it, and by nothing that it is sent."""
    global _done
    _done = counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _count(size: int) -> None:
    assert _done is not None
    with _done.get_lock():
        _done.value += size


def _work(work: Callable[..., bytes], *arguments: Any) -> bytes:
    return work(*arguments, progress=_count)
