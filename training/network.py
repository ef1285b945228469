"""The float twin of the codec's transformer (docs/FORMAT.md, section 4).

The same network as in `lmzip/codec/transformer`, in float arithmetic with gradients: rotary
positions (Su et al. 2021), squared ReLU (So et al. 2021), norms that divide by the mean magnitude.
Weights can be rounded in the forward pass as their file will round them, the gradient passing
straight through (quantisation-aware training, Jacob et al. 2018).
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lmzip.codec.learned.weights_file import levels_of
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import STATES, SYMBOLS, kind_count
from lmzip.codec.transformer.rotary import BASE
from lmzip.codec.transformer.weights import tensor_shapes, weights_from_scratch
from training.corpus import Batch


def is_layer(name: str) -> bool:
    """Whether a tensor is a matrix of a layer: "0.qkv", not "head"."""
    return "." in name


class Network:
    """Weights of a level's transformer, and what they predict.

    tensors: name -> float32, as `tensor_shapes` says. `rounding`: whether the forward pass rounds
    the weights.
    """

    def __init__(
        self,
        preset: Preset,
        weights: dict[str, np.ndarray] | None = None,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.preset, self.device, self.dtype = preset, device, dtype
        self.rounding = False
        weights = weights_from_scratch(preset) if weights is None else weights
        self.tensors = {
            name: torch.tensor(weights[name], device=device, requires_grad=True)
            for name in tensor_shapes(preset)
        }
        self.trunk = self._trunk
        """Layers and head: what is worth compiling."""

    def weights(self) -> dict[str, np.ndarray]:
        """The tensors as numpy arrays, not rounded."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.tensors.items()}

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take other values."""
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(weights[name])

    def loss(self, batch: Batch) -> Tensor:
        """Mean of -ln p over the bytes of a batch."""
        logits = self.logits(batch)
        target = torch.from_numpy(batch.next_bytes).to(self.device)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    def logits(self, batch: Batch) -> Tensor:
        """float32 [B, T, 256] before each position of a batch."""
        tokens, candidates, classes, totals = (
            torch.from_numpy(array).to(self.device).long()
            for array in (batch.tokens, batch.candidates, batch.classes, batch.totals)
        )
        rows, length = tokens.shape[:2]
        used = {name: self._used(name) for name in self.tensors}
        x = F.embedding_bag(tokens.flatten(0, 1), used["embedding"], mode="sum")
        x = x.view(rows, length, -1)
        kinds = kind_count(self.preset)
        if kinds == 0:
            return self.trunk(x, used)
        kind = torch.arange(kinds, device=self.device)[:, None]
        worth = used["table"][STATES * kind + 12 * classes + totals[..., None]]
        worth = torch.where(classes > 0, worth, torch.zeros((), device=self.device))
        flat = candidates.flatten(2)
        nothing = torch.zeros(rows, length, SYMBOLS, device=self.device)
        memory = torch.softmax(nothing.scatter_add(-1, flat, worth.flatten(2)), -1)
        x = x + memory.sqrt() @ used["memory"].t()
        out = self.trunk(x, used)
        gates = 1 + out[..., SYMBOLS : SYMBOLS + kinds, None]
        return out[..., :SYMBOLS].scatter_add(-1, flat, (gates * worth).flatten(2))

    def _used(self, name: str) -> Tensor:
        """A tensor as the forward pass takes it: codes times the scale of their row, if rounded."""
        tensor = self.tensors[name]
        if not self.rounding or name == "table":
            return tensor
        with torch.no_grad():
            size = levels_of(name)
            scale = (tensor.abs().amax(-1, keepdim=True) / size).half().float()
            scale = scale.clamp(min=2.0**-24)
            error = (tensor / scale).round().clamp(-size, size) * scale - tensor
        return tensor + error

    def _trunk(self, x: Tensor, used: dict[str, Tensor]) -> Tensor:
        rows, length, width = x.shape
        heads = self.preset.heads
        turns = self._turns(length)
        lower = {name: tensor.to(self.dtype) for name, tensor in used.items() if is_layer(name)}
        for layer in range(self.preset.layers):
            h = self._norm(x) @ lower[f"{layer}.qkv"].t()
            q, k, v = h.view(rows, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(
                _rotate(q, turns), _rotate(k, turns), v, is_causal=True
            )
            mixed = mixed.transpose(1, 2).reshape(rows, length, width)
            x = x + mixed @ lower[f"{layer}.out"].t()
            hidden = torch.relu(self._norm(x) @ lower[f"{layer}.up"].t())
            x = x + (hidden * hidden) @ lower[f"{layer}.down"].t()
        return (self._norm(x) @ used["head"].to(self.dtype).t()).float()

    def _norm(self, x: Tensor) -> Tensor:
        x = x.float()
        return (x / x.abs().mean(-1, keepdim=True).clamp(min=1e-5)).to(self.dtype)

    def _turns(self, length: int) -> tuple[Tensor, Tensor]:
        channels = self.preset.width // self.preset.heads
        pair = torch.arange(0, channels, 2, device=self.device)
        angle = torch.exp(pair * (-math.log(BASE) / channels))
        angle = torch.arange(length, device=self.device)[:, None] * angle
        return angle.cos().to(self.dtype), angle.sin().to(self.dtype)


def _rotate(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """x [.., T, c] turned by the cosines and sines of its positions, [T, c / 2] each."""
    cosine, sine = turns
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)
