"""The file of a prior, packed and unpacked; no model. `docs/FORMAT.md`, section 9, defines it."""

from __future__ import annotations

import hashlib
import lzma
import struct
from dataclasses import dataclass
from typing import ClassVar

from lmzip.codec.learned.prior import Differences
from lmzip.codec.levels import MAX_LEVEL, MIN_LEVEL
from lmzip.errors import PriorError, UnsupportedError
from lmzip.generations import Generation, written_by
from lmzip.header import CODE_SIZE

MAGIC = b"\x8cLMP"
VERSION = 2
CHECK_SIZE = 32
"""Bytes of the SHA-256 of all before it that a file ends in."""
NAME_SIZE = CODE_SIZE
"""Bytes of it that archives name a prior by: as many as they name a code by, and in their place."""
LONGEST_TEXT = 1 << 20
"""Bytes."""
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": LONGEST_TEXT}]

GET_ANOTHER_COPY = "get the prior again from where it came from, or train it anew"


@dataclass(frozen=True)
class Parts:
    """What the file of a prior holds."""

    level: int
    """The level that it is for."""
    code: bytes
    """What names the codec that it is for, 4 bytes (`generations.Generation.code`)."""
    differences: Differences
    """What the model begins with."""
    text: bytes = b""
    """What it reads before anything else, at most LONGEST_TEXT bytes."""

    _HEAD: ClassVar[struct.Struct] = struct.Struct("<4sBB4s4I")

    def pack(self) -> bytes:
        """The file."""
        told = self.differences
        packed = lzma.compress(self.text, lzma.FORMAT_RAW, filters=_FILTERS) if self.text else b""
        parts = (told.network, told.mixer, packed)
        sizes = (*map(len, parts), len(self.text))
        data = self._HEAD.pack(MAGIC, VERSION, self.level, self.code, *sizes) + b"".join(parts)
        return data + hashlib.sha256(data).digest()

    @classmethod
    def unpack(cls, data: bytes) -> Parts:
        """Check and read a file. Raises PriorError: not for another code, as nothing is computed.

        Whether the differences are such is found out by whoever uses them.
        """
        if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
            raise PriorError(
                "this is no prior",
                f"it begins with {data[:4].hex(' ').upper() or 'nothing'}, not "
                f"{MAGIC.hex(' ').upper()}",
                "give the name of a file that `lmzip train` made",
            )
        version = data[len(MAGIC) : len(MAGIC) + 1]
        if version and version[0] != VERSION:
            raise PriorError(
                f"this is a prior of format version {version[0]}",
                f"this lmzip reads version {VERSION}",
                "use the lmzip that made it, or train it anew",
            )
        if hashlib.sha256(data[:-CHECK_SIZE]).digest() != data[-CHECK_SIZE:]:
            raise PriorError(
                "the prior is damaged, or incomplete",
                "the SHA-256 of its bytes is wrong",
                GET_ANOTHER_COPY,
            )
        rest = memoryview(data)[cls._HEAD.size : -CHECK_SIZE]
        if len(data) < cls._HEAD.size + CHECK_SIZE:
            raise _impossible("it is too short")
        _, _, level, code, *sizes, text_size = cls._HEAD.unpack(data[: cls._HEAD.size])
        if sum(sizes) != len(rest) or text_size > LONGEST_TEXT:
            raise _impossible("the sizes of its parts are not right")
        if not MIN_LEVEL <= level <= MAX_LEVEL:
            raise _impossible(f"it is for level {level}")
        parts = []
        for size in sizes:
            parts.append(bytes(rest[:size]))
            rest = rest[size:]
        return cls(level, code, Differences(*parts[:2]), _unpacked(parts[2], text_size))


def generation_of(code: bytes, name: str) -> Generation:
    """The generation of the codec that a prior is for. Raises PriorError if it is not here."""
    try:
        return written_by(code)
    except UnsupportedError as error:
        raise PriorError(
            f"the prior {name} was made for the code {code.hex()}",
            error.why,
            "for new archives train it anew (`lmzip train`); for those made with it use the lmzip "
            "that made them (`lmzip --version` names the code)",
        ) from error


def _unpacked(packed: bytes, size: int) -> bytes:
    if not packed and not size:
        return b""
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
        text = unpacker.decompress(packed, size + 1)  # no more, whatever it claims
    except lzma.LZMAError as error:
        raise _impossible(f"its text cannot be unpacked ({error})") from error
    if len(text) != size:
        raise _impossible("its text is of another size than it says")
    return text


def _impossible(why: str) -> PriorError:
    return PriorError("this prior breaks the format", why, "train it anew")
