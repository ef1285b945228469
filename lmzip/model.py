"""The model that an archive begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lmzip.arguments import Progress
from lmzip.generations import written_by
from lmzip.header import Header
from lmzip.prior import Prior

if TYPE_CHECKING:
    from lmzip.codec.loop import Codec


def new_codec(
    header: Header,
    threads: int | None,
    progress: Progress | None,
    prior: Prior | None = None,
    size: int = 1,
) -> Codec:
    """A new model; if there is a prior, which must be the one that the header names, one that has
    read its text. `size`: bytes of the first block, and of what is to be read before it."""
    if prior is not None:
        return prior.begin(size, threads=threads, progress=progress)
    begins: dict[str, Any] = {"from_scratch": header.from_scratch, "threads": threads}
    return written_by(header.code).new_codec(header.level, progress=progress, **begins)


def canary(codec: Codec) -> int:
    """As much of its canary as a block carries."""
    return codec.canary() & 0xFFFF
