"""What is still open for writing when the interpreter exits: completed while that is possible.

Later, when objects are destroyed one by one, the model's libraries cannot be used any more; what
is written then is stored as it is, in a further archive.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary


class Completable(Protocol):
    """A file that can be completed, and goes on."""

    def complete(self) -> None: ...


_files: WeakKeyDictionary[Completable, int] = WeakKeyDictionary()
_texts: WeakKeyDictionary[io.TextIOWrapper, int] = WeakKeyDictionary()
"""Each with the process that opened it: a child's copy of a file is not the child's to complete."""


def complete(file: Completable) -> None:
    """Complete a file at exit, if it still exists."""
    _files[file] = os.getpid()


def flush_first(wrapper: io.TextIOWrapper) -> None:
    """Flush the text that waits for a file before that is completed."""
    _texts[wrapper] = os.getpid()


@atexit.register
def _complete_all() -> None:
    for wrapper, process in list(_texts.items()):
        if process == os.getpid() and wrapper.buffer is not None and not wrapper.closed:
            _attempt(wrapper.flush)
    for file, process in list(_files.items()):
        if process == os.getpid():
            _attempt(file.complete)


def _attempt(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        if sys.stderr is not None:
            traceback.print_exc()
