"""What Adam needs to know of the step it is at: learning rates and bias corrections."""

from __future__ import annotations

import numpy as np

BETA1, BETA2 = 0.9, 0.999
EPSILON = 1e-8
FLUSH, FLUSH_MOMENT = 1e-15, 1e-30
"""Smaller gradients, and smaller moments, count as zero: nothing becomes a subnormal number,
which processors are very slow at."""
MATRIX_RATE, EMBEDDING_RATE, BIAS_RATE = 1e-3, 1e-2, 1e-2


class Adam:
    """Counts steps. Above a width of 64 the rates of matrices and embedding fall with it."""

    def __init__(self, width: int) -> None:
        share = min(1.0, 64 / width)
        rates = (MATRIX_RATE * share, EMBEDDING_RATE * share, BIAS_RATE)
        self.rates = np.array(rates, dtype=np.float32)
        self.power1 = self.power2 = 1.0
        self.steps = 0

    def next(self) -> tuple[np.ndarray, np.ndarray]:
        """Advance; return 1/(1 - beta^t) of both moments, and the rates of matrices,
        embedding, and bias or table of slots: float32 [2] and [3].

        Powers by repeated multiplication: pow() differs between C libraries.
        """
        self.steps += 1
        self.power1 *= BETA1
        self.power2 *= BETA2
        powers = np.array([1 / (1 - self.power1), 1 / (1 - self.power2)], dtype=np.float32)
        return powers, self.rates
