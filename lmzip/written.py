"""What an archive that is being written holds so far."""

from __future__ import annotations

from typing import Any, NamedTuple


class Written(NamedTuple):
    """The blocks that have left the compressor. It is replaced, never changed."""

    head: bytes
    """The header, if that has not left."""
    raw_size: int
    """Bytes of data in the blocks."""
    digest: Any
    """SHA-256 of the data, as a hashlib object that is copied and not changed."""
    waiting: int
    """Bytes in the buffer, of the next block."""
    returned: int
    """Bytes of the archive that have left."""
