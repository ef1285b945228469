"""All that the codec imports of lmzip, and that its released generations count on for ever.

A generation is never changed (`lmzip/generations`), so nothing here is taken away or gets another
meaning. A test imports each with this module alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from lmzip.errors import EngineError

__all__ = ["EngineError", "compiling", "learned_file", "processors", "watched"]

WEIGHTS = Path(__file__).parent / "weights"
"""Where the files of learned weights are: one for all generations that have the same."""


class _Watcher:
    """Who wants to know; forgotten with the frame that holds it, however that ends."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self.tell = tell


_watchers: WeakSet[_Watcher] = WeakSet()


@contextmanager
def watched(tell: Callable[[str], object]) -> Iterator[None]:
    """Call `tell` with the name of each kernel that is about to be compiled, which takes long, in
    any thread."""
    watcher = _Watcher(tell)
    _watchers.add(watcher)
    try:
        yield
    finally:
        _watchers.discard(watcher)


def compiling(name: str) -> None:
    """Tell all who watch that the kernel `name` is about to be compiled."""
    for watcher in list(_watchers):
        watcher.tell(name)


def _all_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_processors = _all_processors


def processors() -> int:
    """Processors that this process may use now; with work shared out, that may change at any time.

    Codecs of generations 1 and 2 are told when they begin, later ones ask again and again.
    """
    return _processors()


def share_processors(share: Callable[[], int]) -> None:
    """Let `share` tell from now on how many processors this process may use: at least 1."""
    global _processors
    _processors = share


def path_of(name: str, digest: str) -> Path:
    """Where the file of learned weights is that has this SHA-256, in hexadecimal."""
    return WEIGHTS / f"{name}-{digest[:8]}.weights"


def learned_file(name: str, digest: str) -> bytes:
    """The file of learned weights that has this SHA-256, in hexadecimal.

    Raises EngineError if it is missing or damaged.
    """
    path = path_of(name, digest)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(path, "its SHA-256 is wrong")
    return data


def _damaged(path: Path, why: str) -> EngineError:
    return EngineError(
        "the learned weights of this lmzip cannot be used",
        f"{path}: {why}",
        "install lmzip anew: pip install --force-reinstall lmzip",
    )
