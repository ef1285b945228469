"""NumPy, loaded even where no thread can be started: whoever loads it first has it from here.

As it loads, the OpenBLAS within starts a thread for each processor. Where one is refused it sends
the process a SIGINT. lmzip multiplies matrices by it only while a prior is learned.
"""

from __future__ import annotations

import os
import sys
from threading import Event, Thread

THREADS = "OPENBLAS_NUM_THREADS"
"""How many threads OpenBLAS may have: it looks once, when it is loaded."""


def can_start(count: int) -> bool:
    """Whether the system lets this process have so many threads more."""
    done, threads = Event(), []
    try:
        for _ in range(count):
            thread = Thread(target=done.wait)
            thread.start()
            threads.append(thread)
    except RuntimeError:  # a limit (`ulimit -u`, a container's), or the interpreter exits
        return False
    finally:
        done.set()
        for thread in threads:
            thread.join()
    return True


def _load() -> None:
    """Load NumPy with one thread where there can be no more; others keep what they have set."""
    if "numpy" in sys.modules or can_start((os.cpu_count() or 1) - 1):
        return
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


_load()

import numpy as np  # noqa: E402

__all__ = ["np"]
