"""The transformer: forward and backward in exact arithmetic.

The reference implementation, in torch. Shapes: n positions of one segment (all of it when encoding,
one when decoding), d channels, H heads of c = d/H channels, W window, T positions per segment,
M keys that are seen. "Codes" are integers in float32; rows and scales multiply back.

The forward pass leaves the activations of the segment's positions behind, and the backward pass
reads them. So the encoder's one call for T positions and the decoder's T calls for one position
each leave the same state.

Learning from a segment may go on while the next is predicted. They share nothing that changes:
each has its weights, and activations are those of the even or of the odd segment. Tensors of
weights are replaced, never changed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...levels import Preset
from ...memory.slots import kind_count
from .. import rotary
from ..softmax import ATTENTION_STEPS, ATTENTION_WEIGHTS
from ..weights import (
    initial_weights,
    learned_names,
    matrix_shapes,
    output_count,
)
from .arithmetic import LEVELS, Products, constant, quantise
from .frequencies import (
    Seen,
    add_candidates,
    candidates_back,
    memory_roots,
)

VALUE_STEPS = 8
"""Attention values are quantised in fixed steps of 1/8."""

MATRIX_LEVELS = 60
"""Codes of a matrix lie in [-60, 60]: see `kernels/vectors.py`."""

_FAR = constant(-1e30)
_MATRIX_LEVELS = constant(MATRIX_LEVELS)
_STEPS = constant(ATTENTION_STEPS)
_VALUE_STEPS = constant(VALUE_STEPS)
_VALUE_UNIT = constant(1.0 / VALUE_STEPS)
_TWO = constant(2.0)
_WEIGHTS = torch.from_numpy(ATTENTION_WEIGHTS).float()


class Used(NamedTuple):
    """What predicting reads of the weights, by name."""

    weights: dict[str, Tensor]
    codes: dict[str, Tensor]
    scales: dict[str, Tensor]


class Model:
    """Weights, their quantised form, and the activations of the last two segments.

    `weights`, `codes`, `codes_t` and `scales` are those that learning has reached, `used` are those
    that predict.
    """

    def __init__(self, preset: Preset, products: Products, differences: bytes = b"") -> None:
        self.preset, self.products = preset, products
        first = initial_weights(preset, differences)
        self.weights = {name: torch.from_numpy(w) for name, w in first.items()}
        self.codes: dict[str, Tensor] = {}
        self.codes_t: dict[str, Tensor] = {}
        self.scales: dict[str, Tensor] = {}
        self._quantise(list(matrix_shapes(preset)))
        self._learned = [name for name in learned_names(preset) if name in self.codes]
        self.refresh()
        self._rotary = rotary.tables(preset.width // preset.heads)
        self._score_gain = constant(1 / math.sqrt(preset.width // preset.heads))
        self._width = constant(preset.width)
        self.ring = preset.window + preset.segment
        """Positions whose keys and values are kept, position t in place t mod ring."""

    def _quantise(self, names: list[str]) -> None:
        for name in names:
            codes, scale, _ = quantise(self.weights[name], levels=_MATRIX_LEVELS)
            self.codes[name] = self.products.operand(codes)
            self.codes_t[name] = self.products.operand(codes.t().contiguous())
            self.scales[name] = scale.t()

    def requantise(self) -> None:
        """Bring the quantised matrices up to date with the learned ones."""
        self._quantise(self._learned)

    def refresh(self) -> None:
        """Predict with the weights that learning has reached from now on."""
        self.used = Used(dict(self.weights), dict(self.codes), dict(self.scales))

    def start_block(self) -> None:
        """Forget the context (not what was learned)."""
        p = self.preset
        self.kept: dict[str, Tensor] = {}
        for layer in range(p.layers):
            self.kept[f"{layer}.k"] = torch.zeros(p.heads, self.ring, p.width // p.heads)
            self.kept[f"{layer}.k_scale"] = torch.zeros(p.heads, self.ring, 1)
            self.kept[f"{layer}.v"] = torch.zeros(p.heads, self.ring, p.width // p.heads)
        self.saved: list[dict[str, list[Tensor]]] = [{}, {}]

    def start_segment(self, segment_number: int) -> None:
        """Make room for the activations of a segment; those of the one before stay."""
        self.saved[segment_number % 2] = {}

    # -- forward ---------------------------------------------------------------------------

    def _linear(self, codes: Tensor, scale: Tensor, name: str) -> Tensor:
        """codes [n, in] * scale [n, 1] times the matrix: float32 [n, out]."""
        product = self.products.product(self.products.operand(codes), self.used.codes[name])
        return product * scale * self.used.scales[name]

    def _norm(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [n, d] divided by its mean magnitude, as codes and scale; and the rate of the codes."""
        codes, _, rate = quantise(x)
        return codes, self._width / codes.abs().sum(-1, keepdim=True).clamp(min=1.0), rate

    def _heads(self, x: Tensor) -> Tensor:
        """[n, d] -> [H, n, c]."""
        return x.view(len(x), self.preset.heads, -1).transpose(0, 1)

    def _rows(self, x: Tensor) -> Tensor:
        """[H, n, c] -> [n, d]."""
        return x.transpose(0, 1).reshape(-1, self.preset.width)

    def _angles(self, position: int, count: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines [n, c/2] by which positions from `position` on are turned."""
        positions = np.arange(position, position + count)
        fine = self._rotary[0, positions % rotary.ENTRIES]
        coarse = self._rotary[1, positions // rotary.ENTRIES]
        cosines, sines = rotary.turned((fine[:, 0], fine[:, 1]), (coarse[:, 0], coarse[:, 1]))
        return torch.from_numpy(cosines), torch.from_numpy(sines)

    @staticmethod
    def _turn(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        """x [H, n, c] with pair (i, i + c/2) of each row turned by the row's angles."""
        half = x.shape[-1] // 2
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * cosines - b * sines, b * cosines + a * sines], dim=-1)

    def _seen_keys(self, position: int, count: int) -> np.ndarray:
        """Positions [M] of the keys that `count` positions of one segment see."""
        start = position - position % self.preset.segment
        return np.arange(max(0, start - self.preset.window), position + count)

    def _attention_weights(
        self, layer: int, position: int, q: Tensor, q_scale: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Integer weights [H, n, M] of the keys seen, their sums [.., 1], the keys' places [M]."""
        count = q.shape[1]
        seen = self._seen_keys(position, count)
        places = torch.from_numpy(seen % self.ring)
        keys = self.kept[f"{layer}.k"][:, places]
        key_scale = self.kept[f"{layer}.k_scale"][:, places]
        scores = torch.matmul(q, keys.transpose(1, 2)) * q_scale * key_scale.transpose(1, 2)
        visible = torch.from_numpy(seen <= np.arange(position, position + count)[:, None])
        scores = torch.where(visible, scores, _FAR)
        peak = scores.amax(-1, keepdim=True)
        codes = ((peak - scores) * _STEPS).round().clamp(max=len(ATTENTION_WEIGHTS) - 1)
        weights = _WEIGHTS[codes.long()]
        return weights, weights.sum(-1, keepdim=True), places

    def forward(self, seen: Seen, position: int) -> Tensor:
        """Logits float32 [n, 256] of n positions of one segment, from `position` of the block on.

        seen: what the slots say of these n rows.
        """
        p = self.preset
        saved = self.saved[position // p.segment % 2]

        def save(name: str, **tensors: Tensor) -> None:
            for part, value in tensors.items():
                saved.setdefault(name + part, []).append(value)

        tokens, embedding = seen.tokens, self.used.weights["embedding"]
        x = embedding[tokens[:, 0]]
        for i in range(1, tokens.shape[1]):
            x = x + embedding[tokens[:, i]]
        if kind_count(p):
            codes, scale = memory_roots(self.used.weights["table"], seen)
            x = x + self._linear(codes, scale, "memory")
        angles = self._angles(position, len(x))
        place = position % self.ring
        new = slice(place, place + len(x))
        for layer in range(p.layers):
            codes, scale, _ = self._norm(x)
            qkv = self._linear(codes, scale, f"{layer}.qkv")
            q, k, v = (self._heads(part) for part in qkv.split(p.width, dim=1))
            q, q_scale, _ = quantise(self._turn(q, *angles))
            q_scale = q_scale * self._score_gain
            k, k_scale, _ = quantise(self._turn(k, *angles))
            self.kept[f"{layer}.k"][:, new] = k
            self.kept[f"{layer}.k_scale"][:, new] = k_scale
            self.kept[f"{layer}.v"][:, new] = (v * _VALUE_STEPS).round().clamp(-LEVELS, LEVELS)
            weights, total, places = self._attention_weights(layer, position, q, q_scale)
            values = self.kept[f"{layer}.v"][:, places]
            codes, scale, _ = quantise(
                self._rows(torch.matmul(weights, values) / total * _VALUE_UNIT)
            )
            x = x + self._linear(codes, scale, f"{layer}.out")
            codes, scale, rate = self._norm(x)
            save(f"{layer}.norm.", codes=codes, scale=scale, rate=rate)
            hidden = self._linear(codes, scale, f"{layer}.up").clamp(min=0)
            codes, scale, _ = quantise(hidden * hidden)
            save(f"{layer}.", hidden=hidden)
            save(f"{layer}.down.", codes=codes, scale=scale)
            x = x + self._linear(codes, scale, f"{layer}.down")
        codes, scale, rate = self._norm(x)
        save("norm.", codes=codes, scale=scale, rate=rate)
        outputs = self._linear(codes, scale, "head")
        logits, gates = add_candidates(outputs, self.used.weights["table"], seen)
        save("", **seen._asdict(), gates=gates)
        return logits

    # -- backward --------------------------------------------------------------------------

    def backward(self, segment_number: int, d_logits: Tensor) -> dict[str, Tensor]:
        """Gradients of all tensors that learn, of a whole segment; d_logits float32 [T, 256].

        Only the last two segments that were predicted have activations.
        """
        return _Backward(self, segment_number).gradients(d_logits)


class _Backward:
    """The backward pass of one segment, which changes nothing of its model."""

    def __init__(self, model: Model, segment_number: int) -> None:
        self.model = model
        self.saved = {k: torch.cat(v) for k, v in model.saved[segment_number % 2].items()}
        self.grads: dict[str, Tensor] = {}

    def _linear(self, dy: Tensor, name: str, source: str) -> Tensor:
        """Gradient by the input [T, in] of a matrix, given that by its output [T, out]; and by the
        matrix. `source` names that input."""
        model, codes, scale = (
            self.model,
            self.saved[f"{source}.codes"],
            self.saved[f"{source}.scale"],
        )
        operand, product = model.products.operand, model.products.product
        g, g_scale, _ = quantise(dy * scale, dim=0)
        dw = product(operand(g.t().contiguous()), operand(codes.t().contiguous()))
        self.grads[name] = dw * g_scale.t()
        g, g_scale, _ = quantise(dy * model.scales[name])
        return product(operand(g), model.codes_t[name]) * g_scale

    def _norm(self, dh: Tensor, name: str) -> Tensor:
        """Gradient by the input of a norm, given the gradient by its output."""
        codes, scale, rate = (self.saved[f"{name}.{part}"] for part in ("codes", "scale", "rate"))
        g, g_scale, _ = quantise(dh)
        along = (g * codes).sum(-1, keepdim=True) * g_scale * scale / self.model._width
        return (dh - codes.sign() * along) * (scale * rate)

    def gradients(self, d_logits: Tensor) -> dict[str, Tensor]:
        model, p, grads = self.model, self.model.preset, self.grads
        seen = Seen(*(self.saved[name] for name in Seen._fields))
        d_outputs, d_table = candidates_back(
            d_logits, self.saved["gates"], model.weights["table"], seen, output_count(p)
        )
        if kind_count(p):
            grads["table"] = d_table
        dx = self._norm(self._linear(d_outputs, "head", "norm"), "norm")
        for layer in reversed(range(p.layers - p.learning, p.layers)):
            d_square = self._linear(dx, f"{layer}.down", f"{layer}.down")
            d_hidden = d_square * (_TWO * self.saved[f"{layer}.hidden"])
            dh = self._linear(d_hidden, f"{layer}.up", f"{layer}.norm")
            dx = dx + self._norm(dh, f"{layer}.norm")
        return grads
