"""Files that the workers of a Dask cluster compress and restore: --scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from lmzip import cluster
from lmzip.cli.after import read_given
from lmzip.cli.options import SUFFIX, Settings
from lmzip.cli.prior import beginning, read_prior
from lmzip.cli.report import Console, Skipped
from lmzip.errors import RefusedError, WorkerError
from lmzip.names import shown
from lmzip.progress import progress_bar

if TYPE_CHECKING:
    from distributed import Client


def run(settings: Settings, *, decoding: bool = False) -> int:
    """Compress, or restore, all files on the cluster; return the exit status."""
    _check(settings)
    console = settings.console()
    options = _options(settings, console, decoding)
    with _client(str(settings.scheduler)) as client:
        if not client.nthreads():
            console.note("the cluster has no workers yet: waiting for some")
        for name in settings.files:
            with console.each(shown(name)):
                _work(name, settings, console, client, options, decoding)
    return console.status


def _options(settings: Settings, console: Console, decoding: bool) -> dict[str, Any]:
    """What all files have in common."""
    options: dict[str, Any] = {"overwrite": settings.force, "resume": settings.resume}
    options |= {"threads": settings.threads or 1, "memory_limit": settings.memory_limit or None}
    if decoding:
        options["prior"] = read_prior(settings, console)
    else:
        options["prior"], options["level"] = beginning(settings, console)
        options["from_scratch"] = settings.from_scratch
        options["frame_size"] = settings.frame_size or cluster.FRAME_SIZE
    return {**options, "after": read_given(settings, console).prefix}


def _work(
    name: str,
    settings: Settings,
    console: Console,
    client: Client,
    options: dict[str, Any],
    decoding: bool,
) -> None:
    target = _target(name, settings, decoding)
    total = cluster.raw_size(name) if decoding else cluster.file_size(name)
    work = cluster.decompress if decoding else cluster.compress
    start = perf_counter()
    with (
        console.noting_between(shown(name)),
        progress_bar(console.progress, shown(name), total, announce=False) as bar,
    ):
        done = work(name, target, client=client, **options, progress=bar)
    seconds = perf_counter() - start
    kept = f", {done.kept:,} of them done before" if done.kept else ""
    console.note(
        f"{shown(name)}: {done.read:,} -> {done.written:,} bytes, frames: {done.frames:,}{kept}, "
        f"{seconds:,.1f} s, {total / max(seconds, 1e-9) / 1000:,.1f} kB/s",
        least=1,
    )


def _target(name: str, settings: Settings, decoding: bool) -> str:
    """The output's name, or URL. Raises Skipped, RefusedError."""
    if settings.output is not None:
        return settings.output
    suffix = next((s for s in (settings.suffix, SUFFIX) if name.endswith(s)), "")
    if not decoding and suffix and not settings.force:
        raise Skipped(f"its name ends in {suffix} already; use -f to compress it again")
    if decoding and not suffix:
        raise RefusedError(
            f"{shown(name)}: is not restored",
            f"its name does not end in {settings.suffix}, so the name of the output is unknown",
            "name it with -o",
        )
    if settings.output_dir is not None:
        name = f"{settings.output_dir.rstrip('/')}/{name.rpartition('/')[2]}"
    return name.removesuffix(suffix) if decoding else name + settings.suffix


def _check(settings: Settings) -> None:
    """Refuse what only one machine can do. Raises UsageError."""
    for given, option in (
        (settings.part is not None, "--range"),
        (settings.recursive, "-r"),
        (settings.remove, "--rm"),
        (settings.salvage, "--salvage"),
    ):
        if given:
            raise click.UsageError(f"--scheduler and {option} exclude each other")
    if not settings.files or "-" in settings.files or settings.to_stdout:
        raise click.UsageError("--scheduler is for files with names, by which workers open them")


@contextmanager
def _client(address: str) -> Iterator[Client]:
    """A connection to the scheduler. Raises RefusedError without Dask, WorkerError."""
    if find_spec("distributed") is None:
        raise RefusedError(
            "no cluster can be used",
            "Dask's distributed is not installed",
            "pip install 'lmzip[cluster]', or do without --scheduler",
        )
    from distributed import Client

    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(
            f"{shown(address)}: no scheduler can be reached",
            " ".join(str(error).split()) or type(error).__name__,
            "check the address, or start one: dask scheduler",
        ) from error
    with client:
        yield client
