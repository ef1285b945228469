"""The intrinsics of `vectors.py`, imported only when a kernel that has them is compiled."""

from __future__ import annotations

from typing import Any


class Instruction:
    """Stands for an intrinsic in a kernel's source."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def _numba_type_(self) -> Any:
        from numba.core.registry import cpu_target

        from lmzip.codec.transformer.kernels import vectors

        context = cpu_target.typing_context
        context.refresh()  # it may not know yet what was just imported
        return context.resolve_value_type(getattr(vectors, self.name))
