"""What a prior changes in the model that an archive begins with.

Each part is a file of differences, or empty if nothing differs. Whoever has to do with one knows
what is in it: `transformer/weights.py`, `mixer/first_weights.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Differences:
    """Files of differences from what the model begins with otherwise."""

    network: bytes = b""
    """Of all tensors of the transformer."""
    mixer: bytes = b""
    """Of the mixer's first weights."""


NONE = Differences()
"""What is there without a prior."""
