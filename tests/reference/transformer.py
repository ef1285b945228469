"""Sections 4 and 5 of docs/FORMAT.md: the transformer, and how it learns."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np

from reference import constants
from reference.arithmetic import F32, exact_sum, exponentials, quantise
from reference.slots import Seen, Slots

ATTENTION = exponentials(16, 256, 127)
FREQUENCY = exponentials(64, 1024, 1 << 20)


def worth(kinds: int) -> np.ndarray:
    """First values of the table of the slots."""
    with localcontext() as context:
        context.prec = 40
        values = [float(Decimal("0.35") * Decimal(1 + n).ln()) for n in constants.WORTH]
    return np.tile(np.repeat(np.array(values, F32), 12), kinds)


def uniform(name: str, *shape: int) -> np.ndarray:
    """The hashed uniform values of a tensor."""
    ones = (1 << 64) - 1
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & ones
    values = []
    for i in range(math.prod(shape)):
        z = seed + (i + 1) * 0x9E3779B97F4A7C15 & ones
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & ones
        z = (z ^ z >> 27) * 0x94D049BB133111EB & ones
        z ^= z >> 31
        values.append(((z >> 40) - (1 << 23)) * 2.0**-23)
    return np.array(values, F32).reshape(shape)


class Transformer:
    """Weights, their codes, and the activations of the segment of B streams under way."""

    def __init__(self, level: constants.Level) -> None:
        self.level = level
        self.channels = level.width // level.heads
        self.gain = F32(1 / math.sqrt(self.channels))
        d = level.width
        self.slots = Slots(level.slots)
        kinds = self.slots.kinds
        rows, outputs = (1025 + 144 * kinds, 272) if kinds else (768, 256)
        w = {"embedding": uniform("embedding", rows, d), "table": worth(kinds)}
        w["embedding"][256:512] *= F32(1 / 2)
        w["embedding"][512:768] *= F32(1 / 4)
        w["embedding"][768:] *= F32(1 / 8)
        slopes = np.array([2.0 ** -(4 + head) for head in range(level.heads)], F32)
        for layer in range(level.layers):
            spread = F32(math.sqrt(3 / d))
            w[f"{layer}.qkv"] = uniform(f"{layer}.qkv", 3 * d, d) * spread
            w[f"{layer}.up"] = uniform(f"{layer}.up", 4 * d, d) * spread
            w[f"{layer}.out"] = np.zeros((d, d), F32)
            w[f"{layer}.down"] = np.zeros((d, 4 * d), F32)
            w[f"{layer}.bias"] = -(slopes[:, None] * np.arange(level.window, dtype=F32))
        w["head"] = np.zeros((outputs, d), F32)
        self.weights = w
        self.moments = {name: (np.zeros_like(x), np.zeros_like(x)) for name, x in w.items()}
        self.powers = [1.0, 1.0]
        self.matrices: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._quantise_matrices()

    def _quantise_matrices(self) -> None:
        for name, w in self.weights.items():
            if name != "table" and not name.endswith(("bias", "embedding")):
                codes, scale, _ = quantise(w)
                self.matrices[name] = codes, scale.T

    def start_block(self, streams: int) -> None:
        """Before a stream stand W keys and values of zeros."""
        level = self.level
        self.slots.start_block(streams)
        size = (streams, level.heads, level.window)
        self.keys = [
            {
                "k": np.zeros((*size, self.channels), F32),
                "k_scale": np.zeros((*size, 1), F32),
                "v": np.zeros((*size, self.channels), F32),
            }
            for _ in range(level.layers)
        ]
        self.start_segment()

    def start_segment(self) -> None:
        """Keep the last W keys and values, and forget the other activations."""
        for kept in self.keys:
            for name in kept:
                kept[name] = kept[name][:, :, -self.level.window :]
        self.saved: dict[str, list[np.ndarray]] = {}
        self.seen: list[list[Seen]] = []

    # -- forward: one position of all B streams; rows are streams ----------------------------

    def _save(self, name: str, value: np.ndarray) -> None:
        self.saved.setdefault(name, []).append(value)

    def _linear(self, codes: np.ndarray, scale: np.ndarray, name: str) -> np.ndarray:
        self._save(f"{name} input", codes)
        self._save(f"{name} scale", scale)
        w, w_scale = self.matrices[name]
        return exact_sum(codes, w.T) * scale * w_scale

    def _norm(self, x: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
        codes, _, rate = quantise(x)
        total = np.abs(codes).sum(axis=-1, keepdims=True, dtype=np.float64).astype(F32)
        self._save(f"{name} rate", rate)
        return codes, F32(self.level.width) / np.maximum(total, F32(1))

    def _attention(self, layer: int, q: np.ndarray, q_scale: np.ndarray, first: int):
        """Weights of the W keys from `first` for a query q [B, H, c], and their sum."""
        kept, window = self.keys[layer], self.level.window
        keys = slice(first, first + window)
        score = exact_sum(kept["k"][:, :, keys], q[..., None])[..., 0]
        score = score * q_scale * kept["k_scale"][:, :, keys, 0]
        score = score + self.weights[f"{layer}.bias"][None, :, ::-1]
        steps = np.rint((score.max(axis=-1, keepdims=True) - score) * F32(16))
        weight = ATTENTION[np.minimum(steps, F32(255)).astype(int)].astype(F32)
        return weight, weight.sum(axis=-1, keepdims=True, dtype=np.float64).astype(F32)

    def forward(self, seen: list[Seen]) -> np.ndarray:
        """Frequencies [B, 256] where each stream has seen this."""
        level = self.level
        self.seen.append(seen)
        tokens = np.array([one.tokens for one in seen])
        self._save("tokens", tokens)
        e = self.weights["embedding"]
        x = e[tokens[:, 0]]
        for i in range(1, tokens.shape[1]):
            x = x + e[tokens[:, i]]
        for layer in range(level.layers):
            y = self._linear(*self._norm(x, f"{layer}.qkv"), f"{layer}.qkv")
            q, k, v = y.reshape(len(x), 3, level.heads, self.channels).swapaxes(0, 1)
            q, q_scale, _ = quantise(q)
            q_scale = q_scale * self.gain
            k, k_scale, _ = quantise(k)
            v = np.clip(np.rint(v * F32(16)), F32(-127), F32(127))
            kept = self.keys[layer]
            for name, new in (("k", k), ("k_scale", k_scale), ("v", v)):
                kept[name] = np.concatenate([kept[name], new[:, :, None]], axis=2)
            first = kept["k"].shape[2] - level.window
            weight, total = self._attention(layer, q, q_scale, first)
            self._save(f"{layer} q", q)
            self._save(f"{layer} q_scale", q_scale)
            mixed = exact_sum(weight[..., None, :], kept["v"][:, :, first:])[..., 0, :]
            mixed = mixed / total * F32(1 / 16)
            codes, scale, _ = quantise(mixed.reshape(len(x), level.width))
            x = x + self._linear(codes, scale, f"{layer}.out")
            up = self._linear(*self._norm(x, f"{layer}.up"), f"{layer}.up")
            hidden = np.maximum(up, F32(0))
            self._save(f"{layer} hidden", hidden)
            codes, scale, _ = quantise(hidden * hidden)
            x = x + self._linear(codes, scale, f"{layer}.down")
        outputs = self._linear(*self._norm(x, "head"), "head")
        logits = outputs[:, :256].copy()
        gates = F32(1) + outputs[:, 256 : 256 + self.slots.kinds]
        self._save("gates", gates)
        for b, one in enumerate(seen):
            for kind, candidates in enumerate(one.candidates):
                for byte, entry in candidates:
                    logits[b, byte] += gates[b, kind] * self.weights["table"][entry]
        freq = self._frequencies(logits)
        self._save("freq", freq)
        return freq

    @staticmethod
    def _frequencies(logits: np.ndarray) -> np.ndarray:
        steps = np.rint((logits.max(axis=-1, keepdims=True) - logits) * F32(64))
        weight = FREQUENCY[np.minimum(steps, F32(1023)).astype(int)]
        part = np.float64((1 << 24) - 256) / weight.sum(axis=-1, keepdims=True)
        freq = np.floor(weight * part).astype(np.int64) + 1
        best = logits.argmax(axis=-1)
        freq[np.arange(len(freq)), best] += (1 << 24) - freq.sum(axis=-1)
        return freq

    # -- backward: N = B * T rows, stream by stream ------------------------------------------

    def _rows(self, name: str) -> np.ndarray:
        saved = np.stack(self.saved[name], axis=1)
        return saved.reshape(-1, *saved.shape[2:])

    def _linear_back(self, dy: np.ndarray, name: str) -> np.ndarray:
        w, w_scale = self.matrices[name]
        x, scale = self._rows(f"{name} input"), self._rows(f"{name} scale")
        g, g_scale, _ = quantise(dy * scale, axis=0)
        self.gradients[name] = exact_sum(g.T, x) * g_scale.T
        g, g_scale, _ = quantise(dy * w_scale)
        return exact_sum(g, w) * g_scale

    def _norm_back(self, dh: np.ndarray, name: str) -> np.ndarray:
        codes, scale = self._rows(f"{name} input"), self._rows(f"{name} scale")
        g, g_scale, _ = quantise(dh)
        along = (g * codes).sum(axis=-1, keepdims=True, dtype=np.float64).astype(F32)
        along = along * g_scale * scale / F32(self.level.width)
        return (dh - np.sign(codes) * along) * (scale * self._rows(f"{name} rate"))

    def _attention_back(self, dm: np.ndarray, layer: int) -> np.ndarray:
        level, kept = self.level, self.keys[layer]
        streams, heads, span, _ = kept["k"].shape
        window, segment = level.window, level.segment
        q = np.stack(self.saved[f"{layer} q"], axis=2)
        q_scale = np.stack(self.saved[f"{layer} q_scale"], axis=2)
        # Of all W + T keys; those that a query does not see keep the weight 0.
        weight = np.zeros((streams, heads, segment, span), F32)
        total = np.zeros((streams, heads, segment, 1), F32)
        for t in range(segment):
            seen = slice(t + 1, t + 1 + window)
            weight[:, :, t, seen], total[:, :, t] = self._attention(
                layer, q[:, :, t], q_scale[:, :, t], t + 1
            )
        dm = dm.reshape(streams, segment, heads, self.channels).swapaxes(1, 2)
        g, g_scale, _ = quantise(dm)
        a = exact_sum(g, kept["v"].swapaxes(2, 3))
        mean = (weight.astype(np.float64) * a).sum(axis=-1, keepdims=True)
        mean = (mean / total.astype(np.float64)).astype(F32)
        ds = (a - mean) * weight * (g_scale * F32(1 / 16) / total)
        g, g_scale, _ = quantise(ds * kept["k_scale"].swapaxes(2, 3))
        dq = exact_sum(g, kept["k"]) * g_scale * self.gain
        g, g_scale, _ = quantise((ds * q_scale)[..., window:], axis=2)
        dk = exact_sum(g.swapaxes(2, 3), q) * g_scale.swapaxes(2, 3)
        g, g_scale, _ = quantise(dm / total, axis=2)
        dv = exact_sum(weight[..., window:].swapaxes(2, 3), g) * g_scale
        g, g_scale, _ = quantise(ds, axis=(0, 2, 3), levels=4095)
        d_bias = np.zeros((heads, window), np.float64)
        for t in range(segment):
            d_bias += g[:, :, t, t + 1 : t + 1 + window].sum(axis=0, dtype=np.float64)[:, ::-1]
        self.gradients[f"{layer}.bias"] = d_bias.astype(F32) * g_scale[0, :, :, 0]
        parts = [x.swapaxes(1, 2).reshape(-1, level.width) for x in (dq, dk, dv)]
        return np.concatenate(parts, axis=1)

    def _candidates_back(self, d_logits: np.ndarray) -> np.ndarray:
        table, gates, kinds = self.weights["table"], self._rows("gates"), self.slots.kinds
        dy = np.concatenate([d_logits, np.zeros((len(d_logits), 16), F32)], axis=1)
        terms = []
        for b in range(len(self.seen[0])):
            for t, seen in enumerate(self.seen):
                row = b * len(self.seen) + t
                for kind in range(kinds):
                    for byte, entry in seen[b].candidates[kind]:
                        dy[row, 256 + kind] += dy[row, byte] * table[entry]
                        terms.append((entry, dy[row, byte] * gates[row, kind]))
        g, g_scale, _ = quantise(np.array([0, *(value for _, value in terms)], F32), levels=1023)
        total = np.zeros(len(table), np.float64)
        np.add.at(total, [0, *(entry for entry, _ in terms)], g)
        self.gradients["table"] = total.astype(F32) * g_scale
        return dy

    def learn(self, symbols: np.ndarray) -> None:
        """One step from the segment whose bytes were symbols [B, T]."""
        self.gradients: dict[str, np.ndarray] = {}
        d_logits = self._rows("freq").astype(F32) * F32(2.0**-24)
        d_logits -= np.eye(256, dtype=F32)[symbols.reshape(-1)]
        if self.slots.kinds:
            d_logits = self._candidates_back(d_logits)
        dx = self._norm_back(self._linear_back(d_logits, "head"), "head")
        for layer in reversed(range(self.level.layers)):
            dy = self._linear_back(dx, f"{layer}.down")
            dy = dy * (F32(2) * self._rows(f"{layer} hidden"))
            dx = dx + self._norm_back(self._linear_back(dy, f"{layer}.up"), f"{layer}.up")
            dy = self._attention_back(self._linear_back(dx, f"{layer}.out"), layer)
            dx = dx + self._norm_back(self._linear_back(dy, f"{layer}.qkv"), f"{layer}.qkv")
        g, g_scale, _ = quantise(dx, axis=0, levels=1023)
        total = np.zeros(self.weights["embedding"].shape, np.float64)
        for tokens in self._rows("tokens").T:
            np.add.at(total, tokens, g)
        self.gradients["embedding"] = total.astype(F32) * g_scale
        self._step()
        self._quantise_matrices()

    def _step(self) -> None:
        betas = constants.BETA1, constants.BETA2
        self.powers = [power * beta for power, beta in zip(self.powers, betas, strict=True)]
        a, b = (F32(1 / (1 - power)) for power in self.powers)
        keep1, keep2 = (F32(beta) for beta in betas)
        take1, take2 = (F32(1 - beta) for beta in betas)
        for name, g in self.gradients.items():
            m, v = self.moments[name]
            g = np.where(np.abs(g) < F32(1e-15), F32(0), g)
            m = m * keep1 + g * take1
            m = np.where(np.abs(m) < F32(1e-30), F32(0), m)
            v = v * keep2 + g * g * take2
            v = np.where(v < F32(1e-30), F32(0), v)
            self.moments[name] = m, v
            # The float64 root of a float32 number, rounded, is its correctly rounded root.
            root = np.sqrt((v * b).astype(np.float64)).astype(F32)
            falling = min(1, 64 / self.level.width)
            rate = constants.MATRIX_RATE * falling
            if name == "embedding":
                rate = constants.EMBEDDING_RATE * falling
            elif name.endswith("bias") or name == "table":
                rate = constants.BIAS_RATE
            move = m * a / (root + F32(constants.EPSILON))
            self.weights[name] = self.weights[name] - move * F32(rate)
