"""A training run that can be interrupted at any moment."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lmzip.codec.levels import PRESETS, Preset
from training.corpus import Mixture
from training.features import Shuffled
from training.network import Network
from training.optimiser import Optimiser

WARM_UP = 50
"""Steps in which the rates grow to their full height; then they fall, linearly, to 0."""
ROUNDED = 0.5
"""Share of the run, its last part, that rounds weights in the forward pass."""
EVERY, OFTEN, SAVED = 25, 5.0, 60.0
"""Steps between two lines of the log, of which there is none for so many seconds after another;
seconds between two checkpoints."""


@dataclass(frozen=True)
class Plan:
    """What a run is to do. It is kept in the checkpoint, and a run that goes on keeps to it."""

    name: str
    """Of the weights: "medium"."""
    total: int
    """Bytes to read."""
    rows: int = 16
    length: int = 512
    peak: float = 1.0
    """Times the rates of `optimiser.py`, at their height."""
    seed: int = 1


def preset_with(name: str) -> Preset:
    """The first level that starts with these learned weights. Raises ValueError if none does."""
    for preset in PRESETS.values():
        if preset.learned == name:
            return preset
    names = ", ".join(sorted({preset.learned for preset in PRESETS.values() if preset.learned}))
    raise ValueError(f"no level has learned weights {name!r}: there are {names}")


class Run:
    """Network, optimiser and how far they are."""

    def __init__(
        self, plan: Plan, weights: dict[str, np.ndarray] | None, device: str, dtype: torch.dtype
    ) -> None:
        self.plan = plan
        self.network = Network(preset_with(plan.name), weights, device, dtype)
        self.optimiser = Optimiser(self.network)
        self.seen = 0
        self.seconds = 0.0

    def save(self, path: Path) -> None:
        """Write a checkpoint; the one before stays until it is whole."""
        part = path.with_name(path.name + ".part")
        state = {
            "plan": vars(self.plan),
            "weights": {k: v.detach() for k, v in self.network.tensors.items()},
            "optimiser": self.optimiser.state(),
            "seen": self.seen,
            "seconds": self.seconds,
        }
        torch.save(state, part)
        os.replace(part, path)

    def weights(self) -> dict[str, np.ndarray]:
        """What was learned, float32; 0 where nothing that was read asked for a row.

        So it is of a third of the embedding, the states that a slot does not come to: a file
        need not hold their initial values.
        """
        weights = self.network.weights()
        for name in ("embedding", "table"):
            if name in self.optimiser.moments:
                *_, second = self.optimiser.moments[name]
                weights[name][(second == 0).cpu().numpy()] = 0
        return weights

    @classmethod
    def resume(cls, path: Path, device: str, dtype: torch.dtype) -> Run:
        """The run of a checkpoint."""
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        run = cls(Plan(**state["plan"]), None, device, dtype)
        run.network.load(state["weights"])
        run.optimiser.restore(state["optimiser"])
        run.seen, run.seconds = state["seen"], state["seconds"]
        return run

    def go_on(self, source: Mixture | Shuffled, path: Path, tell: Callable[[str], None]) -> None:
        """Read batches until the plan is fulfilled; checkpoints are at `path`, `tell` hears."""
        plan = self.plan
        losses: list[torch.Tensor] = []
        started, before = time.monotonic(), self.seen
        spent, told, saved = self.seconds, -OFTEN, 0.0
        while self.seen < plan.total:
            done = self.seen / plan.total
            self.network.rounding = done >= 1 - ROUNDED
            batch, count = source.next()
            loss = self.network.loss(batch)
            loss.backward()
            warm = min(1.0, (self.optimiser.steps + 1) / WARM_UP)
            self.optimiser.step(plan.peak * warm * (1 - done))
            self.seen += count
            losses.append(loss.detach())
            ended = self.seen >= plan.total
            if self.optimiser.steps % EVERY and not ended:
                continue  # a loss that is looked at is waited for
            bits = torch.stack(losses[-2 * EVERY :]).mean().item() / math.log(2)
            now = time.monotonic() - started
            self.seconds = spent + now
            if now - told >= OFTEN or ended:
                rate = (self.seen - before) / now
                left = (plan.total - self.seen) / rate / 60
                told = now
                tell(
                    f"{self.optimiser.steps} steps, {self.seen / 1e6:.2f} MB, "
                    f"{bits:.4f} bits per byte, "
                    f"{rate / 1000:.1f} kB/s, {max(left, 0):.0f} min left"
                )
                losses = losses[-2 * EVERY :]
            if now - saved >= SAVED:
                saved = now
                self.save(path)
        self.save(path)
