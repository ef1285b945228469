"""Kernels that Python calls all the time: they take words, and start without the compiler."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from operator import index
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from lmzip.interface import compiling

from .jit import COMPILING, STRICT, Kernel
from .native.structs import Struct, array_kind


class Entry(Kernel):
    """A kernel that returns nothing and takes structs, arrays and integers.

    The first call with arguments of some kinds loads the machine code, or compiles and keeps it.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        super().__init__(function, **options)
        self._functions: dict[str, Any] = {}
        self._ahead: Any = None
        self._lock = RLock()

    def compile_ahead(self, caller: str, *arguments: Any) -> None:
        """Unless code for arguments of these kinds is kept, make it in another process.

        caller: "module:name" of a function that calls this one with such arguments. The next call
        waits for that process.
        """
        from .native import ahead, machine_code

        kinds = ",".join(map(kind_of, arguments))
        with self._lock:
            if kinds in self._functions or self._ahead is not None:
                return
            if not machine_code.is_kept(self._file(kinds)) and machine_code.can_keep():
                self._ahead = ahead.start(caller)

    def __call__(self, *arguments: Any) -> None:
        kinds = ",".join(kind_of(argument) for argument in arguments)
        function = self._functions.get(kinds)
        if function is None:
            with self._lock:
                function = self._functions.get(kinds) or self._make(kinds, arguments)
                self._functions[kinds] = function
        function([word for argument in arguments for word in words_of(argument)])

    def _make(self, kinds: str, arguments: tuple[Any, ...]) -> Any:
        from .native import ahead, machine_code

        count = sum(len(words_of(argument)) for argument in arguments)
        file = self._file(kinds)
        found = machine_code.load(file, count)
        if found is None:
            compiling(self.function.__name__)  # before the compiler is so much as loaded
            if self._ahead is not None:
                ahead.wait(self._ahead)
                self._ahead = None
                found = machine_code.load(file, count)
        return self._compile(file, count, arguments) if found is None else found

    def _file(self, kinds: str) -> str:
        from .native import machine_code

        module = self.function.__module__
        options = self.all_options
        if not module.startswith(f"{__package__}."):  # the hash knows nothing of an instrument
            options += sha256(Path(self.function.__code__.co_filename).read_bytes()).hexdigest()
        name = f"{module.rpartition('.')[2]}.{self.function.__name__}"
        return machine_code.path(name, kinds, options)

    def _compile(self, file: str, count: int, arguments: tuple[Any, ...]) -> Any:
        from .native import machine_code

        with _no_garbage():
            from .native import numba_structs

            with _told(self.function.__name__):
                library, name = numba_structs.compiled(self.called, arguments, count)
        data, declared = numba_structs.object_code(library)
        if not machine_code.save(file, name, data, declared):
            from .native import kernel_cache

            kernel_cache.warn_of_no_place()
        address = library.get_pointer_to_function(name)
        return machine_code.Function(address, count, keep=library)


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as `jit.kernel` does, to be called from Python."""
    return Entry(function, **STRICT) if COMPILING else function


@contextmanager
def _told(known: str) -> Iterator[None]:
    """Tell of what is compiled on the way to the kernel `known`, of which has been told."""
    from numba.core import event

    class Listener(event.Listener):
        def on_start(self, happened: Any) -> None:
            name = happened.data["dispatcher"].py_func.__name__
            if name != known:
                compiling(name)

        def on_end(self, happened: Any) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        yield


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Compiling makes millions of objects, and hardly any garbage: looking for it takes 6 %."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def kind_of(value: Any) -> str:
    """What the machine code depends on of an argument."""
    if isinstance(value, Struct):
        return value.kind
    if isinstance(value, np.ndarray):
        return array_kind(value)
    return "i"


def words_of(value: Any) -> tuple[int, ...]:
    """An argument, as the machine code takes it. Raises TypeError for a number with a fraction."""
    if isinstance(value, Struct):
        return (value.address,)
    if isinstance(value, np.ndarray):
        # Numba's array: no owner, no parent, items, bytes of an item, address, shape, strides.
        return (0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides)
    return (index(value),)
