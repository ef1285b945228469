"""Compress, decompress or test one file after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

from lmzip import rawio
from lmzip.cli.after import Given, read_given
from lmzip.cli.frames import from_frames, in_frames, part_of
from lmzip.cli.inputs import Input, identity, inputs, open_input, regular_size, regular_status
from lmzip.cli.options import Settings
from lmzip.cli.outputs import (
    archives,
    check_links,
    check_special,
    check_target,
    check_terminal,
    compressed_name,
    is_special,
    open_special,
    restored_name,
)
from lmzip.cli.prior import beginning, beside, read_prior
from lmzip.cli.report import STDOUT, Console, about
from lmzip.cli.sizes import Part
from lmzip.codec.levels import memory_bytes
from lmzip.compressor import LMZCompressor
from lmzip.errors import RefusedError
from lmzip.header import MAGIC, begins_like_an_archive
from lmzip.known import Known, find_all
from lmzip.outputs import atomic_output
from lmzip.progress import Bar, progress_bar
from lmzip.salvage import Salvage, salvage_chunks
from lmzip.scan import check_ahead, scan
from lmzip.whole import compress_chunks, decompress_chunks

CHUNK = 1 << 16

Convert = Callable[[Iterator[bytes], Bar], Iterator[bytes]]
"""Pieces of a file and the bar to tell about progress, to pieces of another file."""


def compress_files(settings: Settings) -> int:
    """Compress all inputs; return the exit status."""
    console = settings.console()
    prior, level = beginning(settings, console)
    given = read_given(settings, console)
    worker = _Worker(settings, console, given, decoding=False)

    def convert(
        chunks: Iterator[bytes], progress: Bar, total: int | None = None
    ) -> Iterator[bytes]:
        options = {"from_scratch": settings.from_scratch, **settings.model_options()}
        options |= {"after": given.shown_by(progress), "prior": prior, "level": level}
        options["generation"] = settings.generation
        if settings.frame_size is not None:
            return in_frames(chunks, progress, settings, console, options, total)
        return compress_chunks(chunks, LMZCompressor(**options, progress=progress))

    for item in inputs(settings, worker.console):
        with worker.console.each(item.name):
            target = compressed_name(item, settings)
            if target is None:
                check_terminal(settings)
            with open_input(item, terminal=True) as source:
                worker.console.note(f"{item.name}: {_needs(level)}", least=2)
                size = regular_size(source)
                with_size = partial(convert, total=size)
                done = worker.transfer(item, source, target, with_size, size)
            worker.tell(item, done, data=done.read, packed=done.written)
    return worker.console.status


def decompress_files(settings: Settings) -> int:
    """Restore all inputs; return the exit status."""
    console = settings.console()
    worker = _Worker(settings, console, read_given(settings, console))
    worker.known = Known(read_prior(settings, console))
    for item in inputs(settings, worker.console):
        with worker.console.each(item.name):
            worker.known = beside(item, worker.known)
            target = restored_name(item, settings)
            with open_input(item, terminal=settings.force) as source:
                if settings.salvage:
                    worker.salvage(item, source, target)
                    continue
                if settings.part is not None:
                    worker.transfer(item, source, target, worker.part(settings.part, source), None)
                    continue
                sizes, given, passing = None, worker.given, settings.force and target is None
                if not (passing and _is_foreign(source)):
                    sizes, given = worker.check_stored(item, source)
                convert = worker.decoder(given, sizes)
                if passing:
                    convert = _passing(convert)
                done = worker.transfer(item, source, target, convert, _total(sizes))
            worker.tell(item, done, data=done.written, packed=done.read)
    return worker.console.status


def test_files(settings: Settings) -> int:
    """Check all inputs, decoding them unless `quick`; return the exit status."""
    console = settings.console()
    worker = _Worker(settings, console, read_given(settings, console))
    worker.known = Known(read_prior(settings, console))
    for item in archives(settings, console):
        with console.each(item.name), open_input(item, terminal=False) as source:
            worker.known = beside(item, worker.known)
            if settings.quick:
                found = list(scan(source))
                if worker.given.prefix is not None:
                    worker.given.fitting(found)
                size = sum(info.raw_size for info in found)
                console.note_between(item.name, found)
                console.note(f"{item.name}: sound as stored, {size:,} bytes of data", least=1)
            else:
                sizes, given = worker.check_stored(item, source)
                decoder = worker.decoder(given, sizes)
                done = worker.run(item, source, len, decoder, _total(sizes))
                console.note(f"{item.name}: sound, {done.written:,} bytes of data", least=1)
    return console.status


@dataclass(frozen=True)
class _Done:
    """What became of one file."""

    read: int
    """Bytes."""
    written: int
    """Bytes."""
    seconds: float


@dataclass
class _Worker:
    """Converts files; knows what it has written already."""

    settings: Settings
    console: Console
    given: Given
    decoding: bool = True
    written: set[tuple[int, int]] = field(default_factory=set)
    """Device and number of the files."""
    known: Known = field(default_factory=Known)
    """Where the priors of this archive are looked for."""

    def check_stored(self, item: Input, source: BinaryIO) -> tuple[list[int] | None, Given]:
        """Check all stored bytes of a file, and whether what the model needs first is there.

        Returns the bytes of data in each archive, None for a pipe, and what to read first.
        """
        archives = check_ahead(source)
        if archives is None:
            return None, self.given
        for info in archives:
            made = f"code {info.code}" if info.prior is None else f"prior {info.prior}"
            message = f"{item.name}: {_needs(info.level)}, blocks: {info.blocks:,}, {made}"
            self.console.note(message, least=2)
        find_all(self.known, ((info.begun_with, info.level) for info in archives))
        return [info.raw_size for info in archives], self.given.fitting(archives)

    def part(self, part: Part, source: BinaryIO) -> Convert:
        """What restores a part of the data, looking at no more of the file than it needs."""

        def convert(chunks: Iterator[bytes], progress: Bar) -> Iterator[bytes]:
            options = {"after": self.given.prefix, "prior": self.known}
            return part_of(part, source, progress, **options, **self.settings.model_options())

        return convert

    def decoder(self, given: Given, sizes: list[int] | None) -> Convert:
        """What restores this archive, of which the bytes of data may be known."""
        known = self.known

        def convert(chunks: Iterator[bytes], progress: Bar) -> Iterator[bytes]:
            options: dict[str, Any] = {"after": given.shown_by(progress), "prior": known}
            options |= self.settings.model_options()
            common = (chunks, progress, self.settings, self.console, options)
            return from_frames(*common, sizes, decompress_chunks)

        return convert

    def transfer(
        self,
        item: Input,
        source: BinaryIO,
        target: Path | None,
        convert: Convert,
        total: int | None,
    ) -> _Done:
        """Convert one file; `target` None is standard output. `total` is in bytes of data."""
        check_links(item, source, self.settings)
        if self.settings.remove:
            self.given.check_removal(item, source)
        if target is None:
            sink = sys.stdout.buffer
            with about(STDOUT):
                write = partial(rawio.write_all, sink)
                done = self.run(item, source, write, convert, total, talks=sink.isatty())
                rawio.flush(sink)
            return done
        status = regular_status(item, source)
        if self.settings.output is not None and is_special(self.settings.output):
            with about(str(target)), open_special(self.settings.output) as special:
                check_special(source, special)
                if not self.decoding:
                    check_terminal(self.settings, special)
                talks = special.isatty()
                write = partial(rawio.write_all, special)
                done = self.run(item, source, write, convert, total, talks=talks)
                rawio.flush(special)
            safe = False
        else:
            self._check_target(item, target)
            output = atomic_output(target, overwrite=self.settings.force, like=status)
            with about(str(target)), output as file:
                done = self.run(item, source, partial(rawio.write_all, file), convert, total)
                rawio.flush(file)
            self.written.add(identity(os.lstat(target)))
            safe = file.safe
        if self.settings.remove and not item.is_stdin:
            _remove(item, status, safe)
        return done

    def _check_target(self, item: Input, target: Path) -> None:
        """Make its directory, and refuse to destroy what was just read or made."""
        check_target(item, target)
        if not self.decoding:
            self.given.check_archive(item, target)
        with suppress(OSError):
            if identity(os.lstat(target)) in self.written:
                raise RefusedError(
                    f"{item.path}: is left alone",
                    f"{target} was just made from another input",
                    "use another output directory for it",
                )
        if self.settings.output_dir is not None:
            _make_directory(target.parent)

    def run(
        self,
        item: Input,
        source: BinaryIO,
        sink: Callable[[bytes], object],
        convert: Convert,
        total: int | None,
        *,
        talks: bool = False,
    ) -> _Done:
        """Convert one file into `sink`, with a progress bar over `total` bytes of data.

        Not if `talks`, that is if the terminal shows the data themselves, or they are typed in.
        """
        read = written = 0

        def chunks() -> Iterator[bytes]:
            nonlocal read
            while True:
                with about(item.name):  # not about the output, as is all else that happens here
                    chunk = source.read1(CHUNK)
                if not chunk:
                    return
                read += len(chunk)
                yield chunk

        wanted = self.console.progress
        if wanted is None and (talks or source.isatty()):
            wanted = False
        start = perf_counter()
        announce = self.console.verbosity >= 0
        with (
            self.console.noting_between(item.name),
            progress_bar(wanted, item.name, total, announce=announce) as progress,
        ):
            for piece in convert(chunks(), progress):
                sink(piece)
                written += len(piece)
        return _Done(read, written, perf_counter() - start)

    def salvage(self, item: Input, source: BinaryIO, target: Path | None) -> None:
        """Restore what stands before the damage, and say what is lost."""
        report = Salvage()

        def convert(chunks: Iterator[bytes], progress: Bar) -> Iterator[bytes]:
            options: dict[str, Any] = {"after": self.given.shown_by(progress), "prior": self.known}
            options |= self.settings.model_options()
            return salvage_chunks(chunks, report, progress=progress, **options)

        self.transfer(item, source, target, convert, None)
        if report.error is None:
            self.console.note(f"{item.name}: {report}")
        else:
            self.console.failed(f"{item.name}: {report}", report.error.exit_status)

    def tell(self, item: Input, done: _Done, *, data: int, packed: int) -> None:
        """A line about a file whose `data` bytes are `packed` bytes in the archive."""
        bits = f"{8 * packed / data:.3f} bpb, " if data else ""
        rate = data / max(done.seconds, 1e-9) / 1000
        self.console.note(
            f"{item.name}: {done.read:,} -> {done.written:,} bytes, {bits}"
            f"{done.seconds:,.1f} s, {rate:,.1f} kB/s",
            least=1,
        )


def _is_foreign(source: BinaryIO) -> bool:
    """Whether a file is no archive; of what cannot be read twice that is not known here."""
    if not source.seekable():
        return False
    start = source.tell()
    first = rawio.read(source, len(MAGIC))
    source.seek(start)
    return not (first and begins_like_an_archive(first))


def _passing(convert: Convert) -> Convert:
    """The same for archives; all else is passed on as it is."""

    def convert_or_pass(chunks: Iterator[bytes], progress: Bar) -> Iterator[bytes]:
        first = b""
        while len(first) < len(MAGIC) and (more := next(chunks, b"")):
            first += more
        if first and begins_like_an_archive(first):
            yield from convert(chain([first], chunks), progress)
            return
        for chunk in chain([first], chunks):
            progress(len(chunk))
            yield chunk

    return convert_or_pass


def _make_directory(path: Path) -> None:
    """Make a directory and those around it, however deep: `os.makedirs` calls itself for each."""
    missing = []
    while not path.is_dir() and path.parent != path:
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)


def _remove(item: Input, before: os.stat_result | None, safe: bool) -> None:
    """Remove an input whose output is safe on the disk.

    Not if the input is no regular file (`before` is None), or has changed since it was opened.
    """
    why, remedy = "", "remove it yourself if you do not need it"
    if before is None:
        why = "it is no regular file"
    elif not safe:
        why = "its output is no regular file that is known to be on the disk"
    else:
        now = os.stat(item.path)
        names = ("st_dev", "st_ino", "st_size", "st_mtime_ns")
        if any(getattr(now, name) != getattr(before, name) for name in names):
            why, remedy = "it changed while it was read", "see whether its output is what you want"
    if why:
        raise RefusedError(f"{item.path}: is not removed", why, remedy)
    os.unlink(item.path)


def _total(sizes: list[int] | None) -> int | None:
    return None if sizes is None else sum(sizes)


def _needs(level: int) -> str:
    return f"level {level}, {memory_bytes(level) / 2**20:,.0f} MiB of memory"
