"""One way to compile a kernel, and to do without.

Kernels are plain loops in Python. Numba compiles them once and caches the machine code;
where Numba is missing the same functions run as they stand, slowly, with the same results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import numba
except ImportError:  # pragma: no cover - exercised by a test in a subprocess
    numba = None

# Division as in NumPy: checks for zero would keep loops from being vectorised.
_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}
HAVE_NUMBA = numba is not None


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with strict IEEE arithmetic: every rounding happens where the source says."""
    return numba.njit(**_OPTIONS)(function) if numba else function


def exact_sum_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with `fastmath`: only for kernels whose every partial sum is an exact integer.

    Reordering such sums, or fusing their products, cannot change a bit.
    """
    return numba.njit(fastmath=True, **_OPTIONS)(function) if numba else function
