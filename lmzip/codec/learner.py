"""The optimiser step: Adam (Kingma, Ba 2015) in separately rounded operations."""

from __future__ import annotations

import torch
from torch import Tensor

from lmzip.codec.exact import constant

BETA1, BETA2 = 0.9, 0.999
MATRIX_RATE, EMBEDDING_RATE, BIAS_RATE = 2e-3, 1e-2, 1e-2


class Learner:
    """Moments of every tensor, and one step for all."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights = weights
        self.first = {name: torch.zeros_like(value) for name, value in weights.items()}
        self.second = {name: torch.zeros_like(value) for name, value in weights.items()}
        self.steps = 0
        self.power1 = self.power2 = 1.0
        self.keep1, self.take1 = constant(BETA1), constant(1 - BETA1)
        self.keep2, self.take2 = constant(BETA2), constant(1 - BETA2)
        self.epsilon = constant(1e-8)

    def step(self, grads: dict[str, Tensor]) -> None:
        """Move every tensor against its gradient.

        The square root is taken in float64 and rounded: correctly rounded everywhere, as a
        float32 root is not.
        """
        self.steps += 1
        # Powers by repeated multiplication: pow() differs between C libraries.
        self.power1 *= BETA1
        self.power2 *= BETA2
        unbias1, unbias2 = constant(1 / (1 - self.power1)), constant(1 / (1 - self.power2))
        for name, grad in grads.items():
            first = self.first[name] * self.keep1 + grad * self.take1
            second = self.second[name] * self.keep2 + grad * grad * self.take2
            self.first[name], self.second[name] = first, second
            root = (second * unbias2).double().sqrt().float()
            move = first * unbias1 / (root + self.epsilon)
            self.weights[name] -= move * constant(self.rate(name))

    def rate(self, name: str) -> float:
        """Learning rate of a tensor at this step."""
        if name == "embedding":
            base = EMBEDDING_RATE
        elif name.endswith("bias"):
            base = BIAS_RATE
        else:
            base = MATRIX_RATE
        return base
