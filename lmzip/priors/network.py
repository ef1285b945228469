"""The transformer in float arithmetic, with gradients of changes of low rank.

The same network as in `lmzip/codec/transformer` (docs/FORMAT.md, section 4), but for rounding. Its
weights stay; of each matrix W a product of two thin ones is learned that is added to it (LoRA, Hu
et al. 2021), W + B A, and of the table of slots a difference. Nothing of this determines a bit: the
codec computes with what comes of it.

Shapes: N stretches of T positions, M = N T; d width, H heads of c channels, K kinds of slots, r
rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lmzip.arrays import np
from lmzip.codec.entry import entry
from lmzip.codec.jit import kernel
from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import CANDIDATES, STATES, SYMBOLS
from lmzip.codec.native.structs import Struct
from lmzip.codec.transformer.kernels.candidates import add_candidates, memory_worth
from lmzip.codec.transformer.rotary import BASE
from lmzip.codec.transformer.weights import initial_weights

NOTHING = -1
"""In the place of a byte behind the end of a stretch."""
SHARDS = 4
"""Stretches are shared out among so many passes, whatever the number of threads: sums of gradients
are always rounded in the same way."""


@dataclass(frozen=True, eq=False)
class Examples(Struct):
    """What the slots say before each of M bytes that the network is asked for, and these bytes."""

    tokens: np.ndarray
    """int16 [M, n], rows of the embedding."""
    candidates: np.ndarray
    """uint8 [M, K, 14]"""
    classes: np.ndarray
    """uint8 [M, K, 14], 0 of what is no candidate."""
    totals: np.ndarray
    """uint8 [M, K]"""
    text: np.ndarray
    """int16 [M], a byte or NOTHING."""

    def each(self, change: Callable[[np.ndarray], np.ndarray]) -> Examples:
        """With all arrays changed in the same way."""
        return Examples(*(change(array) for array in self.__getstate__().values()))

    def at(self, places: np.ndarray) -> Examples:
        """Those at places, int64 [M'], of which -1 is behind the end."""
        found = self.each(lambda array: array[places])
        found.text[places < 0] = NOTHING
        return found


def joined(examples: list[Examples]) -> Examples:
    """All in a row."""
    arrays = zip(*(one.__getstate__().values() for one in examples), strict=True)
    return Examples(*map(np.concatenate, arrays))


Factors = dict[str, tuple[np.ndarray, np.ndarray]]
"""Of each matrix [outputs, inputs] float32 [r, outputs] and [r, inputs], whose product B A is added
to it; of the table, [1, n] and [1, 1], which is 1."""


def first_factors(preset: Preset, rank: int, seed: int = 1) -> Factors:
    """Those that change nothing, but by which gradients flow: B is 0, A by chance."""
    random = np.random.default_rng(seed)
    factors = {}
    for name, weights in initial_weights(preset).items():
        if weights.ndim == 1:
            factors[name] = np.zeros((1, weights.size), np.float32), np.ones((1, 1), np.float32)
        else:
            outputs, inputs = weights.shape
            drawn = random.standard_normal((rank, inputs)) / math.sqrt(inputs)
            factors[name] = np.zeros((rank, outputs), np.float32), drawn.astype(np.float32)
    return factors


class Network:
    """The network that a level begins with, and what changes of it are worth.

    share_out: calls a function with each of several arguments; `map` of a pool of threads for one.
    """

    def __init__(self, preset: Preset, share_out: Callable[..., Iterable] = map) -> None:
        self.preset = preset
        self._share_out = share_out
        self.first = initial_weights(preset)
        self._turns: tuple[np.ndarray, np.ndarray] | None = None

    def changed(self, factors: Factors) -> dict[str, np.ndarray]:
        """The weights with the changes."""
        return {
            name: weights + (factors[name][0].T @ factors[name][1]).reshape(weights.shape)
            for name, weights in self.first.items()
        }

    def bits(self, factors: Factors, examples: Examples, length: int) -> float:
        """Bits of all bytes of examples, which are N stretches of `length` positions."""
        weights = self.changed(factors)

        def loss(shard: Examples) -> float:
            return _Pass(self, weights, factors, shard, length).loss()

        return sum(self._share_out(loss, _shards(examples, length))) / math.log(2)

    def gradients(self, factors: Factors, examples: Examples, length: int) -> Factors:
        """Gradients of the mean of -ln p over the bytes of examples."""
        weights, count = self.changed(factors), max(int((examples.text != NOTHING).sum()), 1)

        def gradients(shard: Examples) -> Factors:
            way = _Pass(self, weights, factors, shard, length)
            way.loss()
            return way.gradients(count)

        found = list(self._share_out(gradients, _shards(examples, length)))
        return {
            name: (sum(one[name][0] for one in found), sum(one[name][1] for one in found))
            for name in factors
        }

    def turns(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Cosines and sines of positions, float32 [T, c / 2] each."""
        if self._turns is None or len(self._turns[0]) < length:
            channels = self.preset.width // self.preset.heads
            angle = np.exp(np.arange(0, channels, 2) * (-math.log(BASE) / channels))
            angle = np.arange(length)[:, None] * angle
            self._turns = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        cosines, sines = self._turns
        return cosines[:length], sines[:length]


def _shards(examples: Examples, length: int) -> list[Examples]:
    """Stretches of examples, in about as many shares as there are to be."""
    size = -(-len(examples.text) // (length * SHARDS)) * length
    parts = (slice(start, start + size) for start in range(0, len(examples.text), size))
    return [examples.each(lambda array, part=part: array[part]) for part in parts]


class _Pass:
    """One way forward, and back. weights: those with the changes of `factors`."""

    def __init__(
        self,
        network: Network,
        weights: dict[str, np.ndarray],
        factors: Factors,
        examples: Examples,
        length: int,
    ) -> None:
        self.preset, self.factors, self.examples = network.preset, factors, examples
        self.weights, self.length = weights, length
        self.turns = network.turns(length)
        self.found: Factors = {}

    def loss(self) -> float:
        """Sum of -ln p."""
        e, w, rows = self.examples, self.weights, len(self.examples.text)
        x = np.zeros((rows, self.preset.width), np.float32)
        known = np.empty((rows, SYMBOLS), np.float32)
        look_up(e, w["embedding"], w["table"], x, known)
        known -= known.max(axis=1, keepdims=True)
        np.exp(known, out=known)
        self.known = known / known.sum(axis=1, keepdims=True)
        self.roots = np.sqrt(self.known)
        x += self.roots @ w["memory"].T
        self.layers = []
        for number in range(self.preset.layers):
            x, kept = self._layer(x, number)
            self.layers.append(kept)
        self.last = _Norm(x)
        outputs = self.last.y @ w["head"].T
        self.gates = np.empty(e.totals.shape, np.float32)
        open_gates(e, w["table"], outputs, self.gates)
        logits = outputs[:, :SYMBOLS].copy()
        logits -= logits.max(axis=1, keepdims=True)
        told = e.text != NOTHING
        here = logits[np.arange(rows), np.where(told, e.text, 0)]
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        self.chances = np.divide(logits, total, out=logits)
        return float((np.log(total[:, 0]) - here)[told].sum(dtype=np.float64))

    def gradients(self, count: int) -> Factors:
        """Of the sum, by `count`, by the factors. What was kept is used up."""
        e, w = self.examples, self.weights
        told = np.flatnonzero(e.text != NOTHING)
        by_logits = self.chances
        by_logits[told, e.text[told]] -= 1
        by_logits[e.text == NOTHING] = 0
        by_logits /= np.float32(count)
        by_outputs = np.zeros((len(by_logits), len(w["head"])), np.float32)
        by_outputs[:, :SYMBOLS] = by_logits
        by_table = np.zeros_like(w["table"])
        close_gates(e, w["table"], self.gates, by_outputs, by_table)
        self._learn("head", self.last.y, by_outputs)
        by_x = self.last.back(by_outputs @ w["head"])
        for number in reversed(range(self.preset.layers)):
            by_x = self._layer_back(by_x, number, self.layers.pop())
        self._learn("memory", self.roots, by_x)
        by_roots = self.roots * (by_x @ w["memory"])
        by_known = 0.5 * (by_roots - self.known * by_roots.sum(axis=1, keepdims=True))
        by_embedding = np.zeros_like(w["embedding"])
        take_back(e, by_x, by_known, by_embedding, by_table)
        outputs, inputs = self.factors["embedding"]
        self.found["embedding"] = inputs @ by_embedding.T, outputs @ by_embedding
        self.found["table"] = by_table[None], np.zeros((1, 1), np.float32)
        return {name: self.found[name] for name in self.factors}

    def _learn(self, name: str, x: np.ndarray, by_y: np.ndarray) -> None:
        """Gradients of the factors of a matrix: its input [M, in], by its output [M, out]."""
        outputs, inputs = self.factors[name]
        self.found[name] = (x @ inputs.T).T @ by_y, (by_y @ outputs.T).T @ x

    def _layer(self, x: np.ndarray, number: int) -> tuple[np.ndarray, tuple]:
        w, heads, length = self.weights, self.preset.heads, self.length
        first = _Norm(x)
        qkv = (first.y @ w[f"{number}.qkv"].T).reshape(-1, length, 3, heads, x.shape[1] // heads)
        q, k, v = (np.ascontiguousarray(part) for part in qkv.transpose(2, 0, 3, 1, 4))
        q, k = _turned(q, *self.turns), _turned(k, *self.turns)
        chances = q @ k.swapaxes(-1, -2)
        chances *= np.float32(1 / math.sqrt(q.shape[-1]))
        attend(chances)
        mixed = (chances @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        x = x + mixed @ w[f"{number}.out"].T
        second = _Norm(x)
        hidden = np.maximum(second.y @ w[f"{number}.up"].T, 0)
        squares = hidden * hidden
        x = x + squares @ w[f"{number}.down"].T
        return x, (first, q, k, v, chances, mixed, second, hidden, squares)

    def _layer_back(self, by_x: np.ndarray, number: int, kept: tuple) -> np.ndarray:
        w, heads, length = self.weights, self.preset.heads, self.length
        first, q, k, v, chances, mixed, second, hidden, squares = kept
        self._learn(f"{number}.down", squares, by_x)
        by_hidden = (by_x @ w[f"{number}.down"]) * hidden
        by_hidden *= 2
        self._learn(f"{number}.up", second.y, by_hidden)
        by_x = by_x + second.back(by_hidden @ w[f"{number}.up"])
        self._learn(f"{number}.out", mixed, by_x)
        by_mixed = (by_x @ w[f"{number}.out"]).reshape(-1, length, heads, v.shape[-1])
        by_mixed = np.ascontiguousarray(by_mixed.transpose(0, 2, 1, 3))
        by_v = chances.swapaxes(-1, -2) @ by_mixed
        by_scores = by_mixed @ v.swapaxes(-1, -2)
        attend_back(chances, by_scores)
        by_scores *= np.float32(1 / math.sqrt(q.shape[-1]))
        cosines, sines = self.turns
        by_q = _turned(by_scores @ k, cosines, -sines)
        by_k = _turned(by_scores.swapaxes(-1, -2) @ q, cosines, -sines)
        by_qkv = np.stack([by_q, by_k, by_v]).transpose(1, 3, 0, 2, 4).reshape(len(by_x), -1)
        self._learn(f"{number}.qkv", first.y, by_qkv)
        return by_x + first.back(by_qkv @ w[f"{number}.qkv"])


class _Norm:
    """x [M, d] by the mean of its magnitudes."""

    def __init__(self, x: np.ndarray) -> None:
        self._mean = np.maximum(np.abs(x).mean(axis=1, keepdims=True), np.float32(1e-5))
        self.y = x / self._mean

    def back(self, by_y: np.ndarray) -> np.ndarray:
        """Gradient by x."""
        shared = (by_y * self.y).mean(axis=1, keepdims=True)
        return (by_y - np.sign(self.y) * shared) / self._mean


def _turned(x: np.ndarray, cosines: np.ndarray, sines: np.ndarray) -> np.ndarray:
    """x [N, H, T, c] turned by the angles of its positions."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cosines - b * sines, b * cosines + a * sines], -1)


def attend(scores: np.ndarray) -> None:
    """Let scores [N, H, T, T] be the chances of positions that are not behind, in their place."""
    length = scores.shape[-1]
    scores += np.triu(np.full((length, length), np.float32(-np.inf)), 1)
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)


def attend_back(chances: np.ndarray, by_chances: np.ndarray) -> None:
    """Let gradients by chances be those by scores, in their place."""
    by_chances *= chances
    by_chances -= chances * by_chances.sum(axis=-1, keepdims=True)


@entry
def look_up(e, embedding, table, x, known):
    """Add rows of the embedding to x [M, d]; let known [M, 256] be what candidates are worth."""
    for r in range(x.shape[0]):
        for n in range(e.tokens.shape[1]):
            row = e.tokens[r, n]
            for i in range(x.shape[1]):
                x[r, i] += embedding[row, i]
        memory_worth(e, r, table, known[r])


@entry
def open_gates(e, table, outputs, gates):
    """Add candidates to logits, of outputs [M, 256 + ..], and keep their gates [M, K]."""
    for r in range(outputs.shape[0]):
        add_candidates(e, r, table, outputs[r], gates[r])


@entry
def take_back(e, by_x, by_known, by_embedding, by_table):
    """Gradients of what `look_up` took."""
    for r in range(by_x.shape[0]):
        for n in range(e.tokens.shape[1]):
            row = e.tokens[r, n]
            for i in range(by_x.shape[1]):
                by_embedding[row, i] += by_x[r, i]
        for k in range(e.totals.shape[1]):
            for j in range(CANDIDATES):
                if e.classes[r, k, j] > 0:
                    by_table[state_of(e, r, k, j)] += by_known[r, e.candidates[r, k, j]]


@entry
def close_gates(e, table, gates, by_outputs, by_table):
    """Gradients of gates, behind those of logits, and of the table: what `open_gates` took."""
    for r in range(by_outputs.shape[0]):
        for k in range(e.totals.shape[1]):
            by_gate = np.float32(0)
            for j in range(CANDIDATES):
                if e.classes[r, k, j] > 0:
                    state, by = state_of(e, r, k, j), by_outputs[r, e.candidates[r, k, j]]
                    by_gate += by * table[state]
                    by_table[state] += gates[r, k] * by
            by_outputs[r, SYMBOLS + k] = by_gate


@kernel
def state_of(e, r, k, j):
    """A candidate's entry of the table."""
    return STATES * k + 12 * np.int64(e.classes[r, k, j]) + np.int64(e.totals[r, k])
