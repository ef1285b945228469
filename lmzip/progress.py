"""What is told while work goes on: on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lmzip.interface import watched

if TYPE_CHECKING:
    from tqdm import tqdm

FIRST_RUN = "lmzip: first run: compiling kernels, once, for up to a minute"


@contextmanager
def progress_bar(
    wanted: bool | None, name: str, total: int | None, *, announce: bool = True
) -> Iterator[Bar]:
    """Show bytes done, rate and time left; yields what is called with numbers of bytes.

    `wanted` True or False forces the bar, None shows it if standard error is a terminal, while
    this process is in its foreground. `total` is in bytes, None if unknown. If kernels are
    compiled meanwhile, it is said why that takes its time, if `announce`, and the bar names them.
    """
    bar = Bar(wanted, name, total)
    announced = not announce

    def compiling(kernel: str) -> None:
        nonlocal announced
        seen = bar.seen()
        if not announced:
            announced = True
            if seen is None:
                with suppress(OSError):
                    print(FIRST_RUN, file=sys.stderr, flush=True)
            else:
                seen.write(FIRST_RUN, file=sys.stderr)
        if seen is not None:
            seen.set_postfix_str(f"compiling {kernel}")

    with watched(compiling):
        bar(0)
        try:
            yield bar
        finally:
            bar.close()


class Bar:
    """A bar that is drawn only while that disturbs nobody, and stands where the work does."""

    def __init__(self, wanted: bool | None, name: str, total: int | None) -> None:
        self._forced = bool(wanted)
        self._wanted = sys.stderr.isatty() if wanted is None else wanted
        self._name, self._total = name, total
        self._bar: tqdm | None = None
        self._done = 0

    def seen(self) -> tqdm | None:
        """The bar; None while nobody is to see it."""
        if not self._wanted or not (self._forced or in_foreground()):
            return None
        if self._bar is None:
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # no thread that would outlive an interruption
            self._bar = tqdm(
                total=self._total,
                desc=self._name,
                unit="B",
                unit_scale=True,
                dynamic_ncols=True,
                leave=False,
                file=sys.stderr,
                initial=self._done,
            )
        return self._bar

    def __call__(self, size: int) -> None:
        """So many bytes more are done."""
        bar = self.seen()
        self._done += size
        if bar is not None:
            bar.postfix = None
            bar.update(self._done - bar.n)

    def reading(self, name: str, total: int) -> Callable[[int], object]:
        """What is called with numbers of bytes read before the data, of `total`: the bar says how
        far that is, until data are done."""
        done = 0

        def advance(size: int) -> None:
            nonlocal done
            before, done = done, done + size
            percent = 100 * done // total
            bar = None if before and percent == 100 * before // total else self.seen()
            if bar is not None:
                bar.set_postfix_str(f"reading {name}: {percent} %")

        return advance

    def close(self) -> None:
        """Wipe it away."""
        if self._bar is not None:
            self._bar.disable = self.seen() is None  # what is disabled wipes nothing away
            self._bar.close()


def in_foreground() -> bool:
    """Whether what is written to standard error now does not break into another job's lines."""
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # not this process's terminal, or none at all
        return True
