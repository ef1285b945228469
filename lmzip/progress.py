"""What is told while work goes on: on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from lmzip import codec


def announce_compilation(decoding: bool) -> None:
    """Say why the first run takes its time: Numba compiles the kernels once, and caches them.

    Each direction has kernels of its own, and each version: the cache's index names the code hash.
    """
    if find_spec("numba") and not _is_compiled("decode" if decoding else "predict"):
        with suppress(OSError):
            print("lmzip: first run: compiling kernels, once, for up to a minute", file=sys.stderr)


def _is_compiled(verb: str) -> bool:
    """Whether machine code is kept; False too where that cannot be found out."""
    cache = Path(codec.__file__).parent / "__pycache__"
    try:
        if os.environ.get("NUMBA_CACHE_DIR"):
            cache = Path(os.environ["NUMBA_CACHE_DIR"])
        elif not os.access(cache.parent, os.W_OK):  # then Numba takes the user's cache directory
            cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"
        indexes = cache.rglob(f"fast.{verb}_segment-*.nbi")
        return any(codec.code_hash() in index.read_bytes() for index in indexes)
    except (OSError, RuntimeError):  # no permission, or nobody's home
        return False


def is_compiled(decoding: bool) -> bool:
    """Whether the kernels of a direction need not be compiled first."""
    return not find_spec("numba") or _is_compiled("decode" if decoding else "predict")


@contextmanager
def progress_bar(
    wanted: bool | None, name: str, total: int | None
) -> Iterator[Callable[[int], object]]:
    """Show bytes done, rate and time left; yields the function to call with numbers of bytes.

    `wanted` True or False forces the bar, None shows it if standard error is a terminal, while
    this process is in its foreground. `total` is in bytes, None if unknown.
    """
    forced = bool(wanted)
    if wanted is None:
        wanted = sys.stderr.isatty()
    if not wanted:
        yield lambda size: None
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread that would outlive an interruption
    bar: tqdm | None = None
    done = 0

    def update(size: int) -> None:
        nonlocal bar, done
        done += size
        if not (forced or in_foreground()):
            return
        if bar is None:
            bar = tqdm(
                total=total,
                desc=name,
                unit="B",
                unit_scale=True,
                dynamic_ncols=True,
                leave=False,
                file=sys.stderr,
                initial=done - size,
            )
        bar.update(done - bar.n)

    update(0)
    try:
        yield update
    finally:
        if bar is not None:
            bar.disable = not (forced or in_foreground())  # what is disabled wipes nothing away
            bar.close()


def in_foreground() -> bool:
    """Whether what is written to standard error now does not break into another job's lines."""
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # not this process's terminal, or none at all
        return True
