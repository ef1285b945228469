"""What both sides have: data that the model reads before it codes any, and that no archive holds.

zstd calls the like a reference prefix (`--patch-from`). The archive names the data by a digest, so
that others are found out before the model reads them. `docs/FORMAT.md`, section 1, defines it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lmzip.arguments import After, Data, Progress
from lmzip.errors import AfterError, OtherDataError
from lmzip.header import DIGEST_SIZE

if TYPE_CHECKING:
    from lmzip.codec.loop import Codec

PLACES, WINDOW = 64, 64
"""Places of data that are looked at, and bytes of each."""
LIMIT = 1 << 24
"""Bytes that are read at most, the last ones: as many as the model's memory keeps."""


@dataclass(frozen=True)
class Prefix:
    """What the model reads first."""

    text: bytes
    """At most LIMIT bytes."""
    left_out: int = 0
    """Bytes that were given before them and are not read."""
    progress: Progress | None = None
    """Told how many bytes of the text were read since the last call."""
    for_any: bool = False
    """Whether archives that need nothing read first are taken too."""

    given: bool = True
    """False for what stands for nothing."""

    @property
    def needed(self) -> bytes:
        """What an archive names it by; empty if nothing is given."""
        return self.digest if self.given else b""

    @cached_property
    def digest(self) -> bytes:
        """What an archive names it by: of the SHA-256 of its length, 8 bytes, and the text."""
        told = hashlib.sha256(len(self.text).to_bytes(8, "little"))
        told.update(self.text)
        return told.digest()[:DIGEST_SIZE]

    def silent(self) -> Prefix:
        """The same, with nobody told: it can be sent to another process."""
        return replace(self, progress=None)

    def is_revised_by(self, data: Data) -> bool:
        """Whether most places of these data, at least one byte, stand in it as they are."""
        step = max((len(data) - WINDOW) // PLACES, 1)
        places = range(0, max(len(data) - WINDOW, 0) + 1, step)
        found = sum(bytes(data[at : at + WINDOW]) in self.text for at in places)
        return 2 * found > len(places)

    def teach(self, model: Codec, size: int, revision: bool = False) -> None:
        """Let a new model read it; the first block of data has `size` bytes.

        `revision`: whether the data are one of it. Who is told of the model's progress is told of
        data only: that of reading goes elsewhere.
        """
        if not self.given:
            return
        progress, model.progress = model.progress, self.progress
        model.read(self.text, size)
        if revision:
            model.expect_revision(self.text)
        model.progress = progress


NOTHING = Prefix(b"", given=False)
"""Stands for nothing to be read."""


def prefix_of(after: After | Prefix | None) -> Prefix | None:
    """What is to be read first; None if nothing is, which an empty sequence says too.

    Raises TypeError for what is neither bytes nor a list or tuple of such.
    """
    if after is None or isinstance(after, Prefix):
        return after
    if not isinstance(after, (list, tuple)):
        after = [after]
    return joined(map(_bytes_of, after)) if after else None


def joined(parts: Iterable[Data]) -> Prefix:
    """What is read of parts in a row: all of them as one, or its last LIMIT bytes."""
    text, size = bytearray(), 0
    for part in parts:
        view = memoryview(part)
        size += len(view)
        text += view[-LIMIT:]
        del text[:-LIMIT]
    return Prefix(bytes(text), size - len(text))


def check_after(needed: bytes, prefix: Prefix | None, *, further: bool = False) -> None:
    """Raise AfterError unless an archive that names `needed` can be read after `prefix`.

    `further`: whether it stands behind another one, and so need not need it.
    """
    if not needed:
        if prefix is not None and not (further or prefix.for_any):
            raise AfterError(
                "this archive was not made after other data",
                f"{len(prefix.text):,} bytes are given to be read first",
                "leave out --after (or `after`)",
            )
    elif prefix is None:
        raise AfterError(
            "this archive was made after other data, which both sides need",
            f"it names them by the digest {needed.hex()}, and none are given",
            "give the same files with --after (or `after`), in the same order",
        )
    elif not prefix.digest.startswith(needed):
        raise OtherDataError(
            "this archive was made after other data than are given",
            f"the digest of its data is {needed.hex()}, that of the {len(prefix.text):,} bytes "
            f"given is {prefix.digest[: len(needed)].hex()}",
            "give the same files as they were then, in the same order",
        )


def fitting(needed: Iterable[bytes], prefix: Prefix | None) -> Prefix | None:
    """What to read before archives in a row, of which it is known what each needs.

    It may be any of them, not the first only, that needs it. Raises AfterError.
    """
    archives = list(needed)
    for digest in archives:
        check_after(digest, prefix, further=any(archives))
    return None if prefix is None else replace(prefix, for_any=True)


def _bytes_of(data: Data) -> memoryview:
    view = memoryview(data)
    if not view.nbytes:
        return memoryview(b"")
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())
