"""One way to compile a kernel, and to do without.

Kernels are plain loops in Python. Numba compiles them once and caches the machine code;
where Numba is missing the same functions run as they stand, slowly, with the same results.
Numba is imported when the first kernel has to be compiled, or is called but by an entry.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable
from functools import cached_property, update_wrapper
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

from . import processor, source_hash

try:
    HAVE_NUMBA = find_spec("numba") is not None
except ValueError:  # pragma: no cover - an import that was forbidden
    HAVE_NUMBA = False
COMPILING = HAVE_NUMBA and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")

# Division as in NumPy: checks for zero would keep loops from being vectorised. No reference
# counts: kernels allocate nothing, and counting made them twice as slow. Nobody calls them as C.
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
STRICT: dict[str, Any] = {}
"""What a strict kernel is compiled with besides. A test adds what makes it wrong."""


def _compile(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile, and keep the machine code under the source hash, if there is a place for it."""
    import numba

    from .native import numba_structs  # noqa: F401 - its types are known from now on

    compiled = numba.njit(**_OPTIONS, **options)(function)
    try:
        from .native import kernel_cache
    except ImportError:  # pragma: no cover - a Numba whose cache is another
        return compiled
    try:
        compiled._cache = kernel_cache.KernelCache(function, _stamp(function))
    except RuntimeError:  # no place: neither beside the sources, nor the user's own
        kernel_cache.warn_of_no_place()
    return compiled


def _stamp(function: Callable[..., Any]) -> bytes:
    """Names the sources of a kernel: those of the codec, and its own file if that is elsewhere; and
    the way of products that it was compiled for."""
    stamp = source_hash() + processor.way().encode()
    if function.__module__.startswith(f"{__package__}."):
        return stamp
    return stamp + hashlib.sha256(Path(inspect.getfile(function)).read_bytes()).digest()


class Kernel:
    """A function that is compiled when it is first called, from Python or by another kernel.

    It has the attributes of Numba's dispatchers. What other kernels call is compiled on its own:
    without the code that takes Python's objects apart, which for a small function is most of it.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.function = function
        self.options = options
        update_wrapper(self, function)

    @property
    def all_options(self) -> str:
        """All options, as text."""
        return repr((_OPTIONS, self.options))

    @cached_property
    def dispatcher(self) -> Any:
        """What Python calls."""
        return _compile(self.function, **self.options)

    @cached_property
    def called(self) -> Any:
        """What other kernels call."""
        f = self.function
        inner = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
        inner.__qualname__ = f"{f.__qualname__}.called"  # and so another file of the cache
        inner.__module__ = f.__module__
        compiled = _compile(inner, no_cpython_wrapper=True, **self.options)
        # Numba would compile one more version for each number that a caller has in its source.
        resolve = compiled.get_call_template
        compiled.get_call_template = lambda types, named: resolve(_plain(types), named)
        return compiled

    @property
    def py_func(self) -> Callable[..., Any]:
        """The function as it stands."""
        return self.function

    @property
    def _numba_type_(self) -> Any:
        return self.called._numba_type_

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dispatcher, name)

    def __call__(self, *arguments: Any) -> Any:
        return self.dispatcher(*arguments)


def _plain(kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    from numba.core.types import unliteral

    return tuple(unliteral(kind) for kind in kinds)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with strict IEEE arithmetic: every rounding happens where the source says."""
    return _kernel(function, **STRICT)


def exact_sum_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with `fastmath`: only for kernels whose every partial sum is an exact integer.

    Reordering such sums, or fusing their products, cannot change a bit. That holds for products
    from elsewhere too: kernels are inlined, and AArch64 fuses a product with an addition as soon
    as the addition alone is flagged, where x86 asks for both flags. So it is no way out to flag
    "the sum only" and to multiply in a strict kernel: once inlined, the product loses its rounding,
    on that kind of machine alone. Pass nothing here that is not rounded to an integer.
    """
    return _kernel(function, fastmath=True)


def _kernel(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    return Kernel(function, **options) if COMPILING else function
