"""Work on frames, handed to the workers of a Dask cluster: some at a time, until all is done."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any

from lmzip.errors import LMZError, WorkerError

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 2
"""Frames that are under way for each thread of the workers, of which it works on one."""
PAUSE = 1.0
"""Seconds between two looks at the scheduler: whether it is there, and with how many workers."""


@dataclass(frozen=True)
class Task:
    """Work on one frame."""

    number: int
    """What it is called with, behind what is the same for all frames and the options."""
    arguments: tuple[Any, ...]
    """What follows that."""
    size: int
    """Bytes of data."""


@dataclass
class Workers:
    """Those of a cluster, and what they are given for each frame of one file.

    Work may be done twice, if a worker dies or is thought to. It must not matter.
    """

    client: Client
    job: object
    """The first argument of all work, small."""
    options: dict[str, Any]
    """The second argument of work on frames."""
    large: bool
    """Whether the options are sent once only, and go on from worker to worker."""
    target: str
    """What messages call the file."""
    _done: SimpleQueue[Future] = field(default_factory=SimpleQueue)

    def do(self, work: Callable[..., object], tasks: Iterable[Task]) -> Iterator[int]:
        """Do all of them, some at a time; yields the bytes of data of each that is done.

        Who breaks off breaks off all. Raises what a worker raised; WorkerError.
        """
        under_way: dict[Future, int] = {}
        try:
            given, most, looked = self._send_options(), self._room(), monotonic()
            for task in tasks:
                while len(under_way) >= most:
                    yield under_way.pop(self._next())
                    if monotonic() > looked + PAUSE:  # workers come and go
                        most, looked = self._room(), monotonic()
                future = self._submit(work, self.job, given, task.number, *task.arguments)
                under_way[future] = task.size
            while under_way:
                yield under_way.pop(self._next())
        finally:
            if under_way and self.client.status == "running":
                with suppress(Exception):
                    self.client.cancel(list(under_way))

    def result(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What comes of one piece of work. Raises as `do`."""
        self._submit(work, self.job, *arguments)
        return self._next().result()

    def _send_options(self) -> Any:
        if not self.large:
            return self.options
        with warnings.catch_warnings():  # up to 16 MiB, which is not too much once
            warnings.simplefilter("ignore", UserWarning)
            # As work that does nothing: what the workers that have it lose is sent again.
            return self.client.submit(_same, self.options, pure=False)

    def _submit(self, work: Callable[..., object], *arguments: Any) -> Future:
        self._check_scheduler()
        future = self.client.submit(work, *arguments, pure=False)
        future.add_done_callback(self._done.put)
        return future

    def _next(self) -> Future:
        """Wait for one that is done. Raises what it raised."""
        while True:
            try:
                future = self._done.get(timeout=PAUSE)
            except Empty:
                self._room()
                continue
            if future.status == "error":
                error = future.exception()
                raise self._explained(error) from error
            if future.status != "finished":
                raise self._lost(f"the work is {future.status}")
            return future

    def _room(self) -> int:
        """How many frames may be under way. Raises WorkerError if the scheduler is lost."""
        self._check_scheduler()
        try:
            threads = sum(self.client.nthreads().values())
        except Exception as error:
            raise self._lost(str(error) or type(error).__name__) from error
        return AHEAD * max(threads, 1)

    def _check_scheduler(self) -> None:
        if self.client.status != "running":
            raise self._lost(f"the client is {self.client.status}")

    def _lost(self, why: str) -> WorkerError:
        return WorkerError(
            "the scheduler is lost",
            f"it no longer answers: {why}",
            "start it again, and go on with --resume (or `resume`): the frames that are done are "
            f"kept beside {self.target}",
        )

    def _explained(self, error: Any) -> BaseException:
        """What is to be raised for what a worker raised, in words that name the file."""
        if isinstance(error, OSError) and error.errno == errno.ENOENT:
            return WorkerError(
                "a worker cannot open a file",
                f"where it runs there is no {error.filename or self.target}",
                "put both files where all workers reach them under the same names",
            )
        if isinstance(error, OSError) and error.errno is not None:
            return OSError(error.errno, error.strerror or os.strerror(error.errno), self.target)
        if isinstance(error, (LMZError, OSError, MemoryError)):
            return error
        if type(error).__name__ == "KilledWorker":
            return WorkerError(
                "workers have died over a frame, again and again",
                f"the last was {error.last_worker.address}; the system may have ended them because "
                "memory ran out",
                "give workers more memory, or take a lower level or smaller frames",
            )
        return WorkerError(
            "a worker cannot do its part",
            f"{type(error).__name__}: {error}",
            "see to it that all workers have this lmzip, and can open both files",
        )


def _same(options: dict[str, Any]) -> dict[str, Any]:
    """On a worker: what the model begins with, for all frames there."""
    return options
