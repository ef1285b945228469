"""Muon for the matrices of the layers, Adam for the rest; one step size for the run's every moment.

Muon (Jordan et al. 2024) is momentum whose matrix is made orthogonal, by the Newton-Schulz
iteration with the coefficients published there; Adam is Kingma and Ba 2015.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from training.network import Network, is_layer

MATRICES, ROWS, TABLE = 0.015, 2e-3, 4e-3
"""Rates: of Muon; of Adam for embedding, head and memory; of Adam for the table of the slots."""
DECAY = 0.01
"""Of the weights of the layers, a step, times the rate."""
MOMENTUM = 0.95
BETA1, BETA2, EPSILON = 0.9, 0.98, 1e-8


def orthogonal(gradient: Tensor) -> Tensor:
    """Nearly the orthogonal factor of a matrix, by five steps of Newton-Schulz."""
    wide = gradient.shape[0] <= gradient.shape[1]
    x = gradient if wide else gradient.t()
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.t()
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x if wide else x.t()


class Optimiser:
    """Both, and what they remember."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.steps = 0
        self.moments: dict[str, list[Tensor]] = {}

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One step of every tensor with a gradient, which is used up; factor: times all rates."""
        self.steps += 1
        for name, tensor in self.network.tensors.items():
            gradient = tensor.grad
            if gradient is None:
                continue
            tensor.grad = None
            if is_layer(name):
                self._muon(name, tensor, gradient, MATRICES * factor)
            else:
                self._adam(name, tensor, gradient, (TABLE if name == "table" else ROWS) * factor)

    def _muon(self, name: str, tensor: Tensor, gradient: Tensor, rate: float) -> None:
        (momentum,) = self._remembered(name, tensor, 1)
        momentum.mul_(MOMENTUM).add_(gradient, alpha=1 - MOMENTUM)
        update = momentum * MOMENTUM + gradient * (1 - MOMENTUM)
        # Queries, keys and values are three matrices that lie in one.
        parts = update.chunk(3) if name.endswith("qkv") else (update,)
        update = torch.cat(
            [orthogonal(part) * max(1, part.shape[0] / part.shape[1]) ** 0.5 for part in parts]
        )
        tensor.mul_(1 - rate * DECAY).sub_(update, alpha=rate)

    def _adam(self, name: str, tensor: Tensor, gradient: Tensor, rate: float) -> None:
        first, second = self._remembered(name, tensor, 2)
        first.mul_(BETA1).add_(gradient, alpha=1 - BETA1)
        second.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
        mean = first / (1 - BETA1**self.steps)
        tensor.sub_(rate * mean / ((second / (1 - BETA2**self.steps)).sqrt() + EPSILON))

    def _remembered(self, name: str, tensor: Tensor, count: int) -> list[Tensor]:
        if name not in self.moments:
            self.moments[name] = [torch.zeros_like(tensor) for _ in range(count)]
        return self.moments[name]

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"steps": self.steps, "moments": self.moments}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.steps, self.moments = state["steps"], state["moments"]
