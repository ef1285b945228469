"""What Adam needs to know of the step it is at: learning rates and bias corrections."""

from __future__ import annotations

import numpy as np

BETA1, BETA2 = 0.9, 0.99
EPSILON = 1e-8
FLUSH, FLUSH_MOMENT = 1e-15, 1e-30
"""Smaller gradients, and smaller moments, count as zero: nothing becomes a subnormal number,
which processors are very slow at."""


class Adam:
    """Counts steps."""

    def __init__(self) -> None:
        self.power1 = self.power2 = 1.0
        self.steps = 0

    def next(self) -> np.ndarray:
        """Advance; return 1/(1 - beta^t) of both moments, float32 [2].

        Powers by repeated multiplication: pow() differs between C libraries.
        """
        self.steps += 1
        self.power1 *= BETA1
        self.power2 *= BETA2
        return np.array([1 / (1 - self.power1), 1 / (1 - self.power2)], dtype=np.float32)
