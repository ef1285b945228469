"""The last stage: eight decisions a byte, each mixed from all that is known.

The transformer's byte distribution gives P(bit | bits so far); so does every context of the
memory. Their stretches are summed with learned weights (gated logistic mixing: Mahoney 2005;
Mattern 2012): eight weight sets, each picked by a small context, then two final mixers over
the eight, then adaptive maps (secondary symbol estimation, after Osnach's APM in PAQ8).

Inputs and weights are integers in float64; weights are in units of 2^-20 and bounded by 2^27,
so that every sum stays below 2^53 and is exact in any order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmzip.codec.bittables import squash_table
from lmzip.codec.jit import kernel
from lmzip.codec.kernels import weighted_sum
from lmzip.codec.memory import (
    BIT,
    CLASSES,
    CONTEXTS,
    DIRECT,
    EXPECTED,
    FIELD,
    LAST4,
    LETTERS,
    MATCHES,
    NODE,
    ORDERS,
    PARTIAL,
    PERIOD,
    POSITION,
    UPDATES,
    Memory,
    adapt,
    byte_at,
    empty_memory,
    find_slots,
    mix,
    read_byte,
)
from lmzip.codec.rangecoder import decode, decode_target, encode
from lmzip.codec.tables import FREQUENCY_BITS

SETS = 8
CHOICES = 2048
MAPS = 4
TRANSFORMER = 3 * CONTEXTS + 2 * DIRECT + 1 + 2 * MATCHES
INPUTS = (TRANSFORMER + 3 + 7) // 8 * 8
"""Of the first layer: those of the memory, the transformer's two, a bias; filled up with zeros."""

UNIT = 1 << 20
BOUND = float(1 << 27)
FIRST_RATE, FALLING_RATE, FALL = 0.002 / 1024, 0.015 / 1024, 1 / 4096
FINAL_RATE = 0.002 / 1024
STATE_LIMIT, RUN_LIMIT, DIRECT_LIMIT, MATCH_LIMIT = 1000, 1000, 255, 1000
LEAST = 32
"""The least probability of a bit that is coded, of 2^22."""
LONGEST = 17
"""Bytes that a byte can cost: 8 bits of -log2(LEAST / 2^22) = 17 bits each."""


class Mixer(NamedTuple):
    """Weights and inputs. J = 8 weight sets."""

    inputs: np.ndarray
    """float64 [INPUTS]"""
    weights: np.ndarray
    """float64 [J, 2048, INPUTS]"""
    choice: np.ndarray
    """int64 [J]: which weights of each set this bit uses."""
    p: np.ndarray
    """int64 [J]: what each set says."""
    final_inputs: np.ndarray
    """float64 [16]: the stretches of the J sets, a bias, zeros."""
    final_weights: np.ndarray
    """float64 [2, 2048, 16]"""
    final_choice: np.ndarray
    final_p: np.ndarray
    maps: np.ndarray
    """int32 [4, 65536, 33]: probability by context and quantised stretch."""
    map_row: np.ndarray
    map_column: np.ndarray


def empty_mixer() -> Mixer:
    """A mixer that trusts every predictor a little."""

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    weights = np.zeros((SETS, CHOICES, INPUTS))
    weights[:, :, :TRANSFORMER] = 188744  # 0.18
    weights[:, :, 1 : 3 * CONTEXTS : 3] = 0
    weights[:, :, 2 : 3 * CONTEXTS : 3] = 52429  # 0.05
    weights[:, :, TRANSFORMER] = 314573  # 0.3
    weights[:, :, TRANSFORMER + 1] = 188744
    final_weights = np.zeros((2, CHOICES, 16))
    final_weights[:, :, :SETS] = UNIT // SETS
    maps = np.zeros((MAPS, 65536, 33), dtype=np.int32)
    maps[:] = squash_table()[np.minimum(np.arange(33) * 192, 6143)]
    return Mixer(
        inputs=np.zeros(INPUTS),
        weights=weights,
        choice=zeros(SETS),
        p=zeros(SETS),
        final_inputs=np.zeros(16),
        final_weights=final_weights,
        final_choice=zeros(2),
        final_p=zeros(2),
        maps=maps,
        map_row=zeros(MAPS),
        map_column=zeros(MAPS),
    )


class Bits(NamedTuple):
    """State of the whole stage."""

    memory: Memory
    mixer: Mixer


def empty_bits(log_buckets: int) -> Bits:
    """State before the first byte; 2^log_buckets buckets per context."""
    return Bits(empty_memory(log_buckets), empty_mixer())


@kernel
def train(x, w, e):
    """w += round(x * e), within the bound."""
    for i in range(x.shape[0]):
        w[i] = min(max(w[i] + np.rint(x[i] * e), -BOUND), BOUND)


@kernel
def to_stretch(total):
    """A sum of inputs times weights as a stretch, rounded down."""
    return min(max(np.int64(np.floor(total * (2.0**-20))), -3071), 3071)


@kernel
def length_class(length):
    """Match length in 24 classes."""
    return length if length < 16 else min(16 + ((length - 16) >> 3), 23)


@kernel
def look_up(s, x):
    """Fill the memory's inputs; return (number of orders seen before, best match's class)."""
    at, stretch = s.at, s.stretch
    partial, shift, node = at[PARTIAL], 8 - at[BIT], at[NODE] - 1
    n = 0
    seen = 0
    for i in range(s.slot.shape[0]):
        cells = s.cells[i]
        state = np.int64(cells[s.slot[i] + node])
        s.state[i] = state
        x[n] = x[n + 1] = x[n + 2] = 0
        if state > 0:
            p = s.state_p[i, state] >> 16
            x[n] = stretch[p]
            x[n + 1] = (p - 32768) >> 5
            if i < ORDERS:
                seen += 1
        byte, length = np.int64(cells[s.run[i]]), np.int64(cells[s.run[i] + 1])
        s.run_row[i] = -1
        if length > 0 and (byte | 256) >> shift == partial:
            row = min(length, 31) * 2 + ((byte >> (shift - 1)) & 1)
            s.run_row[i] = row
            x[n + 2] = stretch[s.run_p[i, row] >> 16]
        n += 3
    for i in range(s.direct_row.shape[0]):
        row = (s.direct_hash[i] + partial * 0x9E3779B1) & (s.direct_p.shape[1] - 1)
        s.direct_row[i] = row
        cell = np.int64(s.direct_p[i, row])
        p, count = cell >> 16, min(cell & 1023, 31)
        x[n] = np.int64(stretch[p]) * count // (count + 2)
        x[n + 1] = ((p - 32768) >> 5) * count // (count + 2)
        n += 2
    x[n] = stretch[s.order0_p[partial] >> 16]
    n += 1
    best = 0
    at[EXPECTED] = 0
    for i in range(s.match_at.shape[0]):
        s.match_row[i] = -1
        x[n] = x[n + 1] = 0
        if s.match_at[i] > 0:
            byte = byte_at(s.text, s.match_at[i])
            if (byte | 256) >> shift == partial:
                length = length_class(s.match_length[i])
                row = (length * 4 + min(s.match_misses[i], 3)) * 2 + ((byte >> (shift - 1)) & 1)
                s.match_row[i] = row
                p = s.match_p[i, row] >> 16
                x[n] = stretch[p]
                x[n + 1] = (p - 32768) >> 5
                if best == 0:
                    best = 1 + length
                    at[EXPECTED] = byte + 1
        n += 2
    return seen, best


@kernel
def choose(at, choice, seen, best, transformer):
    """Pick the weights of each set by a small context."""
    bit = at[BIT]
    choice[0] = best * 8 + bit
    choice[1] = at[PARTIAL]
    choice[2] = (at[LAST4] & 255) * 8 + bit
    choice[3] = (at[LAST4] >> 8) & 255
    choice[4] = (min(at[LETTERS], 15) * 8 + seen) * 8 + bit
    choice[5] = (min(at[LETTERS], 7) * 8 + (at[CLASSES] & 7)) * 8 + bit
    choice[6] = ((transformer + 3072) >> 8) * 8 + bit
    choice[7] = min(at[FIELD], 31) * 8 + bit
    if at[PERIOD] > 0:
        choice[7] = 256 + ((at[POSITION] % at[PERIOD]) & 127) * 8 + bit


@kernel
def predict(s, m, transformer_p):
    """Probability of a one, 22 bits, given the transformer's."""
    at, squash, x = s.at, s.squash, m.inputs
    seen, best = look_up(s, x)
    transformer = np.int64(s.stretch[transformer_p >> 6])
    x[TRANSFORMER] = transformer
    x[TRANSFORMER + 1] = ((transformer_p >> 6) - 32768) >> 5
    x[TRANSFORMER + 2] = 256
    choose(at, m.choice, seen, best, transformer)
    for j in range(m.choice.shape[0]):
        stretched = to_stretch(weighted_sum(m.weights[j, m.choice[j]], x))
        m.p[j] = squash[stretched + 3072]
        m.final_inputs[j] = stretched
    m.final_inputs[SETS] = 256
    m.final_choice[0] = at[PARTIAL]
    m.final_choice[1] = best * 8 + at[BIT]
    total = np.int64(0)
    for j in range(m.final_choice.shape[0]):
        stretched = to_stretch(weighted_sum(m.final_weights[j, m.final_choice[j]], m.final_inputs))
        m.final_p[j] = squash[stretched + 3072]
        total += stretched
    stretched = (total >> 1) + 3072
    column, part = stretched // 192, stretched % 192
    partial, last4 = at[PARTIAL], at[LAST4]
    m.map_row[0] = partial + ((last4 & 255) << 8)
    m.map_row[1] = mix(last4 & 0xFFFF, partial) & 0xFFFF
    m.map_row[2] = mix(at[EXPECTED], partial + best * 256) & 0xFFFF
    m.map_row[3] = mix(last4 & 0xFFFFFF, partial) & 0xFFFF
    p = np.int64(squash[stretched]) * 2
    for k in range(m.map_row.shape[0]):
        row = m.maps[k, m.map_row[k]]
        m.map_column[k] = column + (1 if part > 96 else 0)
        # Four maps of weight 3/16 each, together three times what the mixers say.
        p += (np.int64(row[column]) * (192 - part) + np.int64(row[column + 1]) * part) // 128
    return min(max(p >> 3, LEAST), (1 << 22) - LEAST)


@kernel
def learn_bit(s, m, bit):
    """The bit is known: move everything that took part in its prediction."""
    at, steps = s.at, s.steps
    rate = FIRST_RATE + FALLING_RATE / (np.float64(1) + np.float64(at[UPDATES]) * FALL)
    at[UPDATES] += 1
    for j in range(m.choice.shape[0]):
        train(m.inputs, m.weights[j, m.choice[j]], np.float64((bit << 22) - m.p[j]) * rate)
    for j in range(m.final_choice.shape[0]):
        error = np.float64((bit << 22) - m.final_p[j])
        train(m.final_inputs, m.final_weights[j, m.final_choice[j]], error * FINAL_RATE)
    for k in range(m.map_row.shape[0]):
        row, column = m.maps[k, m.map_row[k]], m.map_column[k]
        row[column] += ((bit << 22) - np.int64(row[column])) >> 6
    node = at[NODE] - 1
    for i in range(s.slot.shape[0]):
        state = s.state[i]
        if state > 0:
            adapt(s.state_p[i], state, bit, steps, STATE_LIMIT)
        s.cells[i, s.slot[i] + node] = s.following[2 * state + bit]
        if s.run_row[i] >= 0:
            adapt(s.run_p[i], s.run_row[i], bit, steps, RUN_LIMIT)
    for i in range(s.direct_row.shape[0]):
        adapt(s.direct_p[i], s.direct_row[i], bit, steps, DIRECT_LIMIT)
    adapt(s.order0_p, at[PARTIAL], bit, steps, RUN_LIMIT)
    for i in range(s.match_row.shape[0]):
        if s.match_row[i] >= 0:
            adapt(s.match_p[i], s.match_row[i], bit, steps, MATCH_LIMIT)
    at[PARTIAL] = at[PARTIAL] * 2 + bit
    at[NODE] = at[NODE] * 2 + bit
    at[BIT] += 1
    if at[BIT] == 4:
        at[NODE] = 1
        find_slots(s, True)


@kernel
def code_bytes(bits, freq, symbols, coder, buffer, decoding):
    """Code `symbols` (uint8 [N], which the decoder fills in), one after the other.

    freq: int64 [N, 256], the transformer's frequencies of each byte.
    """
    s, m = bits.memory, bits.mixer
    for r in range(symbols.shape[0]):
        symbol = np.int64(symbols[r])
        first, last = 0, 256
        whole = np.int64(1 << FREQUENCY_BITS)
        for k in range(8):
            middle = (first + last) // 2
            ones = np.int64(0)
            for other in range(middle, last):
                ones += freq[r, other]
            p = predict(s, m, min(max((ones << 22) // whole, 1), (1 << 22) - 1))
            bit = (symbol >> (7 - k)) & 1
            if decoding:
                bit = np.int64(decode_target(coder, 22) < p)
            start = np.int64(0) if bit else p
            size = p if bit else (1 << 22) - p
            if decoding:
                decode(coder, buffer, start, size, 22)
            else:
                encode(coder, buffer, start, size, 22)
            if bit:
                first, whole = middle, ones
            else:
                last, whole = middle, whole - ones
            learn_bit(s, m, bit)
        symbols[r] = first
        read_byte(s, first)
