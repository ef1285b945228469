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

from lmzip.cli.descriptors import descriptor
from lmzip.cli.options import Settings
from lmzip.cli.report import STDIN, Console, Skipped, about
from lmzip.errors import RefusedError
from lmzip.names import shown
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
    def whole_name(self) -> str:
        """What JSON calls it: in it, `os.fsencode` finds every byte of the name."""
        return STDIN if self.is_stdin else self.path

    @property
    def name(self) -> str:
        """What messages and tables call it."""
        return shown(self.whole_name)


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
            yield from _inside(name, settings, console)


def _inside(directory: str, settings: Settings, console: Console) -> Iterator[Input]:
    """The files in a directory, then those in the directories in it, in order.

    Other things are skipped: opening a pipe would wait for somebody at its other end. What cannot
    be read is reported, and does not stop the rest.
    """
    last = os.path.basename(os.path.normpath(directory))
    root = Path() if last in ("", os.curdir, os.pardir) else Path(last)
    waiting = [(directory, root)]
    while waiting:
        here, below = waiting.pop()
        entries: list[os.DirEntry[str]] = []
        with console.each(here), os.scandir(here) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        directories = []
        for entry in entries:
            with console.each(entry.path):
                if entry.is_dir(follow_symlinks=False):
                    directories.append((entry.path, below / entry.name))
                else:
                    _check_found(entry.path, settings)
                    yield Input(entry.path, below / entry.name, found=True)
        waiting += reversed(directories)


def _check_found(path: str, settings: Settings) -> None:
    """Let only regular files pass, and links to them with -f. Raises Skipped, OSError."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        if not settings.force:
            raise Skipped("it is a symbolic link", loud=False)
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise Skipped("it is a symbolic link to a directory", loud=False)
    if not stat.S_ISREG(mode):
        raise Skipped(f"it is {kind(mode)}")


def kind(mode: int) -> str:
    """What a file that is not regular is, in words."""
    for test, name in (
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if test(mode):
            return name
    return "no regular file"


@contextmanager
def open_input(item: Input, *, terminal: bool) -> Iterator[BinaryIO]:
    """The file, opened for reading. `terminal`: whether its bytes may be typed in.

    Raises OSError, RefusedError.
    """
    if not item.is_stdin:
        number = descriptor(item.path)
        with about(item.path):
            raw = open(item.path if number is None else os.dup(number), "rb", buffering=0)  # noqa: SIM115
        with raw:  # a name such as /dev/stdin may open a descriptor in non-blocking mode
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


def regular_status(item: Input, file: BinaryIO) -> os.stat_result | None:
    """The status of the regular file that an input names, None if it names none."""
    if item.is_stdin or descriptor(item.path) is not None:
        return None
    status = os.fstat(file.fileno())
    return status if stat.S_ISREG(status.st_mode) else None


def identity(status: os.stat_result) -> tuple[int, int]:
    """Device and number of a file: the same under all its names."""
    return status.st_dev, status.st_ino
