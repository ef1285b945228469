"""Bytes through the last stage and the range coder, in both directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmzip.codec.coder.range_coder import decode, decode_target, encode
from lmzip.codec.levels import Preset
from lmzip.codec.memory.contexts import read_byte
from lmzip.codec.memory.tables import Memory, empty_memory
from lmzip.codec.mixer.mixer import Mixer, empty_mixer, learn_bit, predict
from lmzip.codec.native.entry import entry
from lmzip.codec.native.structs import Struct
from lmzip.codec.trace import Trace, no_trace, record
from lmzip.codec.transformer.softmax import FREQUENCY_BITS


@dataclass(frozen=True, eq=False)
class Bits(Struct):
    """State of the whole stage."""

    memory: Memory
    mixer: Mixer
    trace: Trace


def empty_bits(preset: Preset, size: int) -> Bits:
    """State before the first byte. size: bytes of the first block, which bounds the tables."""
    log_buckets = min(preset.log_buckets, max((size - 1).bit_length(), 6))
    memory = empty_memory(preset.contexts, log_buckets)
    return Bits(memory, empty_mixer(preset.contexts, preset.sets), no_trace())


@entry
def code_bytes(bits, freq, symbols, coder, buffer, decoding):
    """Code `symbols` (uint8 [N], which the decoder fills in), one after the other.

    freq: int64 [N, 256], the transformer's frequencies of each byte. decoding: 1 or 0.
    """
    s, m, trace = bits.memory, bits.mixer, bits.trace
    traced = trace.costs.shape[0] > 0
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
            if traced:
                record(trace, m, s.slot.shape[0], p, bit)
            learn_bit(s, m, bit)
        if traced:
            trace.at[0] += 1
        symbols[r] = first
        read_byte(s, first)
