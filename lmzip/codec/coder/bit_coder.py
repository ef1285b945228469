"""Bytes as eight decisions each, through mixer and range coder, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from lmzip.codec.coder.range_coder import decode, decode_target, encode, encoder_state
from lmzip.codec.entry import Entry, entry
from lmzip.codec.jit import kernel
from lmzip.codec.learned.prior import NONE, Differences
from lmzip.codec.levels import MIN_LEVEL, PRESETS, Preset
from lmzip.codec.memory.contexts import read_byte
from lmzip.codec.memory.tables import Memory, empty_memory, read_bit
from lmzip.codec.mixer.first_weights import changed, formula, learned
from lmzip.codec.mixer.mixer import Mixer, empty_mixer, predict, train_mixer
from lmzip.codec.native.structs import Struct

FREQUENCY_BITS = 24
"""The transformer's integer frequencies of a byte sum to 2^24."""


@dataclass(frozen=True, eq=False)
class Bits(Struct):
    """What has been learned of the bits so far."""

    memory: Memory
    mixer: Mixer


def empty_bits(preset: Preset, size: int, prior: Differences = NONE) -> Bits:
    """State before the first byte. size: bytes of the first block, which bounds the tables.

    Raises ValueError if a part of the prior is no file of differences.
    """
    memory = empty_memory(preset.contexts, log_buckets(preset, size))
    first = (learned if preset.learned else formula)(preset.contexts, preset.sets)
    if prior.mixer:
        first = changed(first, prior.mixer)
    return Bits(memory, empty_mixer(preset.contexts, preset.sets, first))


def log_buckets(preset: Preset, size: int) -> int:
    """Of each context's tables, when the first block, and what is read before it, has `size`
    bytes."""
    return min(preset.log_buckets, max((size - 1).bit_length(), 6))


def one_byte() -> tuple[object, ...]:
    """Arguments of `code_bytes` that code one byte: of the kinds that it always takes."""
    bits = empty_bits(PRESETS[MIN_LEVEL], 1)
    freq = np.full((1, 256), 1 << FREQUENCY_BITS - 8, dtype=np.int64)
    buffer = np.zeros(64, dtype=np.uint8)
    return bits, freq, np.zeros(1, dtype=np.uint8), encoder_state(), buffer, 0


def code_one_byte() -> None:
    """Compile, if that has not been done."""
    code_bytes(*one_byte())


@cache
def compile_ahead() -> None:
    """Let another process compile `code_bytes`, if that has not been done."""
    if isinstance(code_bytes, Entry):
        code_bytes.compile_ahead(f"{__name__}:code_one_byte", *one_byte())


@kernel
def count_ones(freq, middle, last):
    """Sum of the frequencies [256] of the bytes from `middle` on, `last` excluded."""
    ones = np.int64(0)
    for other in range(middle, last):
        ones += freq[other]
    return ones


@kernel
def share_of_ones(ones, whole):
    """ones / whole as a probability of 22 bits, neither 0 nor 1."""
    return min(max((ones << 22) // whole, 1), (1 << 22) - 1)


@entry
def code_bytes(bits, freq, symbols, coder, buffer, decoding):
    """Code `symbols` (uint8 [N], which the decoder fills in), one after the other.

    freq: int64 [N, 256], the transformer's frequencies of each byte. decoding: 1 or 0.
    """
    s, m = bits.memory, bits.mixer
    for r in range(symbols.shape[0]):
        symbol = np.int64(symbols[r])
        first, last = 0, 256
        whole = np.int64(1 << FREQUENCY_BITS)
        for k in range(8):
            middle = (first + last) // 2
            ones = count_ones(freq[r], middle, last)
            p = predict(s, m, share_of_ones(ones, whole))
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
            train_mixer(m, s.steps, bit)
            read_bit(s, bit)
        symbols[r] = first
        read_byte(s, first)
