"""The codec, loaded when it is needed, also where its kernels can be kept nowhere."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from typing import TYPE_CHECKING

from lmzip.errors import EngineError

if TYPE_CHECKING:
    from lmzip.codec.loop import Codec


_made: list[str] = []


def codec_class() -> type[Codec]:
    """`lmzip.codec.loop.Codec`; the first call loads the model's libraries, for half a second.

    Numba refuses a function whose machine code it can write nowhere: not to NUMBA_CACHE_DIR, not
    beside the sources, not to the user's cache. Then a directory of this process serves, with a
    RuntimeWarning. It is never a directory with a foreseeable name: what lies in a cache is run.
    Raises EngineError if nothing can be written at all.
    """
    try:
        from lmzip.codec.loop import Codec
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        _make_cache()
        from lmzip.codec.loop import Codec
    return Codec


def discard_cache() -> None:
    """Remove the directory that `codec_class` made, if any: for a process about to exit."""
    for directory in _made:
        shutil.rmtree(directory, ignore_errors=True)


def _make_cache() -> None:
    try:
        directory = tempfile.mkdtemp(prefix="lmzip-kernels-")
    except OSError as error:
        raise EngineError(
            "the kernels cannot be compiled",
            "there is no directory to which machine code could be written",
            "name one in the environment variable NUMBA_CACHE_DIR",
        ) from error
    _made.append(directory)
    atexit.register(discard_cache)
    import numba

    os.environ["NUMBA_CACHE_DIR"] = directory
    numba.config.reload_config()
    warnings.warn(
        "the compiled kernels can be kept nowhere, so that every process compiles them again, for "
        "about a minute; name a writable directory in the environment variable NUMBA_CACHE_DIR",
        RuntimeWarning,
        stacklevel=4,
    )
