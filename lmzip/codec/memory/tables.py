"""What has been read, kept by context: bit histories, runs, direct probabilities, matches.

`contexts.py` hashes what is known before each byte; twice a byte (before its first and its
fifth bit) a hash leads to a slot of 15 bit histories, one for every partial nibble. The slots
follow PAQ8 (Mahoney) and its successors.

Everything is integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..jit import kernel
from ..native.intrinsics import prefetch
from ..native.structs import Struct, aligned, zeros
from .bit_histories import state_tables
from .probabilities import HALF, adapt, share, step_table

CONTEXTS = 58
"""Contexts that there are; a level uses the first of them."""
FIRST_CONTEXTS = 31
"""Those hashed in `contexts.py`; the registers of the others are kept only where they are used."""
ORDERS = 6
"""The first contexts are the last 1 to 6 bytes."""
DIRECT = 4
"""Contexts that also have adaptive probabilities of their own, without bit history."""
HISTORY_SIZE = 1 << 24
"""Bytes that matches can reach back."""
MATCHES = 2
"""Match pointers: one for long matches, one for short."""
MATCH_HASH = 1 << 20
BUCKET = 64
"""Bytes: three 16-bit checks, three pairs (byte, run length) from 6, three slots from 16."""
STATE_LIMIT, RUN_LIMIT, DIRECT_LIMIT, MATCH_LIMIT = 1000, 1000, 255, 1000
"""What the adaptive probabilities of histories, runs, direct contexts and matches count to."""

# Registers in `Memory.at`.
(POSITION, PARTIAL, BIT, NODE, LAST4, LAST8, WORD, WORD1, WORD2, LETTERS, CLASSES) = range(11)
(LINE, LINE1, FIELD, FIELD_HASH, PERIOD, CANDIDATE, VOTES, EXPECTED, ALPHA) = range(11, 20)
# These are kept for the contexts from number 31 on only.
(STEM, STEM1, WORD3, GAP, PUNCTUATION, FOLDED, FOLDED8, VOWELS, QUOTED, OPENED) = range(22, 32)
# These of samples: `sample_grid.py`, `sample_contexts.py`.
(NO_TEXT, PENDING, MEAN, FOUND, USED, STEP, WIDTH, SAMPLE, ALIGN, PREDICTED) = range(32, 42)
# These of operands: `operands.py`.
(OPERAND, GROUP, BEHIND, JUST_BEHIND, AIM) = range(42, 47)
TOLD = 20
"""What rows of the mixer and of its maps are picked by: the last three bytes, or of samples what
two predictions expect and the last byte."""
REGISTERS = 47
FARTHEST = 8192
"""Distances at which bytes are compared are smaller."""
NEIGHBOURS = 32
"""Samples that the linear prediction is made of."""


@dataclass(frozen=True, eq=False)
class Memory(Struct):
    """Tables of the contexts. C contexts, D direct ones, M match pointers."""

    at: np.ndarray
    """int64 [47]: registers, see above."""
    following: np.ndarray
    steps: np.ndarray
    cells: np.ndarray
    """uint8 [C * buckets * 64]"""
    checks: np.ndarray
    """The same memory as uint16."""
    hashes: np.ndarray
    """int64 [C]: of this byte's contexts."""
    next_hashes: np.ndarray
    """int64 [58]: of all contexts, of which the level's are used."""
    check: np.ndarray
    """int64 [C]: of this nibble's slots."""
    slot: np.ndarray
    """int64 [C]: offsets of this nibble's histories."""
    run: np.ndarray
    """int64 [C]: offsets of this byte's run."""
    state: np.ndarray
    """int64 [C]: this bit's histories."""
    state_p: np.ndarray
    """uint32 [C, 256]"""
    run_row: np.ndarray
    """int64 [C]: this bit's entry in run_p, or -1."""
    run_p: np.ndarray
    """uint32 [C, 64]: by run length (to 31) and expected bit."""
    direct_hash: np.ndarray
    direct_row: np.ndarray
    """int64 [D]: where this nibble's 16 cells begin."""
    direct_p: np.ndarray
    """uint32 [D * buckets * 16]"""
    order0_p: np.ndarray
    """uint32 [256], by partial byte."""
    text: np.ndarray
    """uint8 [2^24]: a ring of what was read."""
    match_table: np.ndarray
    """int32 [M, 2^20]"""
    match_at: np.ndarray
    match_length: np.ndarray
    match_misses: np.ndarray
    match_row: np.ndarray
    match_p: np.ndarray
    """uint32 [M, 192]: by length, misses and expected bit."""
    places: np.ndarray
    """int64 [256, 3]: the last positions of each byte value."""
    fields: np.ndarray
    """int64 [3, 256]: hashes of the fields of this line that have ended, and of those of the two
    lines above, the nearer first."""
    unlike: np.ndarray
    """int64 [8192]: by how much bytes differed at each distance."""
    near: np.ndarray
    """int64 [33]: the samples that the next one is predicted from; room for that one."""
    linear: np.ndarray
    """int64 [8, 32]: weights of that prediction, 2^-16, for each byte of a step."""
    covariances: np.ndarray
    """int64 [8, 33, 33]: of these samples and the one that came, for each byte of a step."""
    factor: np.ndarray
    """int64 [33, 33]: room for a decomposition of these."""
    learned: np.ndarray
    """int64 [8]: how many samples have come, for each byte of a step."""
    errors: np.ndarray
    """int64 [8, 2]: by how much few and many of them missed their prediction, in 2^-12."""
    missed: np.ndarray
    """int64 [8192]: a ring of by how much each sample missed its prediction, in sixteenths."""
    sums: np.ndarray
    """int64 [2, 257]: what bytes weigh in two distributions of the next one, summed up."""
    places8: np.ndarray
    """int64 [2, 256, 2]: of code and of data, the last two places by their lowest byte, plus 1."""
    places16: np.ndarray
    """int64 [2, 65536]: the last place by its two lowest bytes, plus 1."""
    places_behind: np.ndarray
    """int64 [2, 65536]: the last place by a hash of the five bytes, and of the two, before the
    operand, plus 1."""
    aimed: np.ndarray
    """int64 [2]: the bytes that two places expect, or -1."""
    aim_cell: np.ndarray
    """int64 [2]: this bit's entries in aim_p, or -1."""
    aim_p: np.ndarray
    """uint32 [2, 192]: by group, byte of the operand, whether both expect the same, and bit: that
    the bit is the one expected."""
    after1: np.ndarray
    """int64 [256]: the last three bytes that followed a byte."""
    after2: np.ndarray
    """int64 [65536]: the last two bytes that followed two bytes."""

    def __getstate__(self) -> dict[str, Any]:
        """Without `checks`, which a copy has in its own cells."""
        state = super().__getstate__()
        del state["checks"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, checks=state["cells"].view(np.uint16))


def empty_memory(contexts: int, log_buckets: int) -> Memory:
    """A memory that has read nothing, with 2^log_buckets buckets of 64 bytes per context."""

    def integers(*shape: int) -> np.ndarray:
        return zeros(shape, np.int64)

    def cells32(*shape: int) -> np.ndarray:
        return zeros(shape, np.uint32)

    following, counts = state_tables()
    # A bucket is one cache line, not two.
    cells = zeros((contexts * BUCKET) << log_buckets, np.uint8)
    direct_p = zeros((DIRECT * 16) << log_buckets, np.uint32)
    direct_p[:] = HALF
    state_p, run_p, match_p = cells32(contexts, 256), cells32(contexts, 64), cells32(MATCHES, 192)
    for state, (no, yes) in enumerate(counts.tolist()):
        # Krichevsky-Trofimov, a little bolder: (ones + 0.4) / (all + 0.8).
        p = share(10 * yes + 4, 10 * (no + yes) + 8)
        state_p[:, state] = p << 10 | min(2 * (no + yes), 30)
    for length in range(32):
        run_p[:, 2 * length] = share(1, 2 * length + 2) << 10
        run_p[:, 2 * length + 1] = share(2 * length + 1, 2 * length + 2) << 10
    for length in range(24):
        for misses in range(4):
            row = (length * 4 + misses) * 2
            odd = share(1, length + 3) if misses == 0 else share(3, 10)
            match_p[:, row] = odd << 10
            match_p[:, row + 1] = ((1 << 22) - odd) << 10
    at = integers(REGISTERS)
    at[PARTIAL] = at[NODE] = 1
    return Memory(
        at=at,
        following=following,
        steps=step_table(),
        cells=cells,
        # In the order of this machine: nothing else reads these bytes, and Numba takes no other.
        checks=cells.view(np.uint16),
        hashes=integers(contexts),
        next_hashes=integers(CONTEXTS),
        check=integers(contexts),
        slot=integers(contexts),
        run=integers(contexts),
        state=integers(contexts),
        state_p=state_p,
        run_row=integers(contexts) - 1,
        run_p=run_p,
        direct_hash=integers(DIRECT),
        direct_row=integers(DIRECT),
        direct_p=direct_p,
        order0_p=aligned(cells32(256) + np.uint32(HALF)),
        text=zeros(HISTORY_SIZE, np.uint8),
        match_table=zeros((MATCHES, MATCH_HASH), np.int32),
        match_at=integers(MATCHES),
        match_length=integers(MATCHES),
        match_misses=integers(MATCHES),
        match_row=integers(MATCHES) - 1,
        match_p=match_p,
        places=integers(256, 3),
        fields=integers(3, 256),
        unlike=integers(FARTHEST),
        near=integers(NEIGHBOURS + 1),
        linear=integers(8, NEIGHBOURS),
        covariances=integers(8, NEIGHBOURS + 1, NEIGHBOURS + 1),
        factor=integers(NEIGHBOURS + 1, NEIGHBOURS + 1),
        learned=integers(8),
        errors=integers(8, 2),
        missed=integers(FARTHEST),
        sums=integers(2, 257),
        places8=integers(2, 256, 2),
        places16=integers(2, 65536),
        places_behind=integers(2, 65536),
        aimed=integers(2),
        aim_cell=integers(2) - 1,
        aim_p=aligned(cells32(2, 192) + np.uint32(HALF)),
        after1=integers(256),
        after2=integers(65536),
    )


@kernel
def mix(a, b):
    """32-bit hash of two numbers below 2^32; every product stays below 2^63."""
    h = (a * 0x2F0B4C47 + b * 0x1E35A7BD + 0x3C6EF372) & 0xFFFFFFFF
    h ^= h >> 15
    h = (h * 0x2C1B3C6D) & 0xFFFFFFFF
    return h ^ (h >> 13)


@kernel
def find(cells, checks, bucket, check):
    """Offset of the slot of a check; if there is none, the least used slot of the bucket."""
    for k in range(3):
        if checks[bucket * 32 + k] == check:
            return bucket * 64 + 16 + 16 * k
    best, lowest = 0, 1000
    for k in range(3):
        used = np.int64(cells[bucket * 64 + 16 + 16 * k])
        if checks[bucket * 32 + k] == 0:
            used = -1
        if used < lowest:
            best, lowest = k, used
    checks[bucket * 32 + best] = check
    slot = bucket * 64 + 16 + 16 * best
    for node in range(15):
        cells[slot + node] = 0
    cells[bucket * 64 + 6 + 2 * best] = 0
    cells[bucket * 64 + 7 + 2 * best] = 0
    return slot


@kernel
def bucket_count(s):
    """Buckets of each context."""
    return s.cells.shape[0] // (BUCKET * s.slot.shape[0])


@kernel
def hash_shift(buckets):
    """By how much a hash of 32 bits is shifted to tell its bucket of so many."""
    shift = 32
    while buckets >> (32 - shift) > 1:
        shift -= 1
    return shift


@kernel
def check_of(h):
    """What a bucket knows a hash by."""
    return max(h & 0xFFFF, 1)


@kernel
def second_hash(h, partial):
    """A context's hash for the second nibble. partial: the first one, behind a 1."""
    return mix(h, partial + 1)


@kernel
def run_of(slot):
    """Offset of the run that belongs to a slot."""
    return (slot >> 6) * 64 + 6 + (((slot & 63) - 16) >> 3)


@kernel
def count_run(cells, run, c):
    """Byte c followed a context: its run goes on, or begins anew."""
    if cells[run + 1] == 0 or cells[run] != c:
        cells[run] = c
        cells[run + 1] = 1
    elif cells[run + 1] < 255:
        cells[run + 1] += 1


@kernel
def ask_for_slots(s, second):
    """Find the buckets of a nibble, the byte's first or its second, and ask for their lines."""
    at, place = s.at, s.slot
    buckets = bucket_count(s)
    shift = hash_shift(buckets)
    for i in range(place.shape[0]):
        h = s.hashes[i]
        if second:
            h = second_hash(h, at[PARTIAL])
        s.check[i] = check_of(h)
        place[i] = i * buckets + (h >> shift)
        prefetch(s.cells, place[i] * BUCKET)
    for i in range(s.direct_row.shape[0]):
        h = s.direct_hash[i]
        if second:
            h = second_hash(h, at[PARTIAL])
        s.direct_row[i] = (i * buckets + (h >> shift)) * 16
        prefetch(s.direct_p, s.direct_row[i])


@kernel
def find_slots(s, second):
    """Look up the slots of a nibble in its buckets."""
    place = s.slot
    for i in range(place.shape[0]):
        slot = find(s.cells, s.checks, place[i], s.check[i])
        place[i] = slot
        if not second:
            s.run[i] = run_of(slot)


@kernel
def byte_at(text, position):
    """The byte at a position, in the ring."""
    return np.int64(text[position & (text.shape[0] - 1)])


@kernel
def read_bit(s, bit):
    """A bit that was predicted is known: move all that was asked about it, and go on."""
    at, steps = s.at, s.steps
    node = at[NODE] - 1
    for i in range(s.slot.shape[0]):
        state = s.state[i]
        if state > 0:
            adapt(s.state_p[i], state, bit, steps, STATE_LIMIT)
        s.cells[s.slot[i] + node] = s.following[2 * state + bit]
        if s.run_row[i] >= 0:
            adapt(s.run_p[i], s.run_row[i], bit, steps, RUN_LIMIT)
    for i in range(s.direct_row.shape[0]):
        adapt(s.direct_p, s.direct_row[i] + node, bit, steps, DIRECT_LIMIT)
    adapt(s.order0_p, at[PARTIAL], bit, steps, RUN_LIMIT)
    for i in range(s.match_row.shape[0]):
        if s.match_row[i] >= 0:
            adapt(s.match_p[i], s.match_row[i], bit, steps, MATCH_LIMIT)
    if at[OPERAND] > 0:
        for d in range(s.aim_cell.shape[0]):
            if s.aim_cell[d] >= 0:
                expected = s.aimed[d] >> (7 - at[BIT]) & 1
                adapt(s.aim_p[d], s.aim_cell[d], 1 if bit == expected else 0, steps, MATCH_LIMIT)
    next_bit(s, bit)


@kernel
def pass_bit(s, bit):
    """A bit that nothing was asked about is known: the histories keep that it followed, no more."""
    node = s.at[NODE] - 1
    for i in range(s.slot.shape[0]):
        cell = s.slot[i] + node
        s.cells[cell] = s.following[2 * np.int64(s.cells[cell]) + bit]
    next_bit(s, bit)


@kernel
def next_bit(s, bit):
    """Go on to the next bit."""
    at = s.at
    at[PARTIAL] = at[PARTIAL] * 2 + bit
    at[NODE] = at[NODE] * 2 + bit
    at[BIT] += 1
    if at[BIT] == 4:
        at[NODE] = 1
        ask_for_slots(s, True)
        find_slots(s, True)
