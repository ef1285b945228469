"""What is told while work goes on: on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lmzip.codec.native.watch import watched

FIRST_RUN = "lmzip: first run: compiling kernels, once, for up to a minute"


@contextmanager
def progress_bar(
    wanted: bool | None, name: str, total: int | None, *, announce: bool = True
) -> Iterator[Callable[[int], object]]:
    """Show bytes done, rate and time left; yields the function to call with numbers of bytes.

    `wanted` True or False forces the bar, None shows it if standard error is a terminal. `total`
    is in bytes, None if unknown. If kernels are compiled meanwhile, it is said why that takes its
    time, if `announce`, and the bar names them.
    """
    if wanted is None:
        wanted = sys.stderr.isatty()
    bar = None
    announced = not announce

    def compiling(kernel: str) -> None:
        nonlocal announced
        if not announced:
            announced = True
            if bar is None:
                with suppress(OSError):
                    print(FIRST_RUN, file=sys.stderr, flush=True)
            else:
                bar.write(FIRST_RUN, file=sys.stderr)
        if bar is not None:
            bar.set_postfix_str(f"compiling {kernel}")

    def advance(size: int) -> None:
        if bar is not None:
            bar.postfix = None
            bar.update(size)

    with watched(compiling):
        if not wanted:
            yield advance
            return
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread that would outlive an interruption
        with tqdm(
            total=total,
            desc=name,
            unit="B",
            unit_scale=True,
            dynamic_ncols=True,
            leave=False,
            file=sys.stderr,
        ) as bar:
            yield advance
