"""Queries, keys and values of a head: turned, quantised, and where attention looks for them."""

from __future__ import annotations

from functools import cache

import numpy as np

from ... import processor
from ...entry import entry
from ...jit import COMPILING, kernel
from .arithmetic import LEVELS, F, quantise, rotate
from .instructions import Instruction
from .products import (
    begin_sums,
    dot,
    load_codes,
    negatives,
    pack,
    plain_row,
    repeat_codes,
)

turn_codes_of_32, place_value_of_32, store_scores = (
    Instruction(name, "head_vectors")
    for name in ("turn_codes_of_32", "place_value_of_32", "store_scores")
)


@kernel
def plain_turn(x, turns, turned, codes):
    """Fill codes (int8 [c]) from x [c], turned by a position, turns [2, c / 2]; return their scale.

    turned [c] is scratch.
    """
    rotate(x, turns, turned)
    scale, _ = quantise(turned, codes)
    return scale


@kernel
def turn_by_instruction(x, turns, turned, codes):
    """`turn_head`: 32 channels fill registers, and need no loop."""
    if x.shape[0] == 32:
        return turn_codes_of_32(x, turns, codes)
    return plain_turn(x, turns, turned, codes)


@kernel
def place_key(codes, at, keys):
    """Put the codes of a key, int8 [c], at position `at` of keys, int8 [c / 4, T, 4]."""
    words, places = codes.view(np.int32), keys.view(np.int32)
    for k in range(words.shape[0]):
        places[k, at, 0] = words[k]


@kernel
def plain_place(x, part, values):
    """Put codes of x [c], in steps of 1/8, at position `part` of four in values, int8 [c, 4]."""
    for c in range(x.shape[0]):
        code = np.rint(x[c] * F(8))
        code = code if code < LEVELS else LEVELS
        values[c, part] = np.int8(np.int32(code if code > -LEVELS else -LEVELS))


@kernel
def place_by_instruction(x, part, values):
    """`place_value`: the four of all 32 channels are read and written, in vectors."""
    if x.shape[0] == 32:
        place_value_of_32(x, part, values)
    else:
        plain_place(x, part, values)


@kernel
def plain_scores(q, q_scale, keys, k_scale, y, scores):
    """Fill scores (float32 [n]) of a query, int8 [c], and the first n of keys, int8 [c / 4, T, 4]:
    products times both scales. n is a multiple of 16; y, int32 [n], is scratch."""
    plain_row(q, keys, y)
    for j in range(scores.shape[0]):
        scores[j] = np.float32(y[j]) * q_scale * k_scale[j]


@kernel
def scores_by_instruction(q, q_scale, keys, k_scale, y, scores):
    """`score`, from the registers in which `row_product` has its sums."""
    inner, columns, outputs = q.shape[0], keys.shape[1], scores.shape[0]
    first = negatives(q)
    m = 0
    while m + 64 <= outputs:
        s0 = s1 = s2 = s3 = begin_sums(first)
        at = 4 * m
        for k in range(0, inner, 4):
            x = repeat_codes(q, k)
            s0 = dot(s0, x, load_codes(keys, at))
            s1 = dot(s1, x, load_codes(keys, at + 64))
            s2 = dot(s2, x, load_codes(keys, at + 128))
            s3 = dot(s3, x, load_codes(keys, at + 192))
            at += 4 * columns
        store_scores(scores, m, s0, q_scale, k_scale, m)
        store_scores(scores, m + 16, s1, q_scale, k_scale, m + 16)
        store_scores(scores, m + 32, s2, q_scale, k_scale, m + 32)
        store_scores(scores, m + 48, s3, q_scale, k_scale, m + 48)
        m += 64
    while m < outputs:
        s0, at = begin_sums(first), 4 * m
        for k in range(0, inner, 4):
            s0 = dot(s0, repeat_codes(q, k), load_codes(keys, at))
            at += 4 * columns
        store_scores(scores, m, s0, q_scale, k_scale, m)
        m += 16


if COMPILING and processor.way() != "plain":
    turn_head, place_value = turn_by_instruction, place_by_instruction
    score = scores_by_instruction
else:
    turn_head, place_value, score = plain_turn, plain_place, plain_scores


@entry
def turn_rows(x, turns, turned, codes, scales):
    """`turn_head` of each row of x [N, c], called from Python; scales float32 [N]."""
    for row in range(x.shape[0]):
        scales[row] = turn_head(x[row], turns[row], turned, codes[row])


@entry
def place_rows(x, values):
    """`place_value` of each row of x [N, c], called from Python; values int8 [N / 4, c, 4]."""
    for row in range(x.shape[0]):
        place_value(x[row], row % 4, values[row // 4])


@entry
def score_rows(q, scales, keys, k_scale, y, scores):
    """`score` of each row of q, int8 [N, c], called from Python; scales float32 [N]."""
    for row in range(q.shape[0]):
        score(q[row], scales[row], keys, k_scale, y, scores[row])


def self_test() -> bool:
    """Whether heads are turned, values placed and keys scored as by the definition: of all
    sizes."""
    generator = np.random.default_rng(1)
    x = generator.normal(0, 1, (64, 32)).astype(F) * F(10) ** np.arange(-32, 32, dtype=F)[:, None]
    x[0] = 0
    turns = generator.uniform(-1, 1, (64, 2, 16)).astype(F)
    codes, scales, turned = np.zeros(x.shape, np.int8), np.zeros(64, F), np.zeros(32, F)
    turn_rows(x, turns, turned, codes, scales)
    a, b, cosines, sines = x[:, :16], x[:, 16:], turns[:, 0], turns[:, 1]
    y = np.concatenate([a * cosines - b * sines, b * cosines + a * sines], axis=1)
    top = np.maximum(abs(y).max(1), F(1e-30))
    expected = np.rint(y * (LEVELS / top)[:, None])
    if not (np.array_equal(codes, expected) and np.array_equal(scales, top / LEVELS)):
        return False
    values = np.zeros((16, 32, 4), np.int8)
    place_rows(x, values)
    expected = np.clip(np.rint(x * F(8)), -LEVELS, LEVELS)
    if not np.array_equal(values.swapaxes(1, 2).reshape(64, 32), expected):
        return False
    keys = generator.integers(-127, 128, (80, 32)).astype(np.int8)
    keys[7], codes[3], codes[4] = -127, 127, -127
    k_scale, y = generator.uniform(0, 1, 80).astype(F), np.zeros(80, np.int32)
    scores = np.zeros((64, 80), F)
    score_rows(codes, scales, pack(keys), k_scale, y, scores)
    sums = (codes.astype(np.int32) @ keys.astype(np.int32).T).astype(F)
    return np.array_equal(scores, sums * scales[:, None] * k_scale)


@cache
def check() -> None:
    """Raise EngineError if heads are not turned exactly."""
    if not self_test():
        raise processor.refusal("it failed its self-test of heads")
