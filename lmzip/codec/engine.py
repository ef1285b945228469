"""Which engine codes: all give the same bits, so the fastest that is exact here is taken."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lmzip.interface import EngineError, processors

from .jit import HAVE_NUMBA
from .levels import Preset

if TYPE_CHECKING:
    from .coder.bit_coder import Bits
    from .foresight.tables import Foresight
    from .memory.slots import Slots

NAMES = ("cpu", "int8", "float32")
"""Compiled kernels; torch with int8 products; torch with float32 products."""


class Engine(Protocol):
    """The transformer: predict a segment of known bytes, or decode it, and learn from it.

    expected: of bytes that foresight has told, which are not predicted; see `slots.read_known`.
    What it is to learn from are the others.

    Segments of a block are numbered from 0. `learn` may run on another thread while the segment
    after its own is predicted or decoded; `refresh` may not.
    """

    @property
    def slots(self) -> Slots | None:
        """Those of the block that was started; None before one has been."""

    def start_block(self) -> None: ...

    def first_frequencies(self) -> np.ndarray: ...

    def refresh(self) -> None: ...

    def predict(
        self, segment: int, text: np.ndarray, expected: np.ndarray | None = None
    ) -> np.ndarray: ...

    def decode(
        self,
        segment: int,
        bits: Bits,
        foresight: Foresight,
        text: np.ndarray,
        coder: np.ndarray,
        buffer: np.ndarray,
    ) -> None: ...

    def learn(self, segment: int, text: np.ndarray) -> None: ...


def make_engine(
    preset: Preset,
    name: str | None = None,
    threads: int | None = None,
    differences: bytes = b"",
) -> Engine:
    """The engine called `name`, or that `LMZIP_ENGINE` names, or the fastest one.

    threads: of torch; none is what it has, and `processors` at most. differences: see
    `initial_weights`.

    Raises EngineError if the named engine is unknown, not installed or not exact here.
    """
    name = name or os.environ.get("LMZIP_ENGINE") or None
    if name is not None and name not in NAMES:
        raise EngineError(
            f"unknown engine {name!r}",
            f"this lmzip has {', '.join(NAMES)}",
            "set LMZIP_ENGINE to one of these, or unset it",
        )
    if name == "cpu" or (name is None and HAVE_NUMBA):
        if not HAVE_NUMBA:
            raise EngineError(
                "the engine 'cpu' cannot run",
                "Numba is not installed",
                "install numba, or unset LMZIP_ENGINE to use torch",
            )
        from .transformer.kernels.engine import CpuEngine

        return CpuEngine(preset, differences)
    try:
        import torch
    except Exception as error:  # a build for CUDA without its libraries: OSError, for one
        raise EngineError(
            "no engine can run" if name is None else f"the engine {name!r} cannot run",
            ("" if HAVE_NUMBA else "Numba is not installed, and ")
            + f"torch cannot be imported ({str(error) or type(error).__name__})",
            "install numba (fastest), or torch: pip install 'lmzip[torch]'"
            if name is None
            else "unset LMZIP_ENGINE, or install torch: pip install 'lmzip[torch]'",
        ) from error

    from .transformer.reference.arithmetic import choose_products
    from .transformer.reference.engine import TorchEngine

    torch.set_num_threads(threads or min(threads_of_torch(), processors()))
    return TorchEngine(preset, choose_products(name), differences)


@cache
def threads_of_torch() -> int:
    """What torch had before an engine asked: the caller's program may have set it. It is asked
    once, as engines set less while others have the processors."""
    import torch

    return torch.get_num_threads()
