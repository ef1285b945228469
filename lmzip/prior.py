"""What a model knows beforehand of one kind of data: made once of samples, kept in a file.

zstd calls the like a dictionary. An archive names the prior that it was made with by a digest, so
that the right one is found, or asked for, before the model starts.
"""

from __future__ import annotations

import copy
import hashlib
import os
import threading
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lmzip.arguments import Data, Progress
from lmzip.checks import check_level
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.errors import PriorError
from lmzip.generations import Generation, numbered
from lmzip.outputs import atomic_output
from lmzip.priors.parts import NAME_SIZE, Parts, generation_of

if TYPE_CHECKING:
    from lmzip.codec.loop import Codec

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

SIZE = 256_000
"""Bytes of the file of a prior, at most, unless another size is asked for."""
TEXT = 1_000_000
"""Bytes of its text at most, unless another size is asked for: what is taken in before every
archive. At level 5 that takes seconds, and nearly a gigabyte of memory (`docs/priors.md`)."""
KEPT = 2
"""A model that has read the prior's text is kept, and copied, for what begins with so many times as
many bytes at most: for more, reading is a small part of the work, and a copy takes much memory."""


class Prior:
    """A prior, as its file holds it. It never changes, and threads may share it.

    `data` is the file. Raises PriorError if that is damaged, or made for a code that this lmzip has
    not.
    """

    def __init__(self, data: Data) -> None:
        self._data = bytes(data)
        self._parts = Parts.unpack(self._data)
        self.generation = generation_of(self._parts.code, self.name)
        """Of the codec that it is for."""
        self._lock = threading.Lock()
        self._kept: tuple[object, Codec] | None = None
        self._asked: object = None

    @classmethod
    def load(cls, file: Path) -> Prior:
        """The prior in a file. Raises OSError, PriorError."""
        with open(file, "rb") as source:
            return cls(source.read())

    @classmethod
    def train(
        cls,
        samples: Iterable[Data],
        level: int = DEFAULT_LEVEL,
        *,
        size: int = SIZE,
        text_size: int = TEXT,
        threads: int | None = None,
    ) -> Prior:
        """Learn from samples what archives of one level begin with.

        Of the samples, some are held out, and decide when to stop. `size`: bytes of the file at
        most. `text_size`: bytes of the text that the model is to read before each archive: a longer
        one makes archives smaller, and takes its time. Raises ValueError for a level that is not 1
        to 9, for a size that nothing fits into, and for samples that are too few to hold some out;
        EngineError without Numba.
        """
        from lmzip.priors.training import train

        options = {"size": size, "text_size": text_size, "threads": threads}
        return cls(train(samples, level, **options).data)

    def save(self, file: Path) -> None:
        """Write the file, in the place of what is there. Raises OSError."""
        with atomic_output(os.fsdecode(file), overwrite=True) as target:
            target.write(self._data)

    @property
    def data(self) -> bytes:
        """The file."""
        return self._data

    @property
    def level(self) -> int:
        """The level that it is for."""
        return self._parts.level

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._data)

    @cached_property
    def digest(self) -> bytes:
        """What archives name it by: the first 4 bytes of the SHA-256 that its file ends in."""
        return self._data[-hashlib.sha256().digest_size :][:NAME_SIZE]

    @property
    def name(self) -> str:
        """The digest in hexadecimal."""
        return self.digest.hex()

    def __repr__(self) -> str:
        return f"<lmzip.Prior {self.name} for level {self.level}, {self.size:,} bytes>"

    def __eq__(self, other: object) -> bool:
        return self._data == other._data if isinstance(other, Prior) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._data)

    def __reduce__(self) -> tuple[type[Prior], tuple[bytes]]:
        return Prior, (self._data,)

    def check_generation(self, writer: Generation) -> None:
        """Raise PriorError if it is for another generation than archives are written by."""
        if writer != self.generation:
            raise PriorError(
                f"the prior {self.name} is for generation {self.generation.number} of the codec",
                f"archives are written by generation {writer.number}, which begins with another "
                "model",
                "train it anew for new archives (`lmzip train`); those made with it can be read",
            )

    def check_level(self, level: int) -> None:
        """Raise PriorError if it is for another level."""
        if level != self.level:
            raise PriorError(
                f"the prior {self.name} is for level {self.level}",
                f"level {level} is asked for, which begins with another model",
                f"use level {self.level}, or train a prior for level {level}",
            )

    def begin(
        self, size: int, *, threads: int | None = None, progress: Progress | None = None
    ) -> Codec:
        """A model that begins with this prior, and has read its text.

        `size`: bytes of the first block, and of what else is read before it. Asked for the second
        time in a row, one is kept, which takes the memory of a second model. Raises PriorError if
        the prior, though sound, holds what none does.
        """
        whole = len(self._parts.text) + size
        log_buckets = self.generation.log_buckets(self.level, whole)
        key = log_buckets, os.environ.get("LMZIP_ENGINE"), threads
        with self._lock:
            # The first time none is kept: whoever codes one file needs no copy.
            wanted, self._asked = self._asked == key and size <= KEPT * len(self._parts.text), key
            if wanted and (self._kept is None or self._kept[0] != key):
                self._kept = key, self._new(size, threads)
            kept = self._kept[1] if wanted and self._kept is not None else None
        # Nobody changes what is kept.
        model = self._new(size, threads) if kept is None else copy.deepcopy(kept)
        model.progress = progress
        return model

    def _new(self, size: int, threads: int | None) -> Codec:
        parts = self._parts
        begins: dict[str, Any] = {"prior": parts.differences, "threads": threads}
        try:
            model = self.generation.new_codec(parts.level, **begins)
            model.read(parts.text, size)
        except ValueError as error:
            raise PriorError(
                f"the prior {self.name} breaks the format", str(error), "train it anew"
            ) from error
        return model


def prior_of(prior: Prior | Path | None) -> Prior | None:
    """A prior that is given as itself, or by the name of its file. Raises OSError, PriorError,
    TypeError."""
    if prior is None or isinstance(prior, Prior):
        return prior
    return Prior.load(prior)


def checked_level(
    level: Any, prior: Prior | None, limit: int | None = None, generation: int | None = None
) -> int:
    """The level as a plain integer, for which the prior must be; and for the generation, or the
    newest. Raises as `check_level`, and PriorError."""
    number = check_level(level, limit)
    if prior is not None:
        prior.check_level(number)
        prior.check_generation(numbered(generation))
    return number
