"""Where machine code is kept. Imports nothing that is slow to load."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .. import source_hash

SUFFIX = ".code"


def directories() -> Iterator[Path]:
    """Where code may be: what NUMBA_CACHE_DIR names; or beside the sources, else the user's own."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"]) / "lmzip"
        return
    yield Path(__file__).parent / "__pycache__"
    with suppress(RuntimeError):  # nobody's home
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield base / "lmzip"


def stem(entry: str) -> str:
    """How the names of an entry's files begin, of today's sources; `entry` is "module.function"."""
    return f"{entry}-{source_hash().hex()[:8]}-"
