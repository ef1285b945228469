"""Where the machine code of kernels is kept: in Numba's cache, which is neither trusted nor needed.

What is damaged, is of other sources, or cannot be read or written counts as absent: then the
kernel is compiled, and a warning says so, once in a process.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from typing import Any

from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    InTreeCacheLocator,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)

_told: set[str] = set()


def warn_once(what: str, remedy: str) -> None:
    """Warn that machine code is not kept, or not used: once in a process, of all that is wrong."""
    if _told:
        return
    _told.add(what)
    message = f"{what}, so that kernels are compiled again, for about a minute; {remedy}"
    warnings.warn(message, RuntimeWarning, stacklevel=4)


def warn_of_no_place() -> None:
    """Warn that there is no directory for machine code, so that no process leaves any."""
    warn_once(
        "the compiled kernels can be kept nowhere",
        "name a writable directory in the environment variable NUMBA_CACHE_DIR",
    )


class KernelCache(FunctionCache):
    """The cache of one kernel, for sources of one `stamp`. Raises RuntimeError without a place.

    Numba takes cached code for current as long as the function's own file is unchanged, but the
    code contains functions of other files too: with the source hash as stamp, no edited kernel goes
    on running in its callers.
    """

    def __init__(self, function: Any, stamp: bytes) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            _warn_of_damage(self._cache_path)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, if that can be done."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            warn_once(
                f"the compiled kernels cannot be kept in {self._cache_path}: {why.lower()}",
                "make room there, or name a writable directory in the environment variable "
                "NUMBA_CACHE_DIR",
            )


def _warn_of_damage(directory: str) -> None:
    warn_once(
        f"compiled kernels kept in {directory} are damaged",
        "if this is said again, delete the files *.nbi and *.nbc there",
    )


class _Files(IndexDataCacheFile):
    """Numba's files, of which none is believed without its digest, nor for another key.

    An index may name files of other sources: if the disk was full when they were to be
    replaced, or if two processes chose one name at a time, which is no damage.
    """

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        found = super().load(key)
        if found is None or found[0] != key:  # two processes chose one name: it is the other's
            return None
        return found[1]

    def _load_index(self) -> dict[Any, str]:
        try:
            return dict(super()._load_index())
        except Exception:  # then the next save makes it anew
            _warn_of_damage(self._cache_path)
            return {}

    def _save_data(self, name: str, data: Any) -> None:
        packed = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(self._digest(packed) + packed)

    def _load_data(self, name: str) -> Any:
        with open(self._data_path(name), "rb") as file:
            digest, packed = file.read(32), file.read()
        if digest != self._digest(packed):
            raise ValueError("damaged machine code")
        return pickle.loads(packed)

    def _digest(self, packed: bytes) -> bytes:
        return hashlib.sha256(self._source_stamp + packed).digest()


class _UserWide(UserWideCacheLocator):
    """The user's own cache: not a directory named `~` here, where no home is known."""

    def ensure_cache_path(self) -> None:
        if not os.path.isabs(self.get_cache_path()):
            raise FileNotFoundError("there is no home directory")
        super().ensure_cache_path()


class _Places(CompileResultCacheImpl):
    _locator_classes = [UserProvidedCacheLocator, InTreeCacheLocator, _UserWide]  # noqa: RUF012


KernelCache._impl_class = _Places
