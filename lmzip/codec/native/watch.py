"""Who wants to know that a kernel is compiled, which takes long. Imports nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_watchers: list[Callable[[str], object]] = []


@contextmanager
def watched(tell: Callable[[str], object]) -> Iterator[None]:
    """Call `tell` with the name of each kernel that is about to be compiled, in any thread."""
    _watchers.append(tell)
    try:
        yield
    finally:
        _watchers.remove(tell)


def compiling(name: str) -> None:
    """Tell all who watch."""
    for tell in list(_watchers):
        tell(name)
