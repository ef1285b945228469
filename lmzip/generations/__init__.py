"""The codecs that this lmzip has: the newest, which writes archives, and all that were released.

A released codec is frozen: a copy of `lmzip/codec` as it was, `g1`, `g2`, .., which is never
changed again and imports only itself and `lmzip.interface`. An archive names its generation, by a
number and by the code hash, and so every later lmzip opens it. `release/freeze.py` adds one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmzip import codec
from lmzip.errors import UnsupportedError
from lmzip.generations.code_hash import stamped
from lmzip.generations.mending import RAISED_TOO_LATE, mend
from lmzip.header import CODE_SIZE, SHORT_VERSION, VERSION
from lmzip.interface import processors

if TYPE_CHECKING:
    from lmzip.codec.learned.prior import Differences
    from lmzip.codec.loop import Codec

RELEASED = Path(__file__).with_name("released.txt")
"""Number, release and code hash of every generation that was released, a line each."""


@dataclass(frozen=True)
class Generation:
    """A codec, and what it is called."""

    number: int
    release: str
    """The first release that had it; empty if none has."""
    code_hash: bytes
    """SHA-256, 32 bytes."""
    package: str
    """Where it is: `lmzip.codec`, or a frozen one."""

    @property
    def code(self) -> bytes:
        """What archives name it by: its number, and the first bytes of the hash."""
        return bytes([self.number]) + self.code_hash[: CODE_SIZE - 1]

    @property
    def short_version(self) -> int:
        """Version of the format of the archives of the short form that it writes."""
        return VERSION if self.number < 3 else SHORT_VERSION

    @property
    def revisions(self) -> bool:
        """Whether it can be told that data are a revision of what it read first."""
        return self.number >= 3

    def __str__(self) -> str:
        release = f"release {self.release}" if self.release else "not released"
        return f"generation {self.number} ({release})"

    # What a frozen codec has to have: these names, with these arguments.

    def memory_bytes(self, level: int) -> int:
        """Bytes of memory that coding at this level takes at most, either way."""
        size: int = self._module("levels").memory_bytes(level)
        return size

    def log_buckets(self, level: int, size: int) -> int:
        """How large the memory is when the first block, and what is read before it, has `size`
        bytes: models of one size begin alike."""
        preset = self._module("levels").preset_of(level)
        log: int = self._with_numpy("coder.bit_coder").log_buckets(preset, size)
        return log

    def new_codec(
        self,
        level: int,
        *,
        from_scratch: bool = False,
        prior: Differences | None = None,
        threads: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> Codec:
        """A new model, see `codec.loop.Codec`. Slow the first time: the model's libraries."""
        begins: dict[str, Any] = {}
        if self.package != codec.__name__:  # generations 1 and 2 would take all there are
            threads = threads or processors()
        if self.number in RAISED_TOO_LATE:
            mend(self._with_numpy("transformer.kernels.products"))
        if prior is not None:
            differences = self._with_numpy("learned.prior").Differences
            begins = {"prior": differences(prior.network, prior.mixer)}
        new: Codec = self._with_numpy("loop").Codec(
            level, from_scratch=from_scratch, threads=threads, progress=progress, **begins
        )
        return new

    def learned_files(self) -> dict[str, str]:
        """Name -> SHA-256, in hexadecimal, of its files of learned weights."""
        files: dict[str, str] = self._with_numpy("learned.weights_file").shipped()
        return files

    def _module(self, name: str) -> Any:
        return import_module(f"{self.package}.{name}")

    def _with_numpy(self, name: str) -> Any:
        """A module that needs NumPy, which is loaded from there before a codec asks for it."""
        from lmzip.arrays import np  # noqa: F401

        return self._module(name)


def sources() -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the newest codec's sources, in the order in which they are hashed."""
    for path in codec.source_files():
        yield codec.source_name(path), codec.source_bytes(path)


@cache
def released() -> tuple[Generation, ...]:
    """All that were released, the first first."""
    lines = [line.split() for line in RELEASED.read_text(encoding="ascii").splitlines()]
    return tuple(
        Generation(int(number), release, bytes.fromhex(code), f"{__name__}.g{number}")
        for number, release, code in lines
    )


@cache
def newest() -> Generation:
    """The one that `lmzip/codec` is: the last that was released, or the next."""
    code = stamped(codec.source_hash(), sources())
    for one in released():
        if one.code_hash == code:
            return Generation(one.number, one.release, code, codec.__name__)
    return Generation(len(released()) + 1, "", code, codec.__name__)


def known() -> tuple[Generation, ...]:
    """All that this lmzip has, the first first."""
    last = newest()
    return (*(one for one in released() if one.number != last.number), last)


def numbered(number: int | None) -> Generation:
    """The one of this number, or the newest. Raises ValueError if there is none."""
    if number is None:
        return newest()
    for one in known():
        if one.number == number:
            return one
    raise ValueError(f"this lmzip has the generations 1 to {newest().number}, not {number!r}")


def written_by(code: bytes) -> Generation:
    """The one that an archive names. Raises UnsupportedError if this lmzip has it not."""
    for one in known():
        if one.code == code:
            return one
    last, what = newest(), f"this archive was written by the code {code.hex()}"
    here = f"this lmzip has the code {last.code.hex()}, generation {last.number}"
    if code[0] > last.number:
        raise UnsupportedError(
            f"{what}, generation {code[0]}",
            f"{here}, and those before it",
            "use a newer lmzip (its CHANGELOG.md names the generation of each release)",
        )
    raise UnsupportedError(
        what,
        f"{here}; that one is of no release, but of some state between two",
        "use the lmzip that wrote it (`lmzip --version` names the code)",
    )
