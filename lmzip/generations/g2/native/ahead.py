"""Compile an entry in another process, on another processor: Numba compiles one thing at a time."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

PATIENCE = 600
"""Seconds after which nothing more is expected of the other process."""


def start(function: str) -> subprocess.Popen[bytes] | None:
    """Let a new process call `function`, "module:name"; None if it cannot be started.

    The process finds what this one would import, and nothing else, ends on its own, and may fail:
    whoever waits looks for what it has left, and does without.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        return None
    module, name = function.split(":")
    program = f"import sys; sys.path[:] = {sys.path!r}; from {module} import {name}; {name}()"
    with suppress(OSError):
        return subprocess.Popen(
            [sys.executable, "-I", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return None


def wait(process: subprocess.Popen[bytes]) -> None:
    """Until the process has ended."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
