"""The progress bar: on standard error, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    wanted: bool | None, name: str, total: int | None
) -> Iterator[Callable[[int], object]]:
    """Show bytes done, rate and time left; yields the function to call with numbers of bytes.

    `wanted` True or False forces the bar, None shows it if standard error is a terminal. `total`
    is in bytes, None if unknown.
    """
    if wanted is None:
        wanted = sys.stderr is not None and sys.stderr.isatty()
    if not wanted:
        yield lambda size: None
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
        yield bar.update
