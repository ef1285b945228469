"""Numba intrinsics, each known to kernels by a name that is imported without Numba.

The intrinsics themselves lie in modules that are imported only when a kernel that has them is
compiled.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np


class Intrinsic:
    """Stands for the intrinsic `name` of `module` in a kernel's source."""

    def __init__(self, name: str, module: str) -> None:
        self.name, self.module = name, module

    @property
    def _numba_type_(self) -> Any:
        from numba.core.registry import cpu_target

        module = import_module(self.module)
        context = cpu_target.typing_context
        context.refresh()  # it may not know yet what was just imported
        return context.resolve_value_type(getattr(module, self.name))


class _Prefetch(Intrinsic):
    def __call__(self, array: np.ndarray, at: int) -> None:
        """What it does to values: nothing."""


prefetch = _Prefetch("prefetch", f"{__package__}.prefetching")
"""prefetch(array, at): ask for the cache line of element `at`, counted through all dimensions of a
contiguous array, and go on. A load that misses keeps a processor from finishing what comes after
it, and it holds but some two hundred instructions; this does not."""
