"""Machine code of entries, kept in files: it runs without the compiler, which is slow to load.

A file names its function and holds an object file; its own name is a digest of all that the code
depends on: the source hash, the types of the arguments, the compiler, the processor. What is
damaged, or unknown here, counts as absent, and is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from ctypes import CFUNCTYPE, byref, c_int, c_ssize_t, c_void_p
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from .. import processor, source_hash
from .places import SUFFIX, directories, stem

# What LLVM calls where an intrinsic has no instruction.
_LIBRARY = {"memcpy", "memmove", "memset", "log2", "rint", "floor", "ceil", "trunc", "fabs", "sqrt"}


_lock = Lock()


class Function:
    """Compiled code: a call converts nothing, and takes words (integers, addresses) only."""

    def __init__(self, address: int, arguments: int, keep: Any = None) -> None:
        words = (c_ssize_t,) * arguments
        self._call = CFUNCTYPE(c_int, c_void_p, c_void_p, *words)(address)
        self._keep = keep

    def __call__(self, words: list[int]) -> None:
        # As Numba has it: a place for the result, a place for an exception, then the arguments.
        result, error = c_void_p(), c_void_p()
        if self._call(byref(result), byref(error), *words):
            raise RuntimeError("compiled code failed")


def path(name: str, kinds: str, options: str) -> str:
    """Name of the file with the code of the kernel `name` for arguments of these kinds."""
    here = (
        source_hash().hex(),
        processor.way(),
        name,
        kinds,
        options,
        llvmlite.__version__,
        _numba_version(),
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        _features(),
        *(f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("NUMBA_")),
    )
    told = "\n".join(text for text in here if not text.startswith("NUMBA_CACHE_DIR="))
    return f"{stem(name)}{hashlib.sha256(told.encode()).hexdigest()[:24]}{SUFFIX}"


def is_kept(file: str) -> bool:
    """Whether there is a file of this name, sound or not."""
    return any((directory / file).exists() for directory in directories())


def can_keep() -> bool:
    """Whether there is a place for code."""
    for directory in directories():
        with suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                return True
    return False


def load(file: str, arguments: int) -> Function | None:
    """The function of a file, or None if it is nowhere, damaged, or needs what is not here."""
    for directory in directories():
        with suppress(OSError, ValueError, KeyError, TypeError):
            head, data = (directory / file).read_bytes().split(b"\n", 1)
            told = json.loads(head)
            if hashlib.sha256(data).hexdigest() != told["sha256"]:
                continue
            # LLVM ends the process where it misses a function; it finds them by an engine only.
            engine = _engine()
            if all(llvm.address_of_symbol(name) for name in told["needs"]):
                with _lock:
                    engine.add_object_file(llvm.ObjectFileRef.from_data(data))
                    engine.finalize_object()
                    return Function(engine.get_function_address(told["function"]), arguments)
    return None


def save(file: str, function: str, data: bytes, declared: list[str]) -> bool:
    """Keep an object file, if anywhere there is a place; `declared` are LLVM's names of what it
    calls."""
    needs = [name for name in map(_symbol, declared) if name]
    told = {"function": function, "needs": needs, "sha256": hashlib.sha256(data).hexdigest()}
    for directory in directories():
        with suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=directory, prefix=f"{file}.")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(json.dumps(told).encode() + b"\n" + data)
                os.replace(temporary, directory / file)
            except BaseException:
                os.unlink(temporary)
                raise
            return True
    return False


def _symbol(declared: str) -> str:
    """The symbol that a declaration asks for; empty for what becomes an instruction."""
    if not declared.startswith("llvm."):
        return declared
    name, *kinds = declared.split(".")[1:]
    return (name + "f" if kinds == ["f32"] else name) if name in _LIBRARY else ""


def _numba_version() -> str:
    place = find_spec("numba").submodule_search_locations[0]
    return ",".join(sorted(p.name for p in Path(place).parent.glob("numba-*-info")))


def _features() -> str:
    try:
        return llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # LLVM does not know for every processor
        return ""


@cache
def _engine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    machine = target.create_target_machine(codemodel="jitdefault", jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
