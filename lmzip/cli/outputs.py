"""Where results go: the name of an output, and what forbids it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lmzip.cli.inputs import Input, inputs
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


def check_target(item: Input, target: Path) -> None:
    """Refuse to write over what is being read."""
    if not item.is_stdin and target.exists() and os.path.samefile(item.path, target):
        raise RefusedError(
            f"{item.path}: is left alone",
            "it would be its own output",
            "name another output with -o",
        )


def check_terminal(settings: Settings) -> None:
    """Refuse to write an archive to a terminal."""
    if sys.stdout.isatty() and not settings.force:
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
    """Only regular files get an output beside them; symbolic links only with -f."""
    if os.path.islink(item.path) and not settings.force:
        why, remedy = "it is a symbolic link", "use -f to follow it, or -c"
    elif os.path.exists(item.path) and not stat.S_ISREG(os.stat(item.path).st_mode):
        why, remedy = "it is no regular file", "use -c or -o"
    else:
        return
    if item.found:
        raise Skipped(why, loud=False)
    raise RefusedError(f"{item.path}: is left alone", why, remedy)
