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

LAYER = "qkv", "out", "up", "down"
"""The matrices of a layer, in the order in which they are used."""


def is_layer(name: str) -> bool:
    """Whether a tensor is a matrix of a layer: "0.qkv", not "head"."""
    return "." in name


class Network:
    """Weights of a level's transformer, and what they predict.

    tensors: name -> float32, as `tensor_shapes` says. `rounding`: whether the forward pass rounds
    the weights. Raises ValueError for weights of another network.
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
        shapes = tensor_shapes(preset)
        if {name: tensor.shape for name, tensor in weights.items()} != shapes:
            raise ValueError(f"these weights are of another network than {preset.learned}")
        self.tensors = {
            name: torch.tensor(weights[name], device=device, requires_grad=True) for name in shapes
        }
        self._pieces = _front, _layer, _loss

    def weights(self) -> dict[str, np.ndarray]:
        """The tensors as numpy arrays, not rounded."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.tensors.items()}

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take other values."""
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(weights[name])

    def compile(self) -> None:
        """Let torch's compiler make the forward and the backward pass. All layers share one."""
        self._pieces = tuple(torch.compile(piece, dynamic=False) for piece in self._pieces)

    def loss(self, batch: Batch) -> Tensor:
        """Mean of -ln p over the bytes of a batch."""
        target = torch.as_tensor(batch.next_bytes, device=self.device)
        return self._pieces[2](*self._last(batch), target)

    def logits(self, batch: Batch) -> Tensor:
        """float32 [B, T, 256] before each position of a batch."""
        return _logits(*self._last(batch))

    def _last(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """The residual stream behind all layers, the head, and what candidates are worth."""
        front, layer, _ = self._pieces
        used = self._used()
        tokens = torch.as_tensor(batch.tokens, device=self.device)
        embedding = used["embedding"]
        worth = candidates = None
        if kind_count(self.preset):
            candidates, classes, totals = (
                torch.as_tensor(array, device=self.device)
                for array in (batch.candidates, batch.classes, batch.totals)
            )
            table, memory = used["table"], used["memory"]
            x, worth = front(tokens, embedding, candidates, classes, totals, table, memory)
        else:
            x = _embedded(tokens, embedding)
        turns = self._turns(tokens.shape[1])
        for number in range(self.preset.layers):
            parts = [used[f"{number}.{part}"].to(self.dtype) for part in LAYER]
            x = layer(x, *parts, *turns, self.preset.heads)
        return x, used["head"].to(self.dtype), candidates, worth

    def _used(self) -> dict[str, Tensor]:
        """The tensors as the forward pass takes them: codes times scales of rows, if rounded."""
        if not self.rounding:
            return self.tensors
        used = dict(self.tensors)
        for names in self._alike().values():
            size = levels_of(names[0])
            with torch.no_grad():
                stack = torch.stack([self.tensors[name] for name in names])
                scale = (stack.abs().amax(-1, keepdim=True) / size).half().float()
                scale = scale.clamp(min=2.0**-24)
                errors = (stack / scale).round().clamp(-size, size) * scale - stack
            for name, error in zip(names, errors, strict=True):
                used[name] = self.tensors[name] + error
        return used

    def _alike(self) -> dict[tuple, list[str]]:
        """Names of those tensors that are rounded, by what they have in common."""
        groups: dict[tuple, list[str]] = {}
        for name, tensor in self.tensors.items():
            if name != "table":
                groups.setdefault((tensor.shape, levels_of(name)), []).append(name)
        return groups

    def _turns(self, length: int) -> tuple[Tensor, Tensor]:
        channels = self.preset.width // self.preset.heads
        pair = torch.arange(0, channels, 2, device=self.device)
        angle = torch.exp(pair * (-math.log(BASE) / channels))
        angle = torch.arange(length, device=self.device)[:, None] * angle
        return angle.cos().to(self.dtype), angle.sin().to(self.dtype)


def _embedded(tokens: Tensor, embedding: Tensor) -> Tensor:
    """Sums of rows of the embedding, float32 [B, T, d]; tokens, int64 [B, T, n]."""
    if tokens.device.type == "cpu":
        x = F.embedding_bag(tokens.flatten(0, 1), embedding, mode="sum")
        return x.view(*tokens.shape[:2], -1)
    # As a product: a GPU would have to sort the tokens for the gradient.
    counts = torch.zeros(*tokens.shape[:2], len(embedding), device=tokens.device)
    one = torch.ones((), device=tokens.device)
    return counts.scatter_add(-1, tokens, one.expand_as(tokens)) @ embedding


def _front(
    tokens: Tensor,
    embedding: Tensor,
    candidates: Tensor,
    classes: Tensor,
    totals: Tensor,
    table: Tensor,
    memory: Tensor,
) -> tuple[Tensor, Tensor]:
    """The residual stream before the first layer, and what each candidate is worth."""
    rows, length, kinds = totals.shape
    kind = torch.arange(kinds, device=totals.device)[:, None]
    state = STATES * kind + 12 * classes.long() + totals.long()[..., None]
    # Every row has a table of its own, so that fewer gradients meet in one place.
    worth = table.expand(rows, -1).gather(1, state.flatten(1)).view(classes.shape)
    worth = torch.where(classes > 0, worth, 0.0)
    nothing = torch.zeros(rows, length, SYMBOLS, device=totals.device)
    known = nothing.scatter_add(-1, candidates.flatten(2).long(), worth.flatten(2))
    x = _embedded(tokens, embedding)
    return x + torch.softmax(known, -1).sqrt() @ memory.t(), worth


def _layer(
    x: Tensor,
    qkv: Tensor,
    out: Tensor,
    up: Tensor,
    down: Tensor,
    cosine: Tensor,
    sine: Tensor,
    heads: int,
) -> Tensor:
    """The residual stream, float32 [B, T, d], behind a layer."""
    rows, length, width = x.shape
    h = _norm(x).to(qkv.dtype) @ qkv.t()
    q, k, v = h.view(rows, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
    turns = cosine, sine
    mixed = F.scaled_dot_product_attention(_rotate(q, turns), _rotate(k, turns), v, is_causal=True)
    x = x + mixed.transpose(1, 2).reshape(rows, length, width) @ out.t()
    hidden = torch.relu(_norm(x).to(up.dtype) @ up.t())
    return x + (hidden * hidden) @ down.t()


def _logits(x: Tensor, head: Tensor, candidates: Tensor | None, worth: Tensor | None) -> Tensor:
    """float32 [B, T, 256], of the residual stream and of candidates whose gates it opens."""
    out = (_norm(x).to(head.dtype) @ head.t()).float()
    if candidates is None:
        return out
    gates = 1 + out[..., SYMBOLS : SYMBOLS + worth.shape[2], None]
    more = (gates * worth).flatten(2)
    return out[..., :SYMBOLS].scatter_add(-1, candidates.flatten(2).long(), more)


def _loss(
    x: Tensor, head: Tensor, candidates: Tensor | None, worth: Tensor | None, target: Tensor
) -> Tensor:
    logits = _logits(x, head, candidates, worth)
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


def _norm(x: Tensor) -> Tensor:
    return x / x.abs().mean(-1, keepdim=True).clamp(min=1e-5)


def _rotate(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """x [.., T, c] turned by the cosines and sines of its positions, [T, c / 2] each."""
    cosine, sine = turns
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)
