"""What the library takes from its callers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Data
else:
    Data = bytes | bytearray | memoryview
"""What is taken for bytes: every object of the buffer protocol, by its bytes in memory."""

After = Data | Sequence[Data]
"""What the model reads before the data: bytes, or several such in the order given."""

Progress = Callable[[int], object]
"""Called now and then with the number of bytes of data that were worked on since the last call."""
