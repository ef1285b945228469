"""What the slots of the codec say before every byte of a corpus, made once and kept in files.

A GPU reads a corpus many times in the time that the slots of one pass take on a processor. Kept,
they are 242 bytes a byte; a run has them in the memory of its device, and draws stretches of all
documents in random order: attention sees nothing before a stretch, so nothing is lost by that.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lmzip.codec.levels import Preset
from lmzip.codec.memory.slots import (
    CANDIDATES,
    HISTORY,
    NO_CANDIDATE,
    STATES,
    SYMBOLS,
    empty_slots,
    kind_count,
)
from training.corpus import SHARES, UNKNOWN, Batch, Documents, fill_rows

CLASSES = (CANDIDATES + 1) // 2
"""Bytes of the classes of a slot's candidates, which are below 16: two in a byte."""


@dataclass(frozen=True)
class Features:
    """N bytes, before each document of which lie three zeros; K kinds of slots."""

    text: np.ndarray
    """uint8 [N]"""
    candidates: np.ndarray
    """uint8 [N, K, 14]"""
    classes: np.ndarray
    """uint8 [N, K, 7]: of two candidates each, the first in the lower four bits."""
    totals: np.ndarray
    """uint8 [N, K]"""
    documents: np.ndarray
    """int64 [D, 3]: number of the kind in SHARES, first byte and length of each document."""


def prepare(documents: Documents, preset: Preset, folder: Path, threads: int) -> Features:
    """Make the features of documents for the slots of a level, as files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds, numbers = kind_count(preset), {kind: i for i, kind in enumerate(SHARES)}
    flat = [(numbers[kind], piece) for kind, pieces in documents.items() for piece in pieces]
    table, at = [], 0
    for number, piece in flat:
        table.append((number, at + HISTORY, len(piece)))
        at += HISTORY + len(piece)
    np.save(folder / "documents.npy", np.array(table, dtype=np.int64))
    shapes = {
        "text": (at,),
        "candidates": (at, kinds, CANDIDATES),
        "classes": (at, kinds, CLASSES),
        "totals": (at, kinds),
    }
    made = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, shape)
        for name, shape in shapes.items()
    }

    def fill(number: int) -> None:
        piece, (_, start, length) = flat[number][1], table[number]
        slots = empty_slots(replace(preset, segment=(length + 1) // 2))
        fill_rows(slots, piece.copy())
        here = slice(start, start + length)
        made["text"][here] = piece
        made["candidates"][here] = slots.candidates[:length]
        made["totals"][here] = slots.totals[:length]
        both = np.zeros((length, kinds, 2 * CLASSES), dtype=np.uint8)
        both[..., :CANDIDATES] = slots.classes[:length]
        made["classes"][here] = both[..., ::2] | both[..., 1::2] << 4

    fill(0)  # what is compiled is compiled once
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(1, len(flat))))
    return load(folder)


def load(folder: Path) -> Features:
    """The features that `prepare` left in a folder; they are read as they are needed."""
    names = ("text", "candidates", "classes", "totals", "documents")
    return Features(*(np.load(folder / f"{name}.npy", mmap_mode="c") for name in names))


class Shuffled:
    """Endless batches of B stretches of T bytes, in the memory of a device.

    Every stretch of a kind comes once before one comes again; kinds come by their shares.
    """

    def __init__(
        self, features: Features, rows: int, length: int, seed: int, device: str = "cpu"
    ) -> None:
        self.rows, self.length, self.device = rows, length, device
        self.random = np.random.default_rng(seed)
        self.text, self.candidates, self.classes, self.totals = (
            torch.from_numpy(np.asarray(array)).to(device)
            for array in (
                features.text,
                features.candidates,
                features.classes,
                features.totals,
            )
        )
        shares = np.array(list(SHARES.values()))
        self.stretches = [
            _stretches(features.documents[features.documents[:, 0] == number, 1:], length)
            for number in range(len(shares))
        ]
        # Of stretches, not of bytes: those at the end of documents are short.
        mean = [part[:, 1].mean() if len(part) else np.inf for part in self.stretches]
        self.want = (shares / mean) / (shares / mean).sum()
        self.order = [np.zeros((0, 2), dtype=np.int64) for _ in shares]
        self.gathered = _gathered

    def compile(self) -> None:
        """Let torch's compiler make what gathers a batch."""
        self.gathered = torch.compile(_gathered, dynamic=False)

    def next(self) -> tuple[Batch, int]:
        """A batch on the device, and the bytes in it."""
        counts = self.random.multinomial(self.rows, self.want)
        picked = np.concatenate([self.draw(kind, n) for kind, n in enumerate(counts)])
        return Batch(*self.stretches_at(picked)), int(picked[:, 1].sum())

    def stretches_at(self, picked: np.ndarray) -> tuple[Tensor, ...]:
        """The tensors of a batch of these stretches, starts and lengths, int64 [B, 2]."""
        starts, lengths = torch.from_numpy(picked).to(self.device, non_blocking=True).unbind(1)
        arrays = self.text, self.candidates, self.classes, self.totals
        return self.gathered(*arrays, starts, lengths, self.length)

    def draw(self, kind: int, count: int) -> np.ndarray:
        """Starts and lengths of `count` stretches of a kind, int64 [count, 2]."""
        while len(self.order[kind]) < count:
            again = self.random.permutation(self.stretches[kind])
            self.order[kind] = np.concatenate([self.order[kind], again])
        taken, self.order[kind] = self.order[kind][:count], self.order[kind][count:]
        return taken


def _stretches(documents: np.ndarray, length: int) -> np.ndarray:
    """Starts and lengths, int64 [S, 2], of all stretches of documents: those, int64 [D, 2]."""
    counts = -(-documents[:, 1] // length)
    which = np.repeat(np.arange(len(documents)), counts)
    number = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    start = documents[which, 0] + number * length
    return np.stack([start, np.minimum(length, documents[which].sum(1) - start)], 1)


def _gathered(
    text: Tensor,
    candidates: Tensor,
    classes: Tensor,
    totals: Tensor,
    starts: Tensor,
    lengths: Tensor,
    length: int,
) -> tuple[Tensor, ...]:
    """The tensors of a batch, in its order: those of the codec's `slots.look_up`."""
    position = torch.arange(length, device=text.device)
    at = (starts[:, None] + position).clamp(max=len(text) - 1)
    both = classes[at]
    found = torch.stack([both & 15, both >> 4], -1).flatten(-2)[..., :CANDIDATES]
    likely, total = candidates[at], totals[at]
    kinds = total.shape[-1]
    history = [text[at - 1 - back].long() + SYMBOLS * back for back in range(HISTORY)]
    first = torch.where(total > 0, likely[..., 0].long(), NO_CANDIDATE)
    kind = torch.arange(kinds, device=text.device)
    state = STATES * kind + 12 * found[..., 0].long() + total.long()
    low = SYMBOLS * HISTORY
    tokens = torch.cat([torch.stack(history, -1), low + first, low + NO_CANDIDATE + 1 + state], -1)
    following = torch.where(position < lengths[:, None], text[at].long(), UNKNOWN)
    return tokens, likely, found, total, following
