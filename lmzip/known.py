"""Where the prior is that an archive names: what is given, beside the archive, and the user's own.

Priors are found by what they are, not by their names, so that any of a directory can be tried.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from lmzip.errors import PriorError
from lmzip.names import shown
from lmzip.prior import Path, Prior, prior_of
from lmzip.priors.parts import CHECK_SIZE, MAGIC, NAME_SIZE

SUFFIX = ".lmp"
"""What names of priors end in."""


def own_directory() -> str:
    """The user's directory of priors."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.join("~", ".local", "share")
    return os.path.expanduser(os.path.join(data, "lmzip", "priors"))


@dataclass
class Known:
    """What can be had. Threads may share it."""

    given: Prior | None = None
    """Looked at first."""
    beside: str | None = None
    """The directory that the archive is in."""
    _found: dict[bytes, Prior] = field(default_factory=dict)

    def find(self, name: bytes, level: int) -> Prior | None:
        """The prior that an archive of a level names; None if it names none.

        Raises PriorError if it is not there, or is damaged, or for another code or level. Reads no
        more of other files than tells that they are others.
        """
        if not name:
            return None
        prior = self._found.get(name)
        if prior is None:
            prior = self._look_for(name)
            self._found[name] = prior
        prior.check_level(level)
        return prior

    def _look_for(self, name: bytes) -> Prior:
        if self.given is not None and self.given.digest == name:
            return self.given
        for path in self._files():
            with suppress(OSError):
                if name_of(path) == name:
                    return Prior.load(path)
        raise PriorError(
            f"the prior {name.hex()} is missing, with which this archive was made",
            f"it is not {self._where()}",
            f"give its file (--prior, or `prior`), or put it into {shown(own_directory())}",
        )

    def _directories(self) -> list[str]:
        places = [*([self.beside or os.curdir] if self.beside is not None else []), own_directory()]
        return list(dict.fromkeys(places))

    def _files(self) -> Iterator[str]:
        for directory in self._directories():
            with suppress(OSError):
                for entry in sorted(os.listdir(directory)):
                    if entry.endswith(SUFFIX):
                        yield os.path.join(directory, entry)

    def _where(self) -> str:
        places = [f"in {shown(place)}" for place in self._directories()]
        if self.given is not None:
            places.insert(0, f"the one given, {self.given.name}")
        return ", nor ".join(places)


def known_of(prior: Prior | Path | Known | None, beside: str | None = None) -> Known:
    """Where to look, a prior being given or not. Raises OSError, PriorError."""
    if isinstance(prior, Known):
        return prior
    return Known(prior_of(prior), beside)


def find_all(known: Known, wanted: Iterable[tuple[bytes, int]]) -> None:
    """Find the priors of archives, of which (name, level) are known. Raises PriorError."""
    for name, level in wanted:
        known.find(name, level)


def name_of(path: str) -> bytes | None:
    """What archives name the prior in a file by; None if it is no prior. Raises OSError."""
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC or file.seek(0, os.SEEK_END) < CHECK_SIZE:
            return None
        file.seek(-CHECK_SIZE, os.SEEK_END)
        return file.read(NAME_SIZE)
