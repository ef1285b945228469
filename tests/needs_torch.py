"""torch, for the tests of what is made with it: where it cannot be used, the module that imports
this is skipped, with the reason."""

from __future__ import annotations

from conftest import need_torch

need_torch()

import torch  # noqa: E402

__all__ = ["torch"]
