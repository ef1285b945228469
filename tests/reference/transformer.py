"""Section 4 of docs/FORMAT.md: the transformer, one position after the other."""

from __future__ import annotations

import math

import numpy as np

from reference.arithmetic import F32, exact_sum, exponentials, quantise
from reference.constants import Level
from reference.first_values import first_values, from_scratch
from reference.prior import Prior, add_to_network
from reference.rotary import rotation, turned
from reference.slots import Seen, Slots

ATTENTION = np.array(
    [16256 - (684 - 11 * i) * i + (64 << j) >> 7 + j for j in range(16) for i in range(16)]
)
HALVING = 16 / math.log(2)
FREQUENCY = exponentials(64, 1024, 1 << 20)
ROOT = exponentials(128, 1024, 127)


class Segment:
    """The activations of the positions of a segment, and the keys that these see."""

    def __init__(self, level: Level, first: int = 0) -> None:
        self.level, self.first = level, first
        self.read: list[int] = []
        self.seen: list[Seen] = []
        self.saved: dict[str, list[np.ndarray]] = {}
        size = level.layers, level.heads, level.window + level.segment
        channels = level.width // level.heads
        self.k, self.v = np.zeros((2, *size, channels))
        self.k_scale = np.zeros(size, F32)
        self.old = 0
        """Keys of earlier segments."""

    @property
    def keys(self) -> int:
        """Those that are known: of earlier segments and of this one's positions so far."""
        return self.old + len(self.seen)

    def next(self) -> Segment:
        """The one that follows; it sees the last W keys as they were computed."""
        new = Segment(self.level, self.first + len(self.seen))
        new.old = min(self.keys, self.level.window)
        for name in ("k", "k_scale", "v"):
            last = getattr(self, name)[:, :, self.keys - new.old : self.keys]
            getattr(new, name)[:, :, : new.old] = last
        return new

    def save(self, name: str, value: np.ndarray) -> None:
        self.saved.setdefault(name, []).append(value)

    def rows(self, name: str) -> np.ndarray:
        """What was saved under a name, [T, ..]."""
        return np.stack(self.saved[name])


class Transformer:
    """Weights and their codes; what it says of the next byte."""

    def __init__(self, level: Level, scratch: bool = False, prior: Prior | None = None) -> None:
        self.level = level
        self.channels = level.width // level.heads
        self.gain = F32(1 / math.sqrt(self.channels))
        self.slots = Slots(level.slots)
        self.weights = from_scratch(level) if scratch else first_values(level)
        if prior is not None:
            add_to_network(prior, level, self.weights)
        self.matrices: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.quantise_matrices(*self.weights)

    def quantise_matrices(self, *names: str) -> None:
        """Codes [out, in] (float64, for exact sums) and scales [out] of those that are matrices."""
        for name in names:
            if name not in ("embedding", "table"):
                codes, scale, _ = quantise(self.weights[name], levels=60)
                self.matrices[name] = codes.astype(np.float64), scale[:, 0]

    def start_block(self) -> Segment:
        self.slots.start_block()
        return Segment(self.level)

    def read(self, segment: Segment, byte: int) -> None:
        segment.read.append(byte)
        self.slots.read(byte)

    def predict(self, segment: Segment, excluded: int = -1) -> np.ndarray:
        """Frequencies [256] of the byte at the segment's next position; `excluded`, if it is not
        negative, is a byte that does not come."""
        level, e = self.level, self.weights["embedding"]
        seen = self.slots.look_up()
        turn = rotation(segment.first + len(segment.seen), self.channels)
        segment.seen.append(seen)
        x = e[seen.tokens[0]]
        for token in seen.tokens[1:]:
            x = x + e[token]
        if self.slots.kinds:
            x = x + self._linear(*self._root(seen), "memory", segment)
        for layer in range(level.layers):
            y = self._linear(*self._norm(x, f"{layer}.qkv", segment), f"{layer}.qkv", segment)
            codes, scale, _ = quantise(self._attention(y, layer, turn, segment))
            x = x + self._linear(codes, scale, f"{layer}.out", segment)
            y = self._linear(*self._norm(x, f"{layer}.up", segment), f"{layer}.up", segment)
            hidden = np.maximum(y, F32(0))
            segment.save(f"{layer} hidden", hidden)
            codes, scale, _ = quantise(hidden * hidden)
            x = x + self._linear(codes, scale, f"{layer}.down", segment)
        outputs = self._linear(*self._norm(x, "head", segment), "head", segment)
        logits, gates = outputs[:256].copy(), F32(1) + outputs[256 : 256 + self.slots.kinds]
        table = self.weights["table"]
        for gate, candidates in zip(gates, seen.candidates, strict=True):
            for byte, entry in candidates:
                logits[byte] += gate * table[entry]
        if excluded >= 0:
            logits[excluded] = F32(-1e30)
        freq = _frequencies(logits)
        segment.save("gates", gates)
        segment.save("freq", freq)
        return freq

    def _root(self, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
        v = np.zeros(256, F32)
        for candidates in seen.candidates:
            for byte, entry in candidates:
                v[byte] += self.weights["table"][entry]
        steps = _steps(v, 64, 1023)
        scale = F32(math.sqrt((1 << 20) / FREQUENCY[steps].sum())) / F32(127)
        return ROOT[steps].astype(F32), np.array([scale])

    def _norm(self, x: np.ndarray, name: str, segment: Segment) -> tuple[np.ndarray, np.ndarray]:
        codes, _, rate = quantise(x)
        total = np.abs(codes).sum(keepdims=True, dtype=np.float64).astype(F32)
        segment.save(f"{name} rate", rate)
        return codes, F32(self.level.width) / np.maximum(total, F32(1))

    def _linear(self, codes: np.ndarray, scale: np.ndarray, name: str, segment: Segment):
        segment.save(f"{name} input", codes)
        segment.save(f"{name} scale", scale)
        w, w_scale = self.matrices[name]
        return exact_sum(w, codes) * scale * w_scale

    def _attention(self, y: np.ndarray, layer: int, turn, segment: Segment) -> np.ndarray:
        """The mixed values [d] from the output of qkv."""
        q, k, v = y.reshape(3, self.level.heads, self.channels)
        q, q_scale, _ = quantise(turned(q, turn))
        q_scale = q_scale * self.gain
        k, k_scale, _ = quantise(turned(k, turn))
        # This position is in `seen`: its key, the newest, is seen too.
        new, keys = segment.keys - 1, slice(0, segment.keys)
        segment.k[layer, :, new], segment.k_scale[layer, :, new] = k, k_scale[:, 0]
        segment.v[layer, :, new] = np.clip(np.rint(v * F32(8)), F32(-127), F32(127))
        score = exact_sum(segment.k[layer, :, keys], q[..., None])[..., 0]
        score = score * q_scale * segment.k_scale[layer, :, keys]
        weight = ATTENTION[_steps(score, HALVING, 255)].astype(F32)
        total = weight.sum(axis=-1, keepdims=True, dtype=np.float64).astype(F32)
        mixed = exact_sum(weight[:, None], segment.v[layer, :, keys])[:, 0]
        return (mixed / total * F32(1 / 8)).reshape(self.level.width)


def _steps(x: np.ndarray, fineness: float, most: int) -> np.ndarray:
    """How far below the largest of a row, in steps of 1 / fineness."""
    below = (x.max(axis=-1, keepdims=True) - x) * F32(fineness)
    return np.minimum(np.rint(below), F32(most)).astype(int)


def _frequencies(logits: np.ndarray) -> np.ndarray:
    weight = FREQUENCY[_steps(logits, 64, 1023)]
    share = np.float64((1 << 24) - 256) / weight.sum()
    freq = np.floor(weight * share).astype(np.int64) + 1
    freq[logits.argmax()] += (1 << 24) - freq.sum()
    return freq
