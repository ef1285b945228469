"""Where results go: the name of an output, and what forbids it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lmzip.cli.descriptors import descriptor
from lmzip.cli.inputs import Input, inputs, kind
from lmzip.cli.options import SUFFIX, Settings
from lmzip.cli.report import Console, Skipped
from lmzip.errors import RefusedError


def compressed_name(item: Input, settings: Settings) -> Path | None:
    """The archive that an input becomes, None for standard output. Raises Skipped, RefusedError."""
    named = _named(item, settings)
    if named or _to_stdout(item, settings):
        return named
    suffix = _suffix(item, settings)
    if suffix and not settings.force:
        raise Skipped(
            f"its name ends in {suffix} already; use -f to compress it again", not item.found
        )
    _check_kind(item, settings)
    place = _place(item, settings)
    return place.with_name(place.name + settings.suffix)


def restored_name(item: Input, settings: Settings) -> Path | None:
    """The file that an archive becomes, None for standard output. Raises Skipped, RefusedError."""
    named = _named(item, settings)
    if named or _to_stdout(item, settings):
        return named
    suffix = _suffix(item, settings)
    if not suffix:
        why = f"its name does not end in {settings.suffix}"
        if item.found:
            raise Skipped(why, loud=False)
        raise RefusedError(
            f"{item.path}: is not restored",
            f"{why}, so the name of the output is unknown",
            "name it with -o, or use -c",
        )
    _check_kind(item, settings)
    place = _place(item, settings)
    return place.with_name(place.name.removesuffix(suffix))


def archives(settings: Settings, console: Console) -> Iterator[Input]:
    """The inputs, without what -r found that is no archive by its name."""
    for item in inputs(settings, console):
        if item.found and not _suffix(item, settings):
            why = f"its name does not end in {settings.suffix}"
            console.note(f"{item.name}: skipped: {why}", least=1)
        else:
            yield item


def is_special(target: str) -> bool:
    """Whether an output of the name that the user gave is written as it is.

    A descriptor, a pipe or a device is; names that lmzip makes up are not looked at.
    """
    if descriptor(target) is not None:
        return True
    try:
        mode = os.stat(target).st_mode
    except OSError:  # nothing there, or nothing that can be seen
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def open_special(target: str) -> BinaryIO:
    """Open such an output; a pipe waits for its reader. Raises OSError."""
    number = descriptor(target)
    if number is None:
        return open(os.open(target, os.O_WRONLY | getattr(os, "O_NOCTTY", 0)), "wb")
    return open(os.dup(number), "wb")


def check_target(item: Input, target: Path) -> None:
    """Refuse to replace what is being read."""
    if item.is_stdin or not os.path.lexists(target):
        return
    there = os.lstat(target)
    if any(os.path.samestat(there, look(item.path)) for look in (os.stat, os.lstat)):
        raise RefusedError(
            f"{item.path}: is left alone",
            "it would be its own output",
            "name another output with -o",
        )


def check_special(source: BinaryIO, sink: BinaryIO) -> None:
    """Refuse to write to the end of the file that is being read."""
    here, there = os.fstat(source.fileno()), os.fstat(sink.fileno())
    if stat.S_ISREG(here.st_mode) and os.path.samestat(here, there):
        raise RefusedError(
            "nothing is read and written at a time", "input and output are one file", "name another"
        )


def check_terminal(settings: Settings, sink: BinaryIO | None = None) -> None:
    """Refuse to write an archive to a terminal; the sink is standard output if none is given."""
    if (sys.stdout if sink is None else sink).isatty() and not settings.force:
        raise RefusedError(
            "no archive is written to a terminal",
            "it would be unreadable",
            "redirect it, name an output with -o, or use -f",
        )


def check_links(item: Input, source: BinaryIO, settings: Settings) -> None:
    """Refuse to remove one of a file's several names: the others would go on to hold the data."""
    if not settings.remove or settings.force or item.is_stdin:
        return
    links = os.fstat(source.fileno()).st_nlink
    if links > 1:
        raise RefusedError(
            f"{item.path}: is left alone",
            f"it has {links} names (hard links), of which --rm would remove this one only",
            "use -f to do so, or leave out --rm",
        )


def _suffix(item: Input, settings: Settings) -> str:
    """What makes the name an archive's, an empty string if nothing does."""
    name = os.path.basename(item.path)
    for suffix in (settings.suffix, SUFFIX):
        if name.endswith(suffix) and name != suffix:
            return suffix
    return ""


def _named(item: Input, settings: Settings) -> Path | None:
    if settings.output in (None, "-"):
        return None
    return Path(settings.output)


def _to_stdout(item: Input, settings: Settings) -> bool:
    return settings.to_stdout or item.is_stdin


def _place(item: Input, settings: Settings) -> Path:
    """The name of the input, moved into the output directory if there is one."""
    if settings.output_dir is None:
        return Path(item.path)
    return Path(settings.output_dir) / item.below


def _check_kind(item: Input, settings: Settings) -> None:
    """Regular files and named pipes get an output beside them; symbolic links only with -f.

    What -r found has been looked at before.
    """
    why, remedy = "", "use -c or -o"
    if descriptor(item.path) is not None:
        why = "its output has no name"
    elif os.path.islink(item.path) and not settings.force:
        why, remedy = "it is a symbolic link", "use -f to follow it, or -c"
    elif os.path.exists(item.path):
        mode = os.stat(item.path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            why = f"it is {kind(mode)}"
    if why:
        raise RefusedError(f"{item.path}: is left alone", why, remedy)
