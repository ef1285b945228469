"""What `lmzip list` prints: one line per file, or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import click

from lmzip.cli import tables
from lmzip.cli.inputs import Input, open_input
from lmzip.cli.options import Settings
from lmzip.cli.outputs import archives
from lmzip.scan import ArchiveInfo, scan

HEAD = ("archive", "data", "ratio", "bpb", "blocks", "level", "from", "code", "check", "name")
_SHORT = 8
"""Digits of code hash and checksum in the table; JSON has all."""


@dataclass(frozen=True)
class Listed:
    """One file, which holds one or more archives."""

    item: Input
    archives: tuple[ArchiveInfo, ...]

    @property
    def size(self) -> int:
        """Bytes of the archives."""
        return sum(info.size + info.table_size for info in self.archives)

    @property
    def raw_size(self) -> int:
        """Bytes of data."""
        return sum(info.raw_size for info in self.archives)

    @property
    def ratio(self) -> float | None:
        """Bytes of archive per byte of data, None if there is no data."""
        return self.size / self.raw_size if self.raw_size else None

    def row(self) -> tuple[str, ...]:
        """The cells of its line. What differs among its archives is shown as `-`."""
        ratio = self.ratio
        return (
            f"{self.size:,}",
            f"{self.raw_size:,}",
            "-" if ratio is None else f"{ratio:.3f}",
            "-" if ratio is None else f"{8 * ratio:.3f}",
            f"{sum(info.blocks for info in self.archives):,}",
            self._common(lambda info: str(info.level)),
            self._common(_began),
            self._common(lambda info: (info.code or "-")[:_SHORT]),
            self._common(lambda info: info.digest[:_SHORT]),
            self.item.name,
        )

    def as_json(self) -> dict[str, Any]:
        """Sums over the file, then each archive. Sizes in bytes, `bpb` bits per byte."""
        ratio = self.ratio
        return {
            "name": self.item.whole_name,
            "size": self.size,
            "raw_size": self.raw_size,
            "ratio": ratio,
            "bpb": None if ratio is None else 8 * ratio,
            "blocks": sum(info.blocks for info in self.archives),
            "archives": [asdict(info) for info in self.archives],
        }

    def frames(self) -> Iterator[str]:
        """A line about each frame."""
        at = 0
        for info in self.archives:
            if info.frame is not None:
                yield (
                    f"{self.item.name}: frame {info.frame}: bytes {at:,} to {at + info.raw_size:,} "
                    f"of the data, {info.size:,} from {info.start:,} on, {info.digest}"
                )
            at += info.raw_size

    def _common(self, value: Callable[[ArchiveInfo], str]) -> str:
        values = {value(info) for info in self.archives}
        return values.pop() if len(values) == 1 else "-"


def _began(info: ArchiveInfo) -> str:
    """What the model began from."""
    began = "scratch" if info.from_scratch else "prior" if info.prior else "learned"
    return began + ("+after" if info.after else "")


def list_files(settings: Settings) -> int:
    """Print what the archives in all inputs say of themselves; return the exit status."""
    console = settings.console()
    listed = []
    for item in archives(settings, console):
        with console.each(item.name), open_input(item, terminal=False) as source:
            listed.append(Listed(item, tuple(scan(source, verify=False))))
            console.note_between(item.name, listed[-1].archives)
            for line in listed[-1].frames():
                console.note(line, least=1)
            for name in sorted({info.prior for info in listed[-1].archives if info.prior}):
                console.note(f"{item.name}: needs the prior {name}", least=1)
            for digest in sorted({info.after for info in listed[-1].archives if info.after}):
                console.note(f"{item.name}: needs --after, with data of digest {digest}", least=1)
    if settings.as_json:
        click.echo(json.dumps([file.as_json() for file in listed], indent=2))
    elif listed:
        click.echo("\n".join(tables.lines(HEAD, [file.row() for file in listed], -1)))
    return console.status
