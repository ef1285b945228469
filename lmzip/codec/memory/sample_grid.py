"""Finds out whether the bytes are samples, as those of images and sound, and how they are laid out.

A sample differs little from the one before it of the same channel, `STEP` bytes back, and from the
one above it, `WIDTH` bytes back. So bytes are compared with those before them at many distances,
now and then, and the distances at which they differ least are kept. Text is not like that.

Everything is integers.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel
from .tables import (
    ALIGN,
    FARTHEST,
    FOUND,
    MEAN,
    NO_TEXT,
    PENDING,
    PERIOD,
    POSITION,
    SAMPLE,
    STEP,
    USED,
    WIDTH,
    byte_at,
)

BYTE, LITTLE, BIG = 1, 2, 3
"""What a sample is, in the register SAMPLE: a byte; two, the lower or the higher first."""
COMPARED = 2048
"""Bytes that are compared with others, at most."""
FARTHEST_STEP = 8
NARROWEST = 64
"""Bytes that a row has at least."""
CERTAINLY_NO_TEXT = 500


@kernel
def count_no_text(at, c):
    """Count byte c in NO_TEXT if no text in UTF-8 has it there: 3 for each, 1 less for others."""
    odd = False
    if c < 128:
        odd = at[PENDING] > 0 or c < 9 or 13 < c < 32 or c == 127
        at[PENDING] = 0
    elif c < 192:
        odd = at[PENDING] == 0
        at[PENDING] = max(at[PENDING] - 1, 0)
    else:
        odd = at[PENDING] > 0 or c < 194 or c > 244
        at[PENDING] = 0
        if not odd:
            at[PENDING] = 1 if c < 224 else (2 if c < 240 else 3)
    at[NO_TEXT] = min(at[NO_TEXT] + 3, 4095) if odd else max(at[NO_TEXT] - 1, 0)


@kernel
def is_due(position):
    """Whether the grid is looked for behind so many bytes."""
    return position & (1023 if position < 16384 else 8191) == 0


@kernel
def find_grid(s):
    """Find STEP, WIDTH, SAMPLE and ALIGN; STEP is 0 if the bytes are no samples.

    What is found for the first time is only used when it is found again the next time. Returns
    whether another grid is used from now on.
    """
    at = s.at
    n = min(COMPARED, at[POSITION] // 2)
    far = min(FARTHEST, at[POSITION] - n)
    mean = compare_far(s, n, far)
    step = compare_near(s, n)
    if mean < 128:
        return False  # all bytes are alike: they tell nothing
    found = look(s, n, far, step, mean)
    other = False
    if found == 0:
        at[STEP] = at[WIDTH] = 0
    elif found == at[FOUND]:
        other = found != at[USED]
        at[USED] = found
        at[STEP], at[SAMPLE], at[ALIGN] = found & 15, found >> 4 & 3, found >> 6 & 1
        at[WIDTH] = found >> 7
    at[FOUND] = found
    return other


@kernel
def compare(s, n, d):
    """How much the last n bytes differ from those d before them: the mean, in 64ths."""
    text, end = s.text, s.at[POSITION] & (s.text.shape[0] - 1)
    total = np.int64(0)
    if end - n - d < 0:
        for i in range(end - n, end):
            total += abs(byte_at(text, i) - byte_at(text, i - d))
    else:
        part = np.int32(0)  # narrow, and without the ring: a vector at a time
        for i in range(end - n, end):
            part += abs(np.int32(text[i]) - np.int32(text[i - d]))
        total += part
    return total * 64 // n


@kernel
def faded(before, now):
    """Half of what was found before, and what is found now: that twice, if it is the first."""
    return before // 2 + now if before > 0 else 2 * now


@kernel
def compare_again(s, n, d):
    """Keep by how much bytes differ at distance d, in 128ths."""
    s.unlike[d] = faded(s.unlike[d], compare(s, n, d))


@kernel
def compare_far(s, n, far):
    """What bytes differ by that have nothing to do with each other, in 128ths."""
    total, count = np.int64(0), 0
    for d in range(60, far, 61):
        total += compare(s, n, d)
        count += 1
    s.at[MEAN] = faded(s.at[MEAN], total // count)
    return s.at[MEAN]


@kernel
def compare_near(s, n):
    """The step at which bytes differ least: a larger one only if they differ 5 % less."""
    unlike, best = s.unlike, 1
    for d in range(1, FARTHEST_STEP + 1):
        compare_again(s, n, d)
        if d != 5 and d != 7 and unlike[d] * 20 < unlike[best] * 19:
            best = d
    return best


@kernel
def look(s, n, far, step, mean):
    """The grid: step | sample << 4 | align << 6 | width << 7; 0 if there is none."""
    at, unlike = s.at, s.unlike
    no_text = at[NO_TEXT] > CERTAINLY_NO_TEXT
    smooth = unlike[step] * 20 < mean * (11 if no_text else 5)
    if not (smooth or no_text):
        return np.int64(0)
    words = find_words(s, n, far, mean)
    if words > 0:
        step = words & 15
    width = widest = at[WIDTH]
    if width > 0:
        for d in (width - step, width, width + step):
            compare_again(s, n, d)
    else:
        widest = np.int64(NARROWEST)
        for d in range(NARROWEST, far):
            compare_again(s, n, d)
            if unlike[d] < unlike[widest]:
                widest = d
    if not smooth and words == 0:
        # Eight pixels of a fax are a byte: it is like the one above only. So are records.
        records = 8 < at[PERIOD] < widest and widest % at[PERIOD] == 0
        if records or unlike[widest] * 3 >= unlike[step] * 2:
            return np.int64(0)
        step = 1
    known = 1 if width > 0 else 0
    width = widest
    if not is_row(unlike, widest, step, far, mean, known):
        width = np.int64(0)
    if words > 0:
        return words | (width << 7 if width & 1 == 0 else np.int64(0))
    used = 1 if at[STEP] > 0 else 0
    if width == 0 and not (smooth and unlike[step] * 25 < mean * (9 + 2 * used)):
        return np.int64(0)
    return step | BYTE << 4 | width << 7


@kernel
def is_row(unlike, width, step, far, mean, known):
    """Whether a distance is that of the row above. known: 1 if it was until now, else 0."""
    near, here = unlike[step], unlike[width]
    if width < NARROWEST + step or width + step >= far:
        return False
    if here * 12 <= near or here * 10 >= mean * (5 + 2 * known):
        return False
    if here * 3 >= near * (4 + 3 * known + (1 if here * 4 < mean else 0)):
        return False
    return here < unlike[width - step] and here < unlike[width + step]


@kernel
def find_words(s, n, far, mean):
    """step | sample << 4 | align << 6 if samples have two bytes; else 0.

    They have if they are less apart, one from the next, than from far ones, and much less than
    what would have their lower bytes for the higher ones.
    """
    at = s.at
    known = at[STEP] > 0 and at[SAMPLE] != BYTE
    even, odd = nearest_words(s, n, 0), nearest_words(s, n, 1)
    high, near, other = (0, even, odd) if even < odd else (1, odd, even)
    rough = other * 40 >= far_words(s, n, far, 1 - high) * 7
    still = near * 4 <= min(other, mean * n)
    if near * 2 >= other or not (rough or still):
        return np.int64(0)
    if near * 40 >= far_words(s, n, far, high) * (12 if known else 5):
        return np.int64(0)
    # Of two channels that are much alike every other difference is less.
    one, another = compare_words(s, n, 2, high, -1, 4), compare_words(s, n, 2, high + 2, -1, 4)
    two_channels = max(one, another) * 3 > min(one, another) * 4
    step, four = np.int64(2), compare_words(s, n, 4, high, -1, 2)
    if two_channels or four * 10 < (one + another) * (12 if at[STEP] == 4 else 9):
        step = np.int64(4)
    # Where both orders are as good, samples begin at even places.
    before, behind = compare_words(s, n, step, high, -1, 2), compare_words(s, n, step, high, 1, 2)
    if before * (33 - high) < behind * (32 + high):
        return step | LITTLE << 4 | (high ^ 1) << 6
    return step | BIG << 4 | high << 6


@kernel
def nearest_words(s, n, high):
    """How much words differ from those before them, of one channel or of two."""
    return min(compare_words(s, n, 2, high, -1, 2), compare_words(s, n, 4, high, -1, 2))


@kernel
def far_words(s, n, far, high):
    """How much words differ from such as have nothing to do with them, four times."""
    total = np.int64(0)
    for k in range(1, 5):
        total += compare_words(s, n, (far * k // 5) & -8, high, -1, 2)
    return total


@kernel
def compare_words(s, n, d, high, low, stride):
    """How much words among the last n bytes differ from those d bytes before. high: where their
    higher bytes are, modulo `stride`; low: where the lower byte is, seen from it."""
    text, end = s.text, s.at[POSITION]
    total = np.int64(0)
    first = end - n + 2
    first += (high - first) & (stride - 1)
    for i in range(first, end - 2, stride):
        here = ((byte_at(text, i) ^ 128) << 8) + byte_at(text, i + low)
        there = ((byte_at(text, i - d) ^ 128) << 8) + byte_at(text, i - d + low)
        total += abs(here - there)
    return total
