"""One way to compile a kernel, and to do without.

Kernels are plain loops in Python. Numba compiles them once and caches the machine code;
where Numba is missing the same functions run as they stand, slowly, with the same results.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

try:
    import numba
except ImportError:  # pragma: no cover - exercised by a test in a subprocess
    numba = None

from lmzip.codec import code_hash, processor

# Division as in NumPy: checks for zero would keep loops from being vectorised. No reference
# counts: kernels allocate nothing, and counting made them twice as slow.
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}
HAVE_NUMBA = numba is not None


@cache
def _warn_of_no_cache() -> None:
    warnings.warn(
        "the compiled kernels can be kept nowhere, so that every process compiles them again, for "
        "about a minute; name a writable directory in the environment variable NUMBA_CACHE_DIR",
        RuntimeWarning,
        stacklevel=4,
    )


def _compile(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile, and cache the machine code under the code hash and the way of products.

    Numba takes cached code for current as long as the function's own file is unchanged, but
    the code contains functions of other files too: without the hash, an edited kernel could go
    on running in its callers. Where the stamp cannot be set, or no cache can be written, nothing
    is cached.
    """
    if numba is None:
        return function
    try:
        compiled = numba.njit(cache=True, **_OPTIONS, **options)(function)
    except RuntimeError:  # no place for a cache: not beside the sources, nor the user's own
        _warn_of_no_cache()
        return numba.njit(**_OPTIONS, **options)(function)
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        # Numba's own stamp, of the function's file, stays for a kernel of an instrument.
        inside = function.__module__.startswith("lmzip.codec.")
        own = None if inside else file._source_stamp
        file._source_stamp = code_hash(), processor.way(), own
        return compiled
    return numba.njit(**_OPTIONS, **options)(function)  # pragma: no cover


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with strict IEEE arithmetic: every rounding happens where the source says."""
    return _compile(function)


def exact_sum_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with `fastmath`: only for kernels whose every partial sum is an exact integer.

    Reordering such sums, or fusing their products, cannot change a bit.
    """
    return _compile(function, fastmath=True)


def inline_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile into every caller: for kernels that return a view of an argument."""
    return _compile(function, inline="always")
