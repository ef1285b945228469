"""Processes of this machine that work on frames."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import Synchronized
from typing import Any, NamedTuple

from lmzip.interface import processors, share_processors


class _Shared(NamedTuple):
    """What all workers know of each other."""

    done: Synchronized
    """Bytes of data that they have worked on."""
    busy: Synchronized
    """How many are at work now."""
    threads: int
    """Processor threads of all together."""


_shared: _Shared | None = None
"""In a worker."""


class Workers(ProcessPoolExecutor):
    """Processes that start afresh, stay for one frame after the other, and end with this one.

    Each takes the memory of one model, and one thread; when others have nothing to do, also theirs.
    `threads`: those of all together, by default one for each. `done` tells how far they are.
    """

    def __init__(self, count: int, threads: int | None = None) -> None:
        context = get_context("spawn")
        most = min(threads or count, processors())
        self._counter = context.Value("q", 0)
        self._told = 0
        shared = _Shared(self._counter, context.Value("i", 0), most)
        super().__init__(count, context, _begin, (shared,))

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


def _begin(shared: _Shared) -> None:
    """In a new worker: be ended by the process that began it, and by nothing that it is sent."""
    global _shared
    _shared = shared
    share_processors(_share)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _count(size: int) -> None:
    assert _shared is not None
    _add(_shared.done, size)


def _work(work: Callable[..., bytes], *arguments: Any) -> bytes:
    assert _shared is not None
    _add(_shared.busy, 1)
    try:
        return work(*arguments, progress=_count)
    finally:
        _add(_shared.busy, -1)


def _share() -> int:
    """Processors for each that works: what is left over by who has nothing to do is shared out."""
    assert _shared is not None
    return max(_shared.threads // max(_shared.busy.value, 1), 1)


def _add(counter: Synchronized, more: int) -> None:
    with counter.get_lock():
        counter.value += more
