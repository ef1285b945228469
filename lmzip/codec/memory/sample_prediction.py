"""The next sample, predicted from those around it by weights that are learned: least squares.

The covariances of a sample and its neighbours are kept for each channel, and fade. Every few
samples the weights become those with the least squared error (for images: Wu, Barthel, Zhang 1998),
with a ridge (Hoerl and Kennard 1970), as neighbours are much alike. The equations are solved by a
Cholesky decomposition in integers, which are the same everywhere.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from .sample_grid import BYTE, LITTLE
from .tables import ALIGN, NEIGHBOURS, POSITION, PREDICTED, SAMPLE, STEP, WIDTH, byte_at

OWN = 20
"""Neighbours in a line that are of the same channel, if there are others."""
AROUND = (
    (0, 1, 0), (1, 0, 0), (1, 1, 0), (1, -1, 0), (0, 2, 0), (2, 0, 0), (2, -1, 0), (1, 2, 0),
    (1, -2, 0), (0, 3, 0), (2, 1, 0),
)  # fmt: skip
"""Neighbours in a plane: how many rows above, samples before, and channels before."""
OTHERS = ((0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 2), (1, 0, 2), (0, 1, 2), (1, -1, 1))
ALONE = ((0, 6, 0), (1, -4, 0), (2, 4, 0), (2, -4, 0), (3, 2, 0), (3, -2, 0), (4, 1, 0), (4, -1, 0))
"""Those that follow: if there are several channels, and if there is one."""
FARTHER = (
    (2, 2, 0), (2, -2, 0), (3, 0, 0), (1, 3, 0), (1, -3, 0), (0, 4, 0), (3, -1, 0), (3, 1, 0),
    (2, 3, 0), (2, -3, 0), (0, 5, 0), (4, 0, 0), (1, 4, 0),
)  # fmt: skip
"""And those that follow these."""
PLANES = np.array([[*AROUND, *ALONE, *FARTHER], [*AROUND, *OTHERS, *FARTHER]], dtype=np.int64)
"""int64 [2, 32, 3]: the neighbours where there is one channel, and where there are several."""
BOUND = 1 << 22
"""Of a weight, in units of 2^-16."""
EVERY, FIRST = 16, 64
"""The weights are found after so many samples of a channel each time, at first after more."""
FADING, FADING_IN_A_PLANE = 4, 7
"""Binary digits of the share by which covariances fade then, in a line and in a plane."""
ONE = 1 << 30
"""Covariances are scaled to be smaller; units of what they are made into."""
RIDGE = 4
"""Added to the variances, in these units."""
LEAST_PIVOT = 1 << 14
NO_ERROR = 1 << 12
"""By how much samples are thought to miss their prediction at first: by one, in 2^-12."""


@kernel
def bytes_of(at):
    """Bytes of a sample."""
    return 1 if at[SAMPLE] == BYTE else 2


@kernel
def begins(at):
    """Whether the next byte is the first of a sample."""
    return at[SAMPLE] == BYTE or (at[POSITION] - at[ALIGN]) & 1 == 0


@kernel
def channel_of(at):
    """What the place of the sample to come, or begun, in its step is: that names its channel."""
    return (at[POSITION] if begins(at) else at[POSITION] - 1) % at[STEP]


@kernel
def sample(s, back):
    """The sample that begins `back` bytes before the one to come, or begun; two bytes as if they
    were signed, from -2^15 on, and 2^15 more."""
    at = s.at
    place = at[POSITION] - back
    if at[SAMPLE] == BYTE:
        return byte_at(s.text, place)
    place -= (at[POSITION] - at[ALIGN]) & 1
    first, second = byte_at(s.text, place), byte_at(s.text, place + 1)
    if at[SAMPLE] == LITTLE:
        return first | (second ^ 128) << 8
    return second | (first ^ 128) << 8


@kernel
def predict(s):
    """Fill `near` with the samples before the next, and PREDICTED with what they say of it."""
    at, near = s.at, s.near
    if at[WIDTH] == 0:
        see_a_line(s)
    else:
        see_a_plane(s)
    weights = s.linear[channel_of(at)]
    mean, total = mean_of(s), np.int64(0)
    for k in range(NEIGHBOURS):
        total += weights[k] * (near[k] - mean)
    at[PREDICTED] = bounded_sample(at, mean * 16 + (total >> 12), 16)


@kernel
def see_a_line(s):
    """The samples before the next one: of its channel, then of all, if there are others."""
    near, step, own = s.near, s.at[STEP], bytes_of(s.at)
    for k in range(NEIGHBOURS):
        back = (k + 1) * step
        if k >= OWN and step > own:
            back = own + (k - OWN) * step
        near[k] = sample(s, back)


@kernel
def see_a_plane(s):
    """The samples around the next one, to the west and north, of its channel and of others."""
    near, step, width, own = s.near, s.at[STEP], s.at[WIDTH], bytes_of(s.at)
    around = PLANES[1 if step > own else 0]
    for k in range(NEIGHBOURS):
        near[k] = sample(s, around[k, 0] * width + around[k, 1] * step + around[k, 2] * own)


@kernel
def mean_of(s):
    """What the neighbours are told as differences from."""
    near = s.near
    if s.at[WIDTH] == 0:
        return np.int64(128) if s.at[SAMPLE] == BYTE else np.int64(32768)
    return (near[0] + near[1] + near[2] + near[3]) >> 2


@kernel
def bounded_sample(at, x, unit):
    """The nearest value to x, of so many units each, that a sample can have."""
    return min(max(x, 0), (255 if at[SAMPLE] == BYTE else 65535) * unit)


@kernel
def learn(s):
    """The sample that was predicted is known: count how it goes with its neighbours."""
    at, near = s.at, s.near
    own = bytes_of(at)
    channel = (at[POSITION] - own) % at[STEP]
    covariances, mean, came = s.covariances[channel], mean_of(s), sample(s, own)
    for i in range(NEIGHBOURS):
        near[i] -= mean
    near[NEIGHBOURS] = came - mean
    for i in range(NEIGHBOURS + 1):
        for j in range(i + 1):
            covariances[i, j] += near[i] * near[j] << 6
    errors = s.errors[channel]
    missed = abs(came * 16 - at[PREDICTED])
    s.missed[(at[POSITION] - own) & (s.missed.shape[0] - 1)] = missed
    errors[0] += ((missed << 8) - errors[0]) >> 4
    errors[1] += ((missed << 8) - errors[1]) >> 7
    s.learned[channel] += 1
    count = s.learned[channel]
    if count >= FIRST and count % EVERY == 0:
        decompose(covariances, s.factor)
        solve(s.factor, s.linear[channel])
        fade(covariances, FADING if at[WIDTH] == 0 else FADING_IN_A_PLANE)


@kernel
def decompose(covariances, factor):
    """The lower triangle of the covariances, scaled, as a product of a lower triangle, `factor`
    (in units of 2^-30), and its transpose. int64 [33, 33], both; no sum leaves int64."""
    largest = np.int64(1)
    for i in range(NEIGHBOURS + 1):
        largest = max(largest, covariances[i, i])
    up = down = 0
    while largest >> down >= ONE:
        down += 1
    while largest << up < ONE // 2:
        up += 1
    for i in range(NEIGHBOURS + 1):
        for j in range(i + 1):
            # In units of 2^-55; what was cut from a product is far below the ridge.
            rest = ((covariances[i, j] << up) >> down) << 25
            for k in range(j):
                rest -= (factor[i, k] * factor[j, k]) >> 5
            if j == NEIGHBOURS:
                break
            if i == j:
                rest = min(max(rest + (RIDGE << 25), 0), 1 << 55)
                factor[i, i] = max(root(rest << 5), LEAST_PIVOT)
            else:
                rest = min(max(rest, -(1 << 56)), 1 << 56)
                factor[i, j] = min(max((rest << 5) // factor[j, j], -ONE), ONE)


@kernel
def root(x):
    """The square root, rounded down. x: 0 to 2^60."""
    r = np.int64(np.sqrt(np.float64(x)))
    while r * r > x:
        r -= 1
    while (r + 1) * (r + 1) <= x:
        r += 1
    return r


@kernel
def solve(factor, weights):
    """The weights of the least squares: the last row of the factor is what they lead to."""
    for back in range(NEIGHBOURS):
        i = NEIGHBOURS - 1 - back
        rest = factor[NEIGHBOURS, i] << 16
        for k in range(i + 1, NEIGHBOURS):
            rest -= factor[k, i] * weights[k]
        weights[i] = min(max(rest // factor[i, i], -BOUND), BOUND)


@kernel
def fade(covariances, digits):
    """Let all that was seen count less."""
    for i in range(NEIGHBOURS + 1):
        for j in range(i + 1):
            covariances[i, j] -= covariances[i, j] >> digits


@kernel
def start_over(s):
    """Forget all; begin with the plane through the neighbours, in a line with the last sample and
    half of the last difference."""
    at = s.at
    s.covariances[:] = 0
    s.learned[:] = 0
    s.linear[:] = 0
    s.errors[:] = NO_ERROR
    for r in range(s.linear.shape[0]):
        weights = s.linear[r]
        if at[WIDTH] == 0:
            weights[0], weights[1] = 98304, -32768
            continue
        weights[0] = weights[1] = 49152
        weights[2] = -49152
        if at[STEP] > bytes_of(at):
            weights[11] = weights[14] = 32768
            weights[12] = weights[13] = -32768
