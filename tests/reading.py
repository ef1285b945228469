"""Every way of reading an archive."""

from __future__ import annotations

import io
from typing import Any

import lmzip
from lmzip.decompressor import LMZDecompressor
from lmzip.salvage import salvage


def each_way(archive: bytes, **given: Any) -> list[type[Exception] | bytes]:
    """What comes of an archive by each of them; given: `after` or `prior`."""

    def from_file() -> bytes:
        with lmzip.open(io.BytesIO(archive), **given) as file:
            return file.read()

    found: list[type[Exception] | bytes] = []
    for read in (
        lambda: lmzip.decompress(archive, **given),
        lambda: LMZDecompressor(**given).decompress(archive),
        from_file,
        lambda: salvage(archive, **given)[0],
    ):
        try:
            found.append(read())
        except lmzip.LMZError as error:
            assert error.what and error.why and error.remedy
            found.append(type(error))
    return found
