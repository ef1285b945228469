"""Which engine codes: all give the same bits, so the fastest that is exact here is taken."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lmzip.codec.jit import HAVE_NUMBA
from lmzip.codec.levels import Preset
from lmzip.errors import EngineError

if TYPE_CHECKING:
    from lmzip.codec.coder.bit_coder import Bits

NAMES = ("cpu", "int8", "float32")
"""Compiled kernels; torch with int8 products; torch with float32 products."""


class Engine(Protocol):
    """The transformer: predict a segment of known bytes, or decode it, and learn from it.

    Segments of a block count from 0; each has T bytes, the last one perhaps fewer. The caller says
    when to learn, and when what was learned is to be used. `learn` of a segment may run in another
    thread while the next one is predicted or decoded; nothing else may run at the same time.
    """

    def start_block(self) -> None:
        """Forget the context: positions, keys, values and the last bytes; not what was learned."""

    def first_frequencies(self) -> np.ndarray:
        """What the weights in use give the next block's first byte: int64 [256]."""

    def refresh(self) -> None:
        """Predict with the weights that learning has reached from now on."""

    def predict(self, segment_number: int, text: np.ndarray) -> np.ndarray:
        """Frequencies int64 [n, 256] of the next segment, whose bytes are known: uint8 [n]."""

    def decode(
        self,
        segment_number: int,
        bits: Bits,
        text: np.ndarray,
        coder: np.ndarray,
        buffer: np.ndarray,
    ) -> None:
        """Decode the next segment into text, uint8 [n]; coder and buffer as in `code_bytes`."""

    def learn(self, segment_number: int, text: np.ndarray) -> None:
        """One learning step from a whole segment, the last or the last but one predicted."""


def make_engine(preset: Preset, name: str | None = None, threads: int | None = None) -> Engine:
    """The engine called `name`, or that `LMZIP_ENGINE` names, or the fastest one.

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
        from lmzip.codec.transformer.kernels.engine import CpuEngine

        return CpuEngine(preset)
    if find_spec("torch") is None:
        raise EngineError(
            "no engine can run",
            "neither Numba nor torch is installed" if name is None else "torch is not installed",
            "install numba (fastest) or torch",
        )
    import torch

    from lmzip.codec.transformer.reference.arithmetic import choose_products
    from lmzip.codec.transformer.reference.engine import TorchEngine

    if threads is not None:
        torch.set_num_threads(threads)
    return TorchEngine(preset, choose_products(name))
