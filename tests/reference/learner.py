"""Section 5 of docs/FORMAT.md: how the transformer learns from a segment."""

from __future__ import annotations

import numpy as np

from reference import constants
from reference.arithmetic import F32, exact_sum, quantise
from reference.transformer import Segment, Transformer


class Learner:
    """Moments of the tensors that learn."""

    def __init__(self, transformer: Transformer) -> None:
        self.transformer, self.level = transformer, transformer.level
        level = self.level
        self.layers = range(level.layers - level.learned, level.layers)
        """Those that learn."""
        names = ["head", *(f"{layer}.{part}" for layer in self.layers for part in ("up", "down"))]
        names += ["table"] if transformer.slots.kinds else []
        self.moments = {
            name: (np.zeros_like(w), np.zeros_like(w))
            for name, w in transformer.weights.items()
            if name in names
        }
        self.powers = [1.0, 1.0]

    def learn(self, segment: Segment) -> None:
        """One step from a segment of T bytes."""
        gradients = self.gradients(segment)
        self._step(gradients)
        self.transformer.quantise_matrices(*gradients)

    def gradients(self, segment: Segment) -> dict[str, np.ndarray]:
        """Of the code length of the segment, by the tensors that learn."""
        back = Backward(self.transformer, segment)
        dx = back.norm(back.linear(back.logits(), "head"), "head")
        for layer in reversed(self.layers):
            dy = back.linear(dx, f"{layer}.down") * (F32(2) * segment.rows(f"{layer} hidden"))
            dx = dx + back.norm(back.linear(dy, f"{layer}.up"), f"{layer}.up")
        assert back.gradients.keys() == self.moments.keys()
        return back.gradients

    def _step(self, gradients: dict[str, np.ndarray]) -> None:
        betas = constants.BETA1, constants.BETA2
        self.powers = [power * beta for power, beta in zip(self.powers, betas, strict=True)]
        a, b = (F32(1 / (1 - power)) for power in self.powers)
        keep1, keep2 = (F32(beta) for beta in betas)
        take1, take2 = (F32(1 - beta) for beta in betas)
        for name, g in gradients.items():
            m, v = self.moments[name]
            g = np.where(np.abs(g) < F32(1e-15), F32(0), g)
            m = m * keep1 + g * take1
            m = np.where(np.abs(m) < F32(1e-30), F32(0), m)
            v = v * keep2 + g * g * take2
            v = np.where(v < F32(1e-30), F32(0), v)
            self.moments[name] = m, v
            # The float64 root of a float32 number, rounded, is its correctly rounded root.
            root = np.sqrt((v * b).astype(np.float64)).astype(F32)
            move = m * a / (root + F32(constants.EPSILON)) * self._rate(name)
            self.transformer.weights[name] = self.transformer.weights[name] - move

    def _rate(self, name: str) -> np.float32:
        # By level: the small ones have one or two layers.
        column = 0 if self.level.layers < 3 else 1
        if name == "table":
            return F32(constants.TABLE_RATE[column])
        matrix, head, *_ = self.level.rates or (
            constants.MATRIX_RATE[column],
            constants.HEAD_RATE[column],
        )
        return F32(head if name == "head" else matrix)


class Backward:
    """Gradients of one segment; rows are its positions."""

    def __init__(self, transformer: Transformer, segment: Segment) -> None:
        self.transformer, self.segment = transformer, segment
        self.level, self.rows = transformer.level, segment.rows
        self.gradients: dict[str, np.ndarray] = {}

    def logits(self) -> np.ndarray:
        """By the outputs of the head, [T, Y]."""
        d_logits = self.rows("freq").astype(F32) * F32(2.0**-24)
        d_logits -= np.eye(256, dtype=F32)[self.segment.read]
        return self._candidates(d_logits) if self.transformer.slots.kinds else d_logits

    def _candidates(self, d_logits: np.ndarray) -> np.ndarray:
        table, gates = self.transformer.weights["table"], self.rows("gates")
        dy = np.concatenate([d_logits, np.zeros((len(d_logits), 16), F32)], axis=1)
        entries, terms = [], [F32(0)]
        for t, seen in enumerate(self.segment.seen):
            for kind, candidates in enumerate(seen.candidates):
                for byte, entry in candidates:
                    dy[t, 256 + kind] += dy[t, byte] * table[entry]
                    entries.append(entry)
                    terms.append(dy[t, byte] * gates[t, kind])
        g, scale, _ = quantise(np.array(terms, F32), levels=1023)
        total = np.zeros(len(table), np.float64)
        np.add.at(total, entries, g[1:])
        self.gradients["table"] = total.astype(F32) * scale
        return dy

    def linear(self, dy: np.ndarray, name: str) -> np.ndarray:
        """dy [T, out]; the gradient by the input, [T, in]."""
        w, w_scale = self.transformer.matrices[name]
        g, g_scale, _ = quantise(dy * self.rows(f"{name} scale"), axis=0)
        self.gradients[name] = exact_sum(g.T, self.rows(f"{name} input")) * g_scale.T
        g, g_scale, _ = quantise(dy * w_scale)
        return exact_sum(g, w) * g_scale

    def norm(self, dh: np.ndarray, name: str) -> np.ndarray:
        codes, scale = self.rows(f"{name} input"), self.rows(f"{name} scale")
        g, g_scale, _ = quantise(dh)
        along = (g * codes).sum(axis=-1, keepdims=True, dtype=np.float64).astype(F32)
        along = along * g_scale * scale / F32(self.level.width)
        return (dh - np.sign(codes) * along) * (scale * self.rows(f"{name} rate"))
