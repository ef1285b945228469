"""What the candidates add, logits to integer frequencies, and the gradient back.

The reference for `frequencies` in `kernels/arithmetic.py` and for `kernels/candidates.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...coder.bit_coder import FREQUENCY_BITS
from ...memory.slots import STATES, SYMBOLS
from ..softmax import LOGIT_ROOTS, LOGIT_STEPS, LOGIT_WEIGHTS
from .arithmetic import LEVELS, constant, quantise

TOTAL = 1 << FREQUENCY_BITS

_STEPS = constant(LOGIT_STEPS)
_UNIT = constant(2.0**-FREQUENCY_BITS)
_WEIGHTS = torch.from_numpy(LOGIT_WEIGHTS).double()
_ROOTS = torch.from_numpy(LOGIT_ROOTS).float()
_LARGEST = _WEIGHTS[0]
_LEVELS = constant(LEVELS)
_SHARED = torch.tensor(TOTAL - SYMBOLS, dtype=torch.float64)
_FAR = constant(-1e30)
_ONE, _ZERO = constant(1), constant(0)
TABLE_LEVELS = constant(1023)
"""Levels for the gradient of the table: 1023 * 14 candidates * 1171 rows < 2^24."""


class Seen(NamedTuple):
    """What the slots say of N rows, int64; see `Slots`."""

    tokens: Tensor
    """[N, 3 + 2K]"""
    candidates: Tensor
    """[N, K, 14]"""
    classes: Tensor
    """[N, K, 14]"""
    totals: Tensor
    """[N, K]"""

    def entries(self) -> Tensor:
        """Entry of each candidate in the table: [N, K, 14]."""
        kinds = torch.arange(self.totals.shape[1])[:, None]
        return STATES * kinds + 12 * self.classes + self.totals[:, :, None]

    def sums(self, worth: Tensor, first: Tensor) -> Tensor:
        """`first` [N, 256] and what each candidate is worth [N, K, 14] to its byte, by kind."""
        # The candidates of a slot differ; where there is none, a column is used that is cut off.
        column = torch.where(self.classes > 0, self.candidates, SYMBOLS)
        total = first
        for kind in range(worth.shape[1]):
            added = torch.zeros(len(first), SYMBOLS + 1)
            added = added.scatter(1, column[:, kind], worth[:, kind])
            total = total + added[:, :SYMBOLS]
        return total


def add_candidates(outputs: Tensor, table: Tensor, seen: Seen) -> tuple[Tensor, Tensor]:
    """Logits [N, 256] with what each candidate is worth, and the gates [N, K].

    outputs: float32 [N, 256 + ..] of the transformer; table: float32 [K * 144].
    """
    kinds = seen.totals.shape[1]
    gates = _ONE + outputs[:, SYMBOLS : SYMBOLS + kinds]
    return seen.sums(gates[:, :, None] * table[seen.entries()], outputs[:, :SYMBOLS]), gates


def memory_roots(table: Tensor, seen: Seen) -> tuple[Tensor, Tensor]:
    """Square roots of the memory's own distribution: codes [N, 256] and scale [N, 1], float32.

    The distribution is that of the candidates alone, with gates of 1.
    """
    codes = _logit_codes(seen.sums(table[seen.entries()], torch.zeros(len(seen.totals), SYMBOLS)))
    total = _WEIGHTS[codes].sum(-1, keepdim=True)
    return _ROOTS[codes], (_LARGEST / total).sqrt().float() / _LEVELS


def candidates_back(
    d_logits: Tensor, gates: Tensor, table: Tensor, seen: Seen, outputs: int
) -> tuple[Tensor, Tensor]:
    """Gradients by the transformer's outputs [N, outputs] and by the table [K * 144]."""
    kinds = gates.shape[1]
    if kinds == 0:
        return d_logits, torch.zeros_like(table)
    d = d_logits.gather(1, seen.candidates.flatten(1)).view(seen.candidates.shape)
    d = torch.where(seen.classes > 0, d, _ZERO)
    part = d * table[seen.entries()]
    d_gates = torch.zeros_like(gates)
    for k in range(part.shape[2]):
        d_gates = d_gates + part[:, :, k]
    unused = torch.zeros(len(d_logits), outputs - SYMBOLS - kinds)
    fine, scale, _ = quantise((d * gates[:, :, None]).view(1, -1), levels=TABLE_LEVELS)
    d_table = torch.zeros_like(table).index_add(0, seen.entries().flatten(), fine[0]) * scale[0]
    return torch.cat([d_logits, d_gates, unused], dim=1), d_table


def _logit_codes(logits: Tensor) -> Tensor:
    """Distance of each logit to the largest of its row in steps of 1/64, at most 1023: int64."""
    peak = logits.amax(-1, keepdim=True)
    return ((peak - logits) * _STEPS).round().clamp(max=len(LOGIT_WEIGHTS) - 1).long()


def exclude(logits: Tensor, excluded: Tensor) -> Tensor:
    """Logits [N, 256], of which one in each row is that of a byte known not to come, int64 [N]; or
    none, if that is negative."""
    bytes_ = torch.arange(logits.shape[1], dtype=torch.int64)
    return torch.where(bytes_ == excluded[:, None], _FAR, logits)


def frequencies(logits: Tensor) -> Tensor:
    """Softmax in integers: logits float32 [N, 256] -> int64 [N, 256], rows sum to 2^24.

    Every symbol keeps a frequency of at least 1; what rounding leaves goes to the first
    symbol of the largest logit.
    """
    weights = _WEIGHTS[_logit_codes(logits)]
    # A float64 product of integers below 2^24 by a quotient, rounded down: never above the
    # exact share by a whole unit, so the rest is never negative.
    share = (weights * (_SHARED / weights.sum(-1, keepdim=True))).floor().long()
    share += 1
    rest = TOTAL - share.sum(-1, keepdim=True)
    best = (logits == logits.amax(-1, keepdim=True)).long().argmax(-1, keepdim=True)
    return share.scatter_add(-1, best, rest)


def loss_gradient(freq: Tensor, symbols: Tensor) -> Tensor:
    """Gradient of the code length (nats) by the logits: p - one-hot, float32 [N, 256]."""
    gradient = freq.float() * _UNIT
    return gradient - torch.nn.functional.one_hot(symbols, SYMBOLS).float()
