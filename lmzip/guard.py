"""One call at a time into an object, and none after one that was broken off halfway."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from lmzip.errors import BrokenError

Result = TypeVar("Result")


def _never(error: BaseException) -> bool:
    return False


class Guard:
    """Runs the calls into one object: those of other threads wait for each other.

    A call from within another, as a progress callback or a signal handler may make it, raises
    RuntimeError. An exception that leaves the object in a state that nobody knows closes it to all
    further calls, which raise BrokenError.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        """What errors call the object."""
        self._lock = threading.RLock()
        self._inside = False
        self._error: BrokenError | None = None

    def run(
        self,
        work: Callable[..., Result],
        *arguments: object,
        ready: Callable[[], object] | None = None,
        intact: Callable[[BaseException], bool] = _never,
        last: bool = False,
    ) -> Result:
        """`work(*arguments)`.

        `ready` raises what forbids the call before it has begun. `intact(error)` tells whether an
        exception of `work` has changed nothing. A `last` call is let in after an exception too.
        """
        ended = False
        try:
            with self._lock:
                if self._inside:
                    raise RuntimeError(
                        f"{self.name} is in use: it was called from within one of its own calls, "
                        "by a progress callback or a signal handler, or one was interrupted"
                    )
                if not last:
                    self.check()
                if ready is not None:
                    ready()
                # Taken back only when it is known how the call ended: a further interruption may
                # come at any step, and then it stays.
                self._inside = True
                try:
                    result = work(*arguments)
                except BaseException as error:
                    if not intact(error):
                        self.close(error)
                    self._inside = False
                    raise
                ended = True
                self._inside = False
        except BaseException as error:  # an interruption on the way out: the result is lost
            if ended and not intact(error):
                self.close(error)
            raise
        return result

    def close(self, error: BaseException) -> None:
        """Refuse all further calls because of `error`."""
        if self._error is None:
            self._error = broken(self.name, error)

    def check(self) -> None:
        """Raise BrokenError if an earlier call was broken off halfway."""
        if self._error is not None:
            raise self._error.with_traceback(None)


def broken(name: str, error: BaseException) -> BrokenError:
    """What is raised after `error`, which is not kept: its frames hold the model."""
    why = f": {error}" if str(error) else ""
    return BrokenError(
        f"{name} can do no more",
        f"an earlier call was broken off halfway ({type(error).__name__}{why})",
        "start anew",
    )
