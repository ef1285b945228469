"""The intrinsics of `vectors.py` and `score_vectors.py`, imported only when a kernel that has them
is compiled."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Instruction:
    """Stands for an intrinsic in a kernel's source."""

    def __init__(self, name: str, module: str = "vectors") -> None:
        self.name, self.module = name, module

    @property
    def _numba_type_(self) -> Any:
        from numba.core.registry import cpu_target

        vectors = import_module(f"{__package__}.{self.module}")
        context = cpu_target.typing_context
        context.refresh()  # it may not know yet what was just imported
        return context.resolve_value_type(getattr(vectors, self.name))
