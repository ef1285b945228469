"""Whether learned weights pay: what they save on some data, and what they cost in |F|.

    with them:     size(D) = bits of D, the model beginning from them + |F| with the weights
    from scratch:  size(D) = bits of D, from scratch                  + |F| without

|F| holds the weights of all levels. They pay where the first description is the shorter one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lmzip.arrays import np
from lmzip.instruments.lengths import Report


@dataclass(frozen=True)
class Payoff:
    """Learned weights against none, on the same data at the same level; all lengths in bits."""

    learned: Report
    scratch: Report

    @property
    def saved_bits(self) -> float:
        """What the code is shorter by for beginning with learned weights; negative if longer."""
        return self.scratch.bits - self.learned.bits

    @property
    def weights_bits(self) -> int:
        """What |F| is longer by."""
        return self.learned.program_bits - self.scratch.program_bits

    @property
    def extrapolated(self) -> bool:
        """Whether the data are too few to pay, so that `break_even` is more than was measured."""
        return self.saved_bits < self.weights_bits

    @property
    def break_even(self) -> int | None:
        """Bytes of such data from which on the weights pay; None if they save nothing.

        If `extrapolated`, as if every further byte saved what the data save on average. They save
        most at the beginning, so that it is rather a lower bound.
        """
        if self.extrapolated:
            if self.saved_bits <= 0:
                return None
            return math.ceil(self.weights_bits * len(self.learned.data) / self.saved_bits)
        saved = np.concatenate([[0.0], np.cumsum(self.scratch.costs - self.learned.costs)])
        (short,) = (saved[:-1] < self.weights_bits).nonzero()  # the last is the sum, not short
        return int(short[-1]) + 1 if len(short) else 0

    def as_json(self) -> dict[str, Any]:
        """All numbers, with units in the names."""
        return {
            "learned_bits": self.learned.bits,
            "scratch_bits": self.scratch.bits,
            "saved_bits": self.saved_bits,
            "learned_program_bits": self.learned.program_bits,
            "scratch_program_bits": self.scratch.program_bits,
            "learned_description_bits": self.learned.description_bits,
            "scratch_description_bits": self.scratch.description_bits,
            "break_even_bytes": self.break_even,
            "extrapolated": self.extrapolated,
        }
