"""What a code length is made of, measured while encoding; it is no part of the codec.

For every byte its cost, and for every part of the model what the data would have cost had that
part been silent: the part's share of the mixed stretch is taken out of each prediction (leave
one out, to first order), everything else as it was learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from lmzip.arrays import np
from lmzip.codec.coder.bit_coder import (
    FREQUENCY_BITS,
    code_bit,
    code_byte,
    count_ones,
    note,
    share_of_ones,
)
from lmzip.codec.coder.range_coder import CURSOR, RANGE
from lmzip.codec.entry import entry
from lmzip.codec.jit import kernel
from lmzip.codec.jpeg.tables import SCAN
from lmzip.codec.loop import Codec
from lmzip.codec.memory.contexts import count_runs, look_up
from lmzip.codec.memory.sample_distribution import DISTRIBUTIONS
from lmzip.codec.memory.slots import FORESEEN
from lmzip.codec.memory.tables import CONTEXTS, DIRECT, MATCHES, pass_bit, read_bit
from lmzip.codec.mixer.logistic import squash_table
from lmzip.codec.mixer.mixer import codable, predict, train_mixer
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
"""Of samples, what `memory/sample_contexts.py` has in place of some counts under their names."""

ASKED, FORESEEN_RIGHT, FORESEEN_WRONG = range(3)
WAYS = ("the whole model", "foreseen", "foreseen, wrongly")
"""How a byte is coded: by all that there is; by foresight alone; by that, and then the rest."""


@dataclass(frozen=True, eq=False)
class Trace(Struct):
    """Where costs are added up. P parts: the level's contexts, then four more."""

    costs: np.ndarray
    """float64 [N]: bits of each byte."""
    without: np.ndarray
    """float64 [P]: bits of all bytes without each part."""
    at: np.ndarray
    """int64 [2]: bytes and segments measured so far."""
    ways: np.ndarray
    """uint8 [N]: how each byte was coded, one of `WAYS`."""
    segments: np.ndarray
    """float64 [S, 3]: of each segment the bytes that the model was asked for, those that were
    foreseen, and when it was coded, in seconds."""
    table: np.ndarray
    """float64 [4096]: stretch + 3072, without its last bit, -> cost of a one in bits."""


def new_trace(size: int, contexts: int, segment: int = 1) -> Trace:
    """A trace of `size` bytes at a level with so many contexts, and so many bytes a segment."""
    table = -np.log2(squash_table()[::2] / 2.0**22)
    costs, ways = np.zeros(size), np.zeros(size, np.uint8)
    at, segments = np.zeros(2, dtype=np.int64), np.zeros((size // segment + 1, 3))
    return Trace(costs, np.zeros(contexts + 4), at, ways, segments, table)


def part_names(contexts: int) -> list[str]:
    """Names of the P parts."""
    assert len(CONTEXT_NAMES) == CONTEXTS
    others = "orders 0-3 and word, direct", "match", "transformer", "samples, operands"
    return [*CONTEXT_NAMES[:contexts], *others]


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
        elif part == contexts + 3:
            begin += 2  # the sum of all contexts, and the bias
            size = DISTRIBUTIONS
        share = np.int64(0)
        for j in range(sets):
            for i in range(begin, begin + size):
                share += np.int64(m.inputs[i]) * np.int64(m.weights[m.row[j], i]) >> 8
        begin += size
        rest = min(max(whole - (share // sets >> 8), -3071), 3071)
        trace.without[part] += cost - base + table[(rest if bit else -rest) + 3072 >> 1]


@kernel
def record_foreseen(trace, p, bit):
    """Add one bit of which no part was asked, so that none is missed."""
    chance = p if bit else (1 << 22) - p
    cost = -np.log2(np.float64(chance) / np.float64(1 << 22))
    trace.costs[trace.at[0]] += cost
    for part in range(trace.without.shape[0]):
        trace.without[part] += cost


@kernel
def trace_byte(bits, freq, symbol, excluded, coder, buffer, trace):
    """Encode a byte bit for bit as `code_byte` does, and take down what it costs."""
    s, m = bits.memory, bits.mixer
    if bits.jpeg.at[SCAN] > 0:
        trace_scan_byte(bits, freq, symbol, excluded, coder, buffer, trace)
        return
    look_up(s)
    first, last = 0, 256
    whole = np.int64(1 << FREQUENCY_BITS)
    for k in range(8):
        middle = (first + last) // 2
        ones = count_ones(freq, middle, last)
        p = share_of_ones(ones, whole)
        p = predict(s, m, p) if excluded < 0 else codable(p)
        bit = (symbol >> (7 - k)) & 1
        code_bit(p, bit, coder, buffer, 0)
        if bit:
            first, whole = middle, ones
        else:
            last, whole = middle, whole - ones
        if excluded < 0:
            record(trace, m, s.slot.shape[0], p, bit)
            train_mixer(m, s.steps, bit)
            read_bit(s, bit)
        else:
            record_foreseen(trace, p, bit)
            pass_bit(s, bit)
    count_runs(s, symbol)


@kernel
def trace_scan_byte(bits, freq, symbol, excluded, coder, buffer, trace):
    """Encode a byte of a JPEG picture; no part of the model is asked for it, so that none is
    missed."""
    before = np.log2(np.float64(coder[RANGE])) - 8 * coder[CURSOR]
    code_byte(bits, freq, symbol, excluded, coder, buffer, 0)
    cost = before - np.log2(np.float64(coder[RANGE])) + 8 * coder[CURSOR]
    trace.costs[trace.at[0]] += cost
    for part in range(trace.without.shape[0]):
        trace.without[part] += cost


@entry
def trace_segment(bits, freq, symbols, chance, expected, coder, buffer, trace):
    """Encode a segment bit for bit as `encode_segment` does, and take down what it costs."""
    row = 0
    for r in range(symbols.shape[0]):
        c, is_it = np.int64(symbols[r]), np.int64(expected[r] == FORESEEN)
        if chance[r] > 0:
            record_foreseen(trace, np.int64(chance[r]), is_it)
            code_bit(np.int64(chance[r]), is_it, coder, buffer, 0)
        if is_it:
            trace.ways[trace.at[0]] = FORESEEN_RIGHT
        else:
            excluded = np.int64(expected[r])
            trace.ways[trace.at[0]] = ASKED if excluded < 0 else FORESEEN_WRONG
            trace_byte(bits, freq[row], c, excluded, coder, buffer, trace)
            row += 1
        note(bits, c)
        trace.at[0] += 1


def traced(codec: Codec, block: bytes) -> tuple[bytes, Trace]:
    """Payload of a block, and what each of its bytes costs; the model learns from it."""
    trace = new_trace(len(block), codec.preset.contexts, codec.preset.segment)

    def code(*arguments: Any) -> None:
        trace_segment(*arguments, trace)
        size, asked = len(arguments[2]), len(arguments[1])
        trace.segments[trace.at[1]] = asked, size - asked, perf_counter()
        trace.at[1] += 1

    return codec.encode(block, code), trace


def seconds_of_foreseen(traces: Sequence[Trace]) -> float | None:
    """Seconds of a byte that is foreseen: how much longer segments take that have more of them.

    None if nobody can tell.
    """
    found = [np.diff(trace.segments[: trace.at[1], 2]) for trace in traces]
    counts = [trace.segments[1 : trace.at[1], 1] for trace in traces]
    seconds, foreseen = (np.concatenate([np.zeros(0), *parts]) for parts in (found, counts))
    if len(foreseen) < 2 or not (spread := foreseen.var()):
        return None
    slope = ((foreseen - foreseen.mean()) * (seconds - seconds.mean())).mean() / spread
    return max(float(slope), 0.0)
