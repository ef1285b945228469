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


def orthogonal(gradients: Tensor) -> Tensor:
    """Nearly the orthogonal factors of matrices [.., m, n], by five steps of Newton-Schulz."""
    wide = gradients.shape[-2] <= gradients.shape[-1]
    x = gradients if wide else gradients.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x if wide else x.mT


def _updates(names: list[str], matrices: list[Tensor]) -> list[Tensor]:
    """What Muon makes of matrices; those of one shape together, a GPU has time for little else."""
    # Queries, keys and values are three matrices that lie in one.
    parts = [
        matrix.chunk(3) if name.endswith("qkv") else (matrix,)
        for name, matrix in zip(names, matrices, strict=True)
    ]
    flat = [part for several in parts for part in several]
    shapes = {part.shape for part in flat}
    made: dict[int, Tensor] = {}
    for shape in shapes:
        alike = [i for i, part in enumerate(flat) if part.shape == shape]
        stack = orthogonal(torch.stack([flat[i] for i in alike]))
        stack = stack * max(1, shape[0] / shape[1]) ** 0.5
        made.update(zip(alike, stack.unbind(), strict=True))
    whole, at = [], 0
    for several in parts:
        whole.append(torch.cat([made[at + i] for i in range(len(several))]))
        at += len(several)
    return whole


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
        gradients = {}
        for name, tensor in self.network.tensors.items():
            if tensor.grad is not None:
                gradients[name], tensor.grad = tensor.grad, None
        self._muon({n: g for n, g in gradients.items() if is_layer(n)}, MATRICES * factor)
        for name, gradient in gradients.items():
            if not is_layer(name):
                rate = (TABLE if name == "table" else ROWS) * factor
                self._adam(name, self.network.tensors[name], gradient, rate)

    def _muon(self, gradients: dict[str, Tensor], rate: float) -> None:
        if not gradients:
            return
        tensors = [self.network.tensors[name] for name in gradients]
        momenta = [
            self._remembered(name, tensor, 1)[0]
            for name, tensor in zip(gradients, tensors, strict=True)
        ]
        torch._foreach_lerp_(momenta, list(gradients.values()), 1 - MOMENTUM)
        ahead = torch._foreach_lerp(momenta, list(gradients.values()), 1 - MOMENTUM)
        torch._foreach_mul_(tensors, 1 - rate * DECAY)
        torch._foreach_sub_(tensors, _updates(list(gradients), ahead), alpha=rate)

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
