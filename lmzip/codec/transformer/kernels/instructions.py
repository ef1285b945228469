"""Names of the intrinsics of `vectors.py`, `score_vectors.py` and `head_vectors.py`."""

from __future__ import annotations

from ...native.intrinsics import Intrinsic


class Instruction(Intrinsic):
    """An intrinsic of a module beside this one."""

    def __init__(self, name: str, module: str = "vectors") -> None:
        super().__init__(name, f"{__package__}.{module}")
