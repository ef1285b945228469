"""Bytes as eight decisions each, through mixer and range coder, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..entry import Entry, entry
from ..jit import kernel
from ..jpeg.headers import note_byte
from ..jpeg.model import learn_bit, predict_bit
from ..jpeg.scan import end_byte
from ..jpeg.tables import OVER, SCAN, TAKEN, Jpeg, contexts_of, empty_jpeg
from ..learned.prior import NONE, Differences
from ..levels import MIN_LEVEL, PRESETS, Preset
from ..memory.contexts import ask, count_runs, pass_byte
from ..memory.slots import FORESEEN, NOBODY
from ..memory.tables import Memory, empty_memory, find_slots, pass_bit, read_bit
from ..mixer.first_weights import changed, formula, learned
from ..mixer.mixer import (
    LONGEST,
    Mixer,
    codable,
    empty_mixer,
    predict,
    train_mixer,
)
from ..native.structs import Struct
from .range_coder import decode, decode_target, encode, encoder_state

FREQUENCY_BITS = 24
"""The transformer's integer frequencies of a byte sum to 2^24."""

LONGEST_BYTE = LONGEST + 3
"""Bytes that a byte can cost: 18 bits more if foresight was sure, and wrong (`CERTAIN`)."""


@dataclass(frozen=True, eq=False)
class Bits(Struct):
    """What has been learned of the bits so far."""

    memory: Memory
    mixer: Mixer
    jpeg: Jpeg


def empty_bits(preset: Preset, size: int, prior: Differences = NONE) -> Bits:
    """State before the first byte. size: bytes of the first block, which bounds the tables.

    Raises ValueError if a part of the prior is no file of differences.
    """
    memory = empty_memory(preset.contexts, log_buckets(preset, size))
    first = learned(preset) if preset.learned else formula(preset.contexts, preset.sets)
    if prior.mixer:
        first = changed(first, prior.mixer)
    mixer = empty_mixer(preset.contexts, preset.sets, first)
    return Bits(memory, mixer, empty_jpeg(contexts_of(preset.contexts)))


def log_buckets(preset: Preset, size: int) -> int:
    """Of each context's tables, when the first block, and what is read before it, has `size`
    bytes."""
    return min(preset.log_buckets, max((size - 1).bit_length(), 6))


def one_byte() -> tuple[object, ...]:
    """Arguments of `encode_segment` that encode one byte: of the kinds that it always takes."""
    bits = empty_bits(PRESETS[MIN_LEVEL], 1)
    freq = np.full((1, 256), 1 << FREQUENCY_BITS - 8, dtype=np.int32)
    known = np.zeros(1, np.uint8), np.zeros(1, np.int32), np.full(1, NOBODY, np.int16)
    return bits, freq, *known, encoder_state(), np.zeros(64, dtype=np.uint8)


def encode_one_byte() -> None:
    """Compile, if that has not been done."""
    encode_segment(*one_byte())


@cache
def compile_ahead() -> None:
    """Let another process compile `encode_segment`, if that has not been done."""
    if isinstance(encode_segment, Entry):
        encode_segment.compile_ahead(f"{__name__}:encode_one_byte", *one_byte())


@kernel
def count_ones(freq, middle, last):
    """Sum of the frequencies [256] of the bytes from `middle` on, `last` excluded."""
    ones = np.int32(0)
    for other in range(middle, last):
        ones = np.int32(ones + freq[other])
    return np.int64(ones)


@kernel
def share_of_ones(ones, whole):
    """ones / whole as a probability of 22 bits, neither 0 nor 1."""
    return min(max((ones << 22) // whole, 1), (1 << 22) - 1)


@kernel
def code_bit(p, bit, coder, buffer, decoding):
    """Code a bit that is a one with p / 2^22, the decoder finds it out; return it."""
    if decoding:
        bit = np.int64(decode_target(coder, 22) < p)
    start = np.int64(0) if bit else p
    size = p if bit else (1 << 22) - p
    if decoding:
        decode(coder, buffer, start, size, 22)
    else:
        encode(coder, buffer, start, size, 22)
    return bit


@kernel
def prepare(bits):
    """Ask for what is known before a byte that is not foreseen."""
    if bits.jpeg.at[SCAN] == 0:
        ask(bits.memory)


@kernel
def code_byte(bits, freq, symbol, excluded, coder, buffer, decoding):
    """Code one byte that `prepare` stands before and `note` behind, with the transformer's
    frequencies, int32 [256]; return it.

    excluded: a byte that was expected, and that it is not; or a negative number. Of a byte of a
    JPEG picture's scan nothing is looked up in the memory.
    """
    s, m, j = bits.memory, bits.mixer, bits.jpeg
    scanned, over = j.at[SCAN], j.at[OVER]
    if scanned == 0:
        find_slots(s, False)
    first, last = 0, 256
    whole = np.int64(1 << FREQUENCY_BITS)
    for k in range(8):
        middle = (first + last) // 2
        ones, partial = count_ones(freq, middle, last), 1 << k | first >> (8 - k)
        p = share_of_ones(ones, whole)
        if excluded >= 0:
            p = codable(p)
        elif scanned > 0:
            p = predict_bit(j, m, partial)
        else:
            p = predict(s, m, p)
        bit = code_bit(p, (symbol >> (7 - k)) & 1, coder, buffer, decoding)
        if bit:
            first, whole = middle, ones
        else:
            last, whole = middle, whole - ones
        if scanned > 0:
            if excluded < 0:
                learn_bit(j, s.steps, partial, bit)
        elif excluded < 0:
            train_mixer(m, s.steps, bit)
            read_bit(s, bit)
        else:
            pass_bit(s, bit)
    if scanned == 0:
        count_runs(s, first)
    elif excluded < 0:
        end_byte(j, first, over)
        j.at[TAKEN] = 1
    return first


@kernel
def note(bits, c):
    """Byte c is known, however it was coded."""
    pass_byte(bits.memory, c)
    note_byte(bits.jpeg, bits.memory, c)


@entry
def code_bytes(bits, freq, symbols, coder, buffer, decoding):
    """Code `symbols` (uint8 [N], which the decoder fills in), one after the other.

    freq: int32 [N, 256], the transformer's frequencies of each byte. decoding: 1 or 0.
    """
    for r in range(symbols.shape[0]):
        prepare(bits)
        c = code_byte(bits, freq[r], np.int64(symbols[r]), -1, coder, buffer, decoding)
        note(bits, c)
        symbols[r] = c


@entry
def encode_segment(bits, freq, symbols, chance, expected, coder, buffer):
    """Encode the bytes of a segment, uint8 [N]; see `look_ahead` for what is known of each.

    freq: int32, the frequencies of those bytes that the transformer was asked for.
    """
    row = 0
    for r in range(symbols.shape[0]):
        c, is_it = np.int64(symbols[r]), np.int64(expected[r] == FORESEEN)
        if chance[r] > 0:
            code_bit(np.int64(chance[r]), is_it, coder, buffer, 0)
        if not is_it:
            prepare(bits)
            code_byte(bits, freq[row], c, np.int64(expected[r]), coder, buffer, 0)
            row += 1
        note(bits, c)
