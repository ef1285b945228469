"""Logits to integer frequencies, and the gradient back."""

from __future__ import annotations

import torch
from torch import Tensor

from lmzip.codec.exact import constant
from lmzip.codec.initial import SYMBOLS
from lmzip.codec.tables import FREQUENCY_BITS, LOGIT_STEPS, LOGIT_WEIGHTS

TOTAL = 1 << FREQUENCY_BITS

_STEPS = constant(LOGIT_STEPS)
_UNIT = constant(2.0**-FREQUENCY_BITS)
_WEIGHTS = torch.from_numpy(LOGIT_WEIGHTS).double()
_SHARED = torch.tensor(TOTAL - SYMBOLS, dtype=torch.float64)


def frequencies(logits: Tensor) -> Tensor:
    """Softmax in integers: logits float32 [N, 256] -> int64 [N, 256], rows sum to 2^24.

    Every symbol keeps a frequency of at least 1; what rounding leaves goes to the first
    symbol of the largest logit.
    """
    peak = logits.amax(-1, keepdim=True)
    codes = ((peak - logits) * _STEPS).round().clamp(max=len(LOGIT_WEIGHTS) - 1)
    weights = _WEIGHTS[codes.long()]
    # A float64 product of integers below 2^24 by a quotient, rounded down: never above the
    # exact share by a whole unit, so the rest is never negative.
    share = (weights * (_SHARED / weights.sum(-1, keepdim=True))).floor().long()
    share += 1
    rest = TOTAL - share.sum(-1, keepdim=True)
    best = (logits == peak).long().argmax(-1, keepdim=True)
    return share.scatter_add(-1, best, rest)


def loss_gradient(freq: Tensor, symbols: Tensor) -> Tensor:
    """Gradient of the code length (nats) by the logits: p - one-hot, float32 [N, 256]."""
    gradient = freq.float() * _UNIT
    return gradient - torch.nn.functional.one_hot(symbols, SYMBOLS).float()
