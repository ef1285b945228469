"""Files that the model reads before the data: --after."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from lmzip import rawio
from lmzip.after import LIMIT, Prefix, fitting, joined
from lmzip.cli.inputs import Input, identity, open_input
from lmzip.cli.options import Settings
from lmzip.cli.report import Console, about
from lmzip.errors import RefusedError
from lmzip.names import shown
from lmzip.progress import Bar
from lmzip.scan import ArchiveInfo

CHUNK = 1 << 20


@dataclass(frozen=True)
class Given:
    """What --after names."""

    prefix: Prefix | None = None
    """None if it names nothing."""
    name: str = ""
    """What the progress bar calls it."""
    files: frozenset[tuple[int, int]] = frozenset()
    """Device and number of the files."""

    def fitting(self, archives: Iterable[ArchiveInfo]) -> Given:
        """The same for archives in a row that have been looked at. Raises AfterError."""
        return replace(self, prefix=fitting((info.needed for info in archives), self.prefix))

    def shown_by(self, bar: Bar) -> Prefix | None:
        """What to read first, and to show in a bar."""
        if self.prefix is None:
            return None
        return replace(self.prefix, progress=bar.reading(self.name, len(self.prefix.text)))

    def check_removal(self, item: Input, source: BinaryIO) -> None:
        """Refuse to remove an input without which its own archive, or others, stay closed."""
        if self.files and identity(os.fstat(source.fileno())) in self.files:
            raise RefusedError(
                f"{item.path}: is left alone",
                "--after reads it, so that archives need it, and --rm would remove it",
                "leave out --rm",
            )

    def check_archive(self, item: Input, target: Path) -> None:
        """Refuse to put an archive in the place of a file that it needs."""
        if self.files and os.path.lexists(target) and identity(os.lstat(target)) in self.files:
            raise RefusedError(
                f"{item.path}: is left alone",
                f"its archive would replace {target}, which --after reads, and which it needs",
                "name another output with -o",
            )


def read_given(settings: Settings, console: Console) -> Given:
    """Read what --after names, in its order, and say so if it is too much.

    Raises OSError, RefusedError.
    """
    if not settings.after:
        return Given()
    files: set[tuple[int, int]] = set()
    prefix = joined(_pieces(settings.after, files))
    size = len(prefix.text)
    if prefix.left_out:
        whole = size + prefix.left_out
        console.note(f"--after: of {whole:,} bytes the last {LIMIT:,} are read, no more")
    console.note(f"--after: {size:,} bytes, digest {prefix.digest.hex()}", least=2)
    first, *rest = settings.after
    name = f"{len(rest) + 1} files" if rest else shown(os.path.basename(first))
    return Given(prefix, name, frozenset(files))


def _pieces(names: Iterable[str], files: set[tuple[int, int]]) -> Iterator[bytes]:
    """The bytes of the files, of which device and number are noted."""
    for name in names:
        if os.path.isdir(name):
            raise RefusedError(
                f"{shown(name)}: cannot be read by --after",
                "it is a directory",
                "name the files in it, or one that tar makes of it",
            )
        with about(name), open_input(Input(name, Path(name)), terminal=False) as file:
            files.add(identity(os.fstat(file.fileno())))
            while piece := rawio.read(file, CHUNK):
                yield piece
