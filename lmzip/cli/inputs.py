"""Which files are meant: names, directories, standard input."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lmzip.cli.options import Settings
from lmzip.cli.report import STDIN, Console
from lmzip.errors import RefusedError
from lmzip.rawio import PatientRaw


@dataclass(frozen=True)
class Input:
    """A file to work on."""

    path: str
    """Its name, - for standard input."""
    below: Path
    """Where it belongs below an output directory."""
    found: bool = False
    """Whether -r found it, rather than the user named it."""

    @property
    def is_stdin(self) -> bool:
        return self.path == "-"

    @property
    def name(self) -> str:
        """What messages call it."""
        return STDIN if self.is_stdin else self.path


def inputs(settings: Settings, console: Console) -> Iterator[Input]:
    """All files that the settings name; a directory without -r is reported as an error."""
    for name in settings.files or ("-",):
        if name == "-" or not os.path.isdir(name):
            yield Input(name, Path(os.path.basename(name)))
            continue
        with console.each(name):
            if not settings.recursive:
                raise RefusedError(
                    f"{name}: is left alone",
                    "it is a directory",
                    "use -r for the files in it, or tar for one archive of them all",
                )
            yield from _inside(name, console)


def _inside(directory: str, console: Console) -> Iterator[Input]:
    """The files in a directory and in those below, in order; symbolic links are not followed."""
    last = os.path.basename(os.path.normpath(directory))
    root = Path() if last in ("", os.curdir, os.pardir) else Path(last)

    def unreadable(error: OSError) -> None:
        with console.each(directory):
            raise error

    for here, directories, files in os.walk(directory, onerror=unreadable):
        directories.sort()
        for file in sorted(files):
            path = os.path.join(here, file)
            yield Input(path, root / os.path.relpath(path, directory), found=True)


@contextmanager
def open_input(item: Input, *, terminal: bool) -> Iterator[BinaryIO]:
    """The file, opened for reading. `terminal`: whether its bytes may be typed in.

    Raises OSError, RefusedError.
    """
    if not item.is_stdin:
        # A name such as /dev/stdin may open a descriptor in non-blocking mode.
        with open(item.path, "rb", buffering=0) as raw:
            yield io.BufferedReader(PatientRaw(raw))
        return
    if sys.stdin.isatty() and not terminal:
        raise RefusedError(
            "no archive is read from a terminal",
            "nobody can type one in",
            "name a file, or redirect one to standard input",
        )
    yield sys.stdin.buffer


def regular_size(file: BinaryIO) -> int | None:
    """Bytes from here to the end of a regular file, None if it is something else."""
    status = os.fstat(file.fileno())
    return status.st_size - file.tell() if stat.S_ISREG(status.st_mode) else None
