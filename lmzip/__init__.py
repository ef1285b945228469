"""lmzip: lossless compression by a transformer that learns while it compresses.

    >>> import lmzip
    >>> archive = lmzip.compress(b"the cat sat on the mat, the cat sat", level=1)
    >>> lmzip.decompress(archive)
    b'the cat sat on the mat, the cat sat'

Three levels of use: `compress` and `decompress` for bytes in memory, `open` and `LMZFile` for
files, `LMZCompressor` and `LMZDecompressor` for data that come in pieces. A `Prior` is learned
from samples of small files, which it makes smaller. `report` tells what each byte costs, and why.
Importing `lmzip` is cheap: the model's libraries are loaded when the
first byte is coded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lmzip.errors import (
    AfterError,
    BrokenError,
    CorruptError,
    EngineError,
    FormatError,
    LimitError,
    LMZError,
    MismatchError,
    OtherDataError,
    PaddingWarning,
    PriorError,
    RefusedError,
    TableWarning,
    TruncatedError,
    UnsupportedError,
    WorkerError,
)

if TYPE_CHECKING:
    from lmzip.compressor import LMZCompressor
    from lmzip.decompressor import LMZDecompressor
    from lmzip.files import LMZFile, open, register_fsspec
    from lmzip.instruments.lengths import Report, report
    from lmzip.prior import Prior
    from lmzip.whole import compress, decompress

__version__ = "1.1.0"

__all__ = [
    "AfterError",
    "BrokenError",
    "CorruptError",
    "EngineError",
    "FormatError",
    "LMZCompressor",
    "LMZDecompressor",
    "LMZError",
    "LMZFile",
    "LimitError",
    "MismatchError",
    "OtherDataError",
    "PaddingWarning",
    "Prior",
    "PriorError",
    "RefusedError",
    "Report",
    "TableWarning",
    "TruncatedError",
    "UnsupportedError",
    "WorkerError",
    "compress",
    "decompress",
    "open",
    "register_fsspec",
    "report",
]

_HOMES = {
    "LMZCompressor": "lmzip.compressor",
    "LMZDecompressor": "lmzip.decompressor",
    "compress": "lmzip.whole",
    "decompress": "lmzip.whole",
    "LMZFile": "lmzip.files",
    "open": "lmzip.files",
    "register_fsspec": "lmzip.files",
    "Prior": "lmzip.prior",
    "Report": "lmzip.instruments.lengths",
    "report": "lmzip.instruments.lengths",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lmzip' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
