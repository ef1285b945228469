"""What a code length is made of, measured while encoding; it is no part of the codec.

For every byte its cost, and for every part of the model what the data would have cost had that
part been silent: the part's share of the mixed stretch is taken out of each prediction (leave
one out, to first order), everything else as it was learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lmzip.arrays import np
from lmzip.codec.coder.bit_coder import FREQUENCY_BITS, Bits, count_ones, share_of_ones
from lmzip.codec.coder.range_coder import encode
from lmzip.codec.entry import entry
from lmzip.codec.jit import kernel
from lmzip.codec.loop import Codec
from lmzip.codec.memory.contexts import read_byte
from lmzip.codec.memory.tables import CONTEXTS, DIRECT, MATCHES, read_bit
from lmzip.codec.mixer.logistic import squash_table
from lmzip.codec.mixer.mixer import predict, train_mixer
from lmzip.codec.native.structs import Struct

CONTEXT_NAMES = (
    "order 1", "order 2", "order 3", "order 4", "order 6", "order 5", "word",
    "word and last word", "record: above, last", "line: above, last", "order 8",
    "bytes 2-3", "record: above, column", "field: above, last", "record: above two",
    "line: above, column", "bytes 1 and 3", "bytes 3-4", "field so far", "character classes",
    "after the last byte", "after the last two bytes", "word and the one before last",
    "three words", "last word, letters", "byte 4, classes", "bytes 2-5", "order 7",
    "last six letters", "word and classes", "two last words",
    "what the match expects", "column, last", "brackets, last", "brackets, word",
    "length of last line, column", "word, last stem", "gap, last word", "word, gap",
    "first of line, word", "last eight classes, last", "word, punctuation", "above, last two",
    "folded, order 3", "folded, order 4", "folded, order 6", "folded, order 8",
    "vowels, last two", "first of line, column", "bytes 3-6", "above, word",
    "word, last, column", "two stems", "word, last word and third", "three last words, last",
    "what the match expects, last two", "what the match expects, word", "gap, word, last word",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trace(Struct):
    """Where costs are added up. P parts: the level's contexts, then three more."""

    costs: np.ndarray
    """float64 [N]: bits of each byte."""
    without: np.ndarray
    """float64 [P]: bits of all bytes without each part."""
    at: np.ndarray
    """int64 [1]: bytes measured so far."""
    table: np.ndarray
    """float64 [4096]: stretch + 3072, without its last bit, -> cost of a one in bits."""


def new_trace(size: int, contexts: int) -> Trace:
    """A trace of `size` bytes at a level with so many contexts."""
    table = -np.log2(squash_table()[::2] / 2.0**22)
    return Trace(np.zeros(size), np.zeros(contexts + 3), np.zeros(1, dtype=np.int64), table)


def part_names(contexts: int) -> list[str]:
    """Names of the P parts."""
    assert len(CONTEXT_NAMES) == CONTEXTS
    return [*CONTEXT_NAMES[:contexts], "orders 0-3 and word, direct", "match", "transformer"]


@kernel
def record(trace, m, contexts, p, bit):
    """Add one coded bit: P(1) = p / 2^22. Before the mixer learns from it."""
    table = trace.table
    chance = p if bit else (1 << 22) - p
    cost = -np.log2(np.float64(chance) / np.float64(1 << 22))
    trace.costs[trace.at[0]] += cost
    whole = np.int64(0)
    for j in range(m.row.shape[0]):
        whole += np.int64(m.final_inputs[j])
    sets = m.row.shape[0]
    whole //= sets
    base = table[(whole if bit else -whole) + 3072 >> 1]
    begin = 0
    for part in range(trace.without.shape[0]):
        size = 3
        if part == contexts:
            size = 2 * DIRECT + 1
        elif part == contexts + 1:
            size = 2 * MATCHES
        elif part == contexts + 2:
            size = 2
        share = np.int64(0)
        for j in range(sets):
            for i in range(begin, begin + size):
                share += np.int64(m.inputs[i]) * np.int64(m.weights[m.row[j], i]) >> 8
        begin += size
        rest = min(max(whole - (share // sets >> 8), -3071), 3071)
        trace.without[part] += cost - base + table[(rest if bit else -rest) + 3072 >> 1]


@entry
def trace_bytes(bits, freq, symbols, coder, buffer, trace):
    """Encode `symbols` bit for bit as `code_bytes` does, and take down what they cost."""
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
            if bit:
                encode(coder, buffer, np.int64(0), p, 22)
                first, whole = middle, ones
            else:
                encode(coder, buffer, p, (1 << 22) - p, 22)
                last, whole = middle, whole - ones
            record(trace, m, s.slot.shape[0], p, bit)
            train_mixer(m, s.steps, bit)
            read_bit(s, bit)
        trace.at[0] += 1
        read_byte(s, symbol)


def traced(codec: Codec, block: bytes) -> tuple[bytes, Trace]:
    """Payload of a block, and what each of its bytes costs; the model learns from it."""
    trace = new_trace(len(block), codec.preset.contexts)

    def code(bits: Bits, freq: np.ndarray, symbols: np.ndarray, *coder: Any) -> None:
        state, buffer, _ = coder
        trace_bytes(bits, freq, symbols, state, buffer, trace)

    return codec.encode(block, code), trace
