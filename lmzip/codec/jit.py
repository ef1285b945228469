"""One way to compile a kernel, and to do without.

Kernels are plain loops in Python. Numba compiles them once and caches the machine code;
where Numba is missing the same functions run as they stand, slowly, with the same results.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import numba
except ImportError:  # pragma: no cover - exercised by a test in a subprocess
    numba = None

from lmzip.codec import code_hash

# Division as in NumPy: checks for zero would keep loops from being vectorised. No reference
# counts: kernels allocate nothing, and counting made them twice as slow.
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}
HAVE_NUMBA = numba is not None


def _compile(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile, and keep the machine code under the code hash, if there is a place for it."""
    if numba is None:
        return function
    compiled = numba.njit(**_OPTIONS, **options)(function)
    try:
        from lmzip.codec import kernel_cache
    except ImportError:  # pragma: no cover - a Numba whose cache is another
        return compiled
    try:
        compiled._cache = kernel_cache.KernelCache(function, _stamp(function))
    except RuntimeError:  # no place: neither beside the sources, nor the user's own
        kernel_cache.warn_of_no_place()
    return compiled


def _stamp(function: Callable[..., Any]) -> bytes:
    """Names the sources of a kernel: those of the codec, and its own file if that is elsewhere."""
    if function.__module__.startswith("lmzip.codec."):
        return code_hash()
    own = Path(inspect.getfile(function)).read_bytes()
    return code_hash() + hashlib.sha256(own).digest()


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with strict IEEE arithmetic: every rounding happens where the source says."""
    return _compile(function)


def exact_sum_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with `fastmath`: only for kernels whose every partial sum is an exact integer.

    Reordering such sums, or fusing their products, cannot change a bit. That holds for products
    from elsewhere too: kernels are inlined, and AArch64 fuses a product with an addition as soon
    as the addition alone is flagged, where x86 asks for both flags. So it is no way out to flag
    "the sum only" and to multiply in a strict kernel: once inlined, the product loses its rounding,
    on that kind of machine alone. Pass nothing here that is not rounded to an integer.
    """
    return _compile(function, fastmath=True)


def inline_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile into every caller: for kernels that return a view of an argument."""
    return _compile(function, inline="always")
