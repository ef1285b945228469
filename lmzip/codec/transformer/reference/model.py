"""The transformer: forward and backward in exact arithmetic.

The reference implementation, in torch. Shapes: B streams, n positions (a whole segment when
encoding, one when decoding), N = B*n rows, d channels, H heads of c = d/H channels, W window,
T positions per segment. "Codes" are integers in float32; rows and scales multiply back.

The forward pass leaves the activations of the segment's positions in preallocated buffers;
the backward pass reads them. So the encoder's one call for T positions and the decoder's T
calls for one position each leave the same state behind.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lmzip.codec.levels import Preset
from lmzip.codec.transformer.reference.arithmetic import LEVELS, Products, constant, quantise
from lmzip.codec.transformer.reference.frequencies import Seen, add_candidates, candidates_back
from lmzip.codec.transformer.softmax import ATTENTION_STEPS, ATTENTION_WEIGHTS
from lmzip.codec.transformer.weights import initial_weights, matrix_shapes, output_count

VALUE_STEPS = 16
"""Attention values are quantised in fixed steps of 1/16."""

FINE_LEVELS = constant(4095)
"""Levels for gradients that are only summed, never multiplied: 4095 * 2048 rows < 2^24."""
TOKEN_LEVELS = constant(1023)
"""The same where a row counts more than once: 1023 * 11 candidates * 1490 rows < 2^24."""

_FAR = constant(-1e30)
_STEPS = constant(ATTENTION_STEPS)
_VALUE_STEPS = constant(VALUE_STEPS)
_VALUE_UNIT = constant(1.0 / VALUE_STEPS)
_TWO = constant(2.0)
_WEIGHTS = torch.from_numpy(ATTENTION_WEIGHTS).float()


class Model:
    """Weights, their quantised form, and the activations of the segment under way."""

    def __init__(self, preset: Preset, products: Products) -> None:
        self.preset, self.products = preset, products
        self.weights = {k: torch.from_numpy(w) for k, w in initial_weights(preset).items()}
        self.codes: dict[str, Tensor] = {}
        self.codes_t: dict[str, Tensor] = {}
        self.scales: dict[str, Tensor] = {}
        self.requantise()
        self._score_gain = constant(1 / math.sqrt(preset.width // preset.heads))
        self._width = constant(preset.width)

    def requantise(self) -> None:
        """Bring the quantised matrices up to date with the learned ones."""
        for name in matrix_shapes(self.preset):
            codes, scale, _ = quantise(self.weights[name])
            self.codes[name] = self.products.operand(codes)
            self.codes_t[name] = self.products.operand(codes.t().contiguous())
            self.scales[name] = scale.t()

    def start_block(self, streams: int) -> None:
        """Forget the context (not what was learned) and make room for `streams` streams."""
        p = self.preset
        heads, channels, span = p.heads, p.width // p.heads, p.window + p.segment
        self.streams = streams
        self.kept: dict[str, Tensor] = {}
        for layer in range(p.layers):
            self.kept[f"{layer}.k"] = torch.zeros(streams, heads, span, channels)
            self.kept[f"{layer}.k_scale"] = torch.zeros(streams, heads, span, 1)
            self.kept[f"{layer}.v"] = torch.zeros(streams, heads, span, channels)

    def start_segment(self) -> None:
        """Slide the keys and values: the last W positions stay, T slots become free."""
        window, segment = self.preset.window, self.preset.segment
        for kept in self.kept.values():
            if kept.dim() == 4:
                kept[:, :, :window] = kept[:, :, segment : segment + window].clone()
        self.saved: dict[str, list[Tensor]] = {}

    def _save(self, **tensors: Tensor) -> None:
        for name, value in tensors.items():
            self.saved.setdefault(name, []).append(value)

    # -- forward ---------------------------------------------------------------------------

    def _linear(self, codes: Tensor, scale: Tensor, name: str) -> Tensor:
        """codes [N, in] * scale [N, 1] times the matrix: float32 [N, out]."""
        product = self.products.product(self.products.operand(codes), self.codes[name])
        return product * scale * self.scales[name]

    def _norm(self, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """x [N, d] divided by its mean magnitude, as codes and scale."""
        codes, _, rate = quantise(x)
        scale = self._width / codes.abs().sum(-1, keepdim=True).clamp(min=1.0)
        self._save(**{f"{name}.codes": codes, f"{name}.scale": scale, f"{name}.rate": rate})
        return codes, scale

    def _heads(self, x: Tensor) -> Tensor:
        """[B*n, d] -> [B, H, n, c]."""
        p = self.preset
        return x.view(self.streams, -1, p.heads, p.width // p.heads).transpose(1, 2)

    def _rows(self, x: Tensor) -> Tensor:
        """[B, H, n, c] -> [B*n, d]."""
        return x.transpose(1, 2).reshape(-1, self.preset.width)

    def _attention_weights(
        self, layer: int, at: int, q: Tensor, q_scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Integer weights [B, H, n, W+n] over slots `at` .. `at+W+n`, and their sums [.., 1]."""
        window, n = self.preset.window, q.shape[2]
        keys = self.kept[f"{layer}.k"][:, :, at : at + window + n]
        key_scale = self.kept[f"{layer}.k_scale"][:, :, at : at + window + n]
        scores = torch.matmul(q, keys.transpose(2, 3)) * q_scale * key_scale.transpose(2, 3)
        distance = (window + torch.arange(n))[:, None] - torch.arange(window + n)[None]
        visible = (distance >= 0) & (distance < window)
        bias = self.weights[f"{layer}.bias"][:, distance.clamp(0, window - 1)]
        scores = torch.where(visible, scores + bias, _FAR)
        peak = scores.amax(-1, keepdim=True)
        codes = ((peak - scores) * _STEPS).round().clamp(max=len(ATTENTION_WEIGHTS) - 1)
        weights = _WEIGHTS[codes.long()]
        return weights, weights.sum(-1, keepdim=True)

    def forward(self, seen: Seen, at: int) -> Tensor:
        """Logits float32 [B*n, 256] of positions `at` .. `at+n` of the segment.

        seen: what the slots say of these B*n rows, stream-major.
        """
        p = self.preset
        tokens = seen.tokens
        n = len(tokens) // self.streams
        embedding = self.weights["embedding"]
        x = embedding[tokens[:, 0]]
        for i in range(1, tokens.shape[1]):
            x = x + embedding[tokens[:, i]]
        new = slice(at + p.window, at + p.window + n)
        for layer in range(p.layers):
            codes, scale = self._norm(x, f"{layer}.norm1")
            qkv = self._linear(codes, scale, f"{layer}.qkv")
            q, k, v = (self._heads(part) for part in qkv.split(p.width, dim=1))
            q, q_scale, _ = quantise(q)
            q_scale = q_scale * self._score_gain
            k, k_scale, _ = quantise(k)
            v = (v * _VALUE_STEPS).round().clamp(-LEVELS, LEVELS)
            self.kept[f"{layer}.k"][:, :, new] = k
            self.kept[f"{layer}.k_scale"][:, :, new] = k_scale
            self.kept[f"{layer}.v"][:, :, new] = v
            weights, total = self._attention_weights(layer, at, q, q_scale)
            values = self.kept[f"{layer}.v"][:, :, at : at + p.window + n]
            mixed = torch.matmul(weights, values) / total * _VALUE_UNIT
            codes, scale, _ = quantise(self._rows(mixed))
            self._save(
                **{f"{layer}.q": q, f"{layer}.q_scale": q_scale},
                **{f"{layer}.out.codes": codes, f"{layer}.out.scale": scale},
            )
            x = x + self._linear(codes, scale, f"{layer}.out")
            codes, scale = self._norm(x, f"{layer}.norm2")
            hidden = self._linear(codes, scale, f"{layer}.up").clamp(min=0)
            codes, scale, _ = quantise(hidden * hidden)
            self._save(
                **{f"{layer}.hidden": hidden},
                **{f"{layer}.down.codes": codes, f"{layer}.down.scale": scale},
            )
            x = x + self._linear(codes, scale, f"{layer}.down")
        codes, scale = self._norm(x, "norm")
        outputs = self._linear(codes, scale, "head")
        logits, gates = add_candidates(outputs, self.weights["table"], seen)
        self._save(**seen._asdict(), gates=gates)
        return logits

    # -- backward --------------------------------------------------------------------------

    def _activation(self, name: str) -> Tensor:
        """The segment's activation: rows [B*T, ..] in stream order, or [B, H, T, ..]."""
        parts = self.saved[name]
        if len(parts) == 1:
            return parts[0]
        if parts[0].dim() == 4:
            return torch.cat(parts, dim=2)
        return torch.stack(parts, dim=1).flatten(0, 1)

    def _linear_back(
        self, dy: Tensor, codes: Tensor, scale: Tensor, name: str
    ) -> tuple[Tensor, Tensor]:
        """Gradients by the input [N, in] and by the matrix [out, in]."""
        operand, product = self.products.operand, self.products.product
        g, g_scale, _ = quantise(dy * self.scales[name])
        dx = product(operand(g), self.codes_t[name]) * g_scale
        g, g_scale, _ = quantise(dy * scale, dim=0)
        dw = product(operand(g.t().contiguous()), operand(codes.t().contiguous()))
        return dx, dw * g_scale.t()

    def _norm_back(self, dh: Tensor, name: str) -> Tensor:
        """Gradient by the input of a norm, given the gradient by its output."""
        codes = self._activation(f"{name}.codes")
        scale = self._activation(f"{name}.scale")
        rate = self._activation(f"{name}.rate")
        g, g_scale, _ = quantise(dh)
        along = (g * codes).sum(-1, keepdim=True) * g_scale * scale / self._width
        return (dh - codes.sign() * along) * (scale * rate)

    def _attention_back(self, d_mixed: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Gradients by qkv [N, 3d] and by the relative position bias [H, W]."""
        p = self.preset
        window, segment = p.window, p.segment
        q, q_scale = self._activation(f"{layer}.q"), self._activation(f"{layer}.q_scale")
        weights, total = self._attention_weights(layer, 0, q, q_scale)
        keys, values = self.kept[f"{layer}.k"], self.kept[f"{layer}.v"]
        k_scale = self.kept[f"{layer}.k_scale"]
        d_mixed = self._heads(d_mixed)

        g, g_scale, _ = quantise(d_mixed)
        d_weight = torch.matmul(g, values.transpose(2, 3))
        mean = (weights.double() * d_weight.double()).sum(-1, keepdim=True) / total.double()
        d_score = (d_weight - mean.float()) * weights * (g_scale * _VALUE_UNIT / total)

        g, g_scale, _ = quantise(d_score * k_scale.transpose(2, 3))
        dq = torch.matmul(g, keys) * g_scale * self._score_gain
        g, g_scale, _ = quantise(d_score[..., window:] * q_scale, dim=2)
        dk = torch.matmul(g.transpose(2, 3), q) * g_scale.transpose(2, 3)
        g, g_scale, _ = quantise(d_mixed / total, dim=2)
        dv = torch.matmul(weights[..., window:].transpose(2, 3), g) * g_scale

        slots = window + torch.arange(segment)[:, None] - torch.arange(window)[None]
        slots = slots.expand(self.streams, p.heads, segment, window)
        flat = d_score.transpose(0, 1).reshape(p.heads, -1)
        _, g_scale, rate = quantise(flat, levels=FINE_LEVELS)
        fine = (d_score * rate[None, :, :, None]).round().gather(-1, slots)
        d_bias = fine.transpose(0, 1).flatten(1, 2).sum(1) * g_scale
        return torch.cat([self._rows(part) for part in (dq, dk, dv)], dim=1), d_bias

    def backward(self, d_logits: Tensor) -> dict[str, Tensor]:
        """Gradients of all learned tensors; d_logits float32 [B*T, 256]."""
        p = self.preset
        grads: dict[str, Tensor] = {}

        def linear_back(dy: Tensor, name: str, source: str) -> Tensor:
            codes, scale = self._activation(f"{source}.codes"), self._activation(f"{source}.scale")
            dx, grads[name] = self._linear_back(dy, codes, scale, name)
            return dx

        seen = Seen(*(self._activation(name) for name in Seen._fields))
        d_outputs, grads["table"] = candidates_back(
            d_logits, self._activation("gates"), self.weights["table"], seen, output_count(p)
        )
        dx = self._norm_back(linear_back(d_outputs, "head", "norm"), "norm")
        for layer in reversed(range(p.layers)):
            d_square = linear_back(dx, f"{layer}.down", f"{layer}.down")
            d_hidden = d_square * (_TWO * self._activation(f"{layer}.hidden"))
            dh = linear_back(d_hidden, f"{layer}.up", f"{layer}.norm2")
            dx = dx + self._norm_back(dh, f"{layer}.norm2")
            d_mixed = linear_back(dx, f"{layer}.out", f"{layer}.out")
            d_qkv, grads[f"{layer}.bias"] = self._attention_back(d_mixed, layer)
            dh = linear_back(d_qkv, f"{layer}.qkv", f"{layer}.norm1")
            dx = dx + self._norm_back(dh, f"{layer}.norm1")
        fine, scale, _ = quantise(dx, dim=0, levels=TOKEN_LEVELS)
        d_embedding = torch.zeros_like(self.weights["embedding"])
        for tokens in seen.tokens.t():
            d_embedding.index_add_(0, tokens, fine)
        grads["embedding"] = d_embedding * scale
        return grads
