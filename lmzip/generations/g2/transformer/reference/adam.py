"""The optimiser step: Adam (Kingma, Ba 2015) in separately rounded operations."""

from __future__ import annotations

import torch
from torch import Tensor

from ...levels import Preset
from ..schedule import BETA1, BETA2, EPSILON, FLUSH, FLUSH_MOMENT, Adam
from ..weights import learned_names, learning_rate
from .arithmetic import constant


class Learner:
    """Moments of every tensor that learns, and one step for all."""

    def __init__(self, weights: dict[str, Tensor], preset: Preset) -> None:
        """weights: all tensors, by name; a step puts new ones in the place of those that learn."""
        self.weights = weights
        names = learned_names(preset)
        self.first = {name: torch.zeros_like(weights[name]) for name in names}
        self.second = {name: torch.zeros_like(weights[name]) for name in names}
        self.rates = {name: constant(float(learning_rate(preset, name))) for name in names}
        self.schedule = Adam()
        self.keep1, self.take1 = constant(BETA1), constant(1 - BETA1)
        self.keep2, self.take2 = constant(BETA2), constant(1 - BETA2)
        self.epsilon, self.zero = constant(EPSILON), constant(0)
        self.flush, self.flush_moment = constant(FLUSH), constant(FLUSH_MOMENT)

    def step(self, grads: dict[str, Tensor]) -> None:
        """Move every tensor against its gradient.

        The square root is taken in float64 and rounded: correctly rounded everywhere, as a
        float32 root is not.
        """
        unbias1, unbias2 = torch.from_numpy(self.schedule.next())
        for name, grad in grads.items():
            grad = torch.where(grad.abs() >= self.flush, grad, self.zero)
            first = self.first[name] * self.keep1 + grad * self.take1
            first = torch.where(first.abs() >= self.flush_moment, first, self.zero)
            second = self.second[name] * self.keep2 + grad * grad * self.take2
            second = torch.where(second >= self.flush_moment, second, self.zero)
            self.first[name], self.second[name] = first, second
            root = (second * unbias2).double().sqrt().float()
            move = first * unbias1 / (root + self.epsilon)
            # A new tensor: prediction may be reading the old one.
            self.weights[name] = self.weights[name] - move * self.rates[name]
