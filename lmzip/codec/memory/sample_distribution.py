"""What is expected of a sample, as a distribution of its next byte.

A sample misses its prediction by about as much as the last ones did: a logistic distribution,
with the mean of what these missed by as its width, once of few and once of many.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import numpy as np

from ..jit import kernel
from .sample_grid import BYTE, LITTLE
from .sample_prediction import begins, channel_of
from .tables import LAST4, POSITION, PREDICTED, SAMPLE, STEP, WIDTH

DISTRIBUTIONS = 2
MEAN_TO_WIDTH = 23
"""The width of a logistic distribution, for a mean distance of 32 from its middle."""
LEAST_WIDTH = 3
"""In sixteenths of a step of the sample, as all widths."""
UNIT = 32
"""Entries of the tables for the width of a distribution."""


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """int64 [512] each, by the distance from the middle: of the density, 2^16 in the middle, and of
    the share that is farther away, 2^30 at all."""
    density, farther = np.zeros(16 * UNIT, np.int64), np.zeros(16 * UNIT, np.int64)
    with localcontext() as context:
        context.prec = 40
        odds, ratio = Decimal(1), (Decimal(1) / UNIT).exp()
        for i in range(16 * UNIT):
            share = 1 / (1 + odds)
            odds *= ratio
            told = share * (1 - share) * 4 * (1 << 16), share * (1 << 31)
            density[i], farther[i] = (int(x.to_integral_value(ROUND_HALF_EVEN)) for x in told)
    return density, farther


DENSITY, FARTHER = _tables()


@kernel
def density(away, narrow):
    """At a distance from the middle, in sixteenths of a step of the sample."""
    return DENSITY[min((abs(away) * narrow) >> 20, DENSITY.shape[0] - 1)]


@kernel
def below(away, narrow):
    """The share of samples below that, in 2^-31."""
    farther = FARTHER[min((abs(away) * narrow) >> 20, FARTHER.shape[0] - 1)]
    return farther if away < 0 else (np.int64(1) << 31) - farther


@kernel
def expect_byte(s):
    """Fill `sums` int64 [2, 257]: of each distribution, the sums of what bytes weigh."""
    at = s.at
    for d in range(DISTRIBUTIONS):
        error = s.errors[channel_of(at), d]
        if d == 0 and at[WIDTH] > 0:
            error = (error + 3 * missed_nearby(s)) >> 2
        width = max((error * MEAN_TO_WIDTH) >> 13, LEAST_WIDTH)
        narrow, total, sums = (np.int64(UNIT) << 20) // width, np.int64(0), s.sums[d]
        for c in range(256):
            sums[c] = total
            total += weight(at, c, narrow, width) + 1
        sums[256] = total


@kernel
def missed_nearby(s):
    """By how much samples to the west and north missed their predictions, in 2^-12."""
    step, width, last = s.at[STEP], s.at[WIDTH], s.missed.shape[0] - 1
    place = s.at[POSITION] if begins(s.at) else s.at[POSITION] - 1
    total = 2 * (s.missed[(place - step) & last] + s.missed[(place - width) & last])
    for d in (width + step, width - step):
        total += s.missed[(place - d) & last]
    return total * 256 // 6


@kernel
def weight(at, c, narrow, width):
    """What byte c weighs: of two bytes of a sample the second, behind the first that has come."""
    middle, last = at[PREDICTED], at[LAST4] & 255
    if at[SAMPLE] == BYTE:
        return density(c * 16 - middle, narrow)
    if not begins(at):
        x = ((c ^ 128) << 8) + last if at[SAMPLE] == LITTLE else ((last ^ 128) << 8) + c
        return density(x * 16 - middle, narrow)
    if at[SAMPLE] == LITTLE:
        # Whatever the higher byte will be: the nearest three samples that have this lower one.
        away = ((c * 16 - middle + 2048) & 4095) - 2048
        return density(away, narrow) + density(away + 4096, narrow) + density(away - 4096, narrow)
    cell = ((c ^ 128) << 12) - middle
    if width > 2048:
        return density(cell + 2048, narrow)
    return (below(cell + 4088, narrow) - below(cell - 8, narrow)) >> 12


@kernel
def chance_of_one(sums, partial, shift):
    """Probability of a one as the next bit, 16 bits: by the bits so far, behind a 1, and how many
    are to come."""
    first = (partial << shift) & 255
    middle, last = first + (1 << (shift - 1)), first + (1 << shift)
    return min(((sums[last] - sums[middle]) << 16) // (sums[last] - sums[first]), 65535)
