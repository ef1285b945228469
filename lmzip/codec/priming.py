"""A text that both sides have, taken into the memory without being predicted.

Contexts, slots and foresight keep what followed what, as if it had been coded; network and mixer
learn nothing from it. So it takes a small part of the time. As the text is known, the hashes of
many bytes are worked out first; then one context after the other is filled, on two threads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .beside import Beside, nothing
from .entry import entry
from .foresight.expect import expect
from .foresight.expect import read as see
from .foresight.tables import Foresight
from .jit import kernel
from .jpeg.headers import note_byte
from .jpeg.tables import Jpeg
from .memory.contexts import pass_byte, set_contexts
from .memory.slots import Slots, find_places, read
from .memory.tables import (
    BUCKET,
    FIRST_CONTEXTS,
    LAST4,
    Memory,
    bucket_count,
    check_of,
    count_run,
    find,
    hash_shift,
    run_of,
    second_hash,
)
from .native.intrinsics import prefetch

PIECE = 1 << 15
"""Bytes whose hashes are worked out at once: few enough for the second cache."""
SOON = 12
"""Bytes that a context's buckets are asked for ahead."""
NOTING = 32
"""What `note` takes, in contexts that are filled."""


def prime(
    memory: Memory,
    jpeg: Jpeg,
    slots: Slots,
    foresight: Foresight,
    text: np.ndarray,
    beside: Beside,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Take in text, uint8 [n], behind what was read before; a part of the work is done there."""
    contexts = memory.slot.shape[0]
    share = min((contexts + NOTING) // 2, contexts)
    filled = nothing
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        hashes = np.empty((contexts, len(piece)), np.uint32)
        note(memory, jpeg, slots, foresight, piece, hashes)
        filled()
        filled = beside.run(fill, memory, piece, hashes, 0, share)
        fill(memory, piece, hashes, share, contexts)
        if progress is not None:
            progress(len(piece))
    filled()


@entry
def note(memory, jpeg, slots, foresight, text, hashes):
    """Go on behind text, uint8 [n], without filling the contexts' buckets.

    hashes: uint32 [C, n], filled with those of each byte's contexts.
    """
    further = memory.slot.shape[0] > FIRST_CONTEXTS
    for r in range(text.shape[0]):
        c = np.int64(text[r])
        set_contexts(memory, memory.at[LAST4] & 0xFF, further)
        for i in range(hashes.shape[0]):
            hashes[i, r] = memory.hashes[i]
        pass_byte(memory, c)
        note_byte(jpeg, memory, c)
        find_places(slots)
        read(slots, c)
        expect(foresight)
        see(foresight, c)


@entry
def fill(memory, text, hashes, first, last):
    """Fill the buckets of the contexts from `first` on, `last` excluded; see `note`.

    Calls for other contexts may run at the same time, and `note` of what comes behind.
    """
    buckets = bucket_count(memory)
    shift = hash_shift(buckets)
    for i in range(first, last):
        for r in range(min(SOON, text.shape[0])):
            ask_for(memory.cells, i * buckets, shift, np.int64(hashes[i, r]), np.int64(text[r]))
        for r in range(text.shape[0]):
            soon = min(r + SOON, text.shape[0] - 1)
            h = np.int64(hashes[i, soon])
            ask_for(memory.cells, i * buckets, shift, h, np.int64(text[soon]))
            put(memory, i * buckets, shift, np.int64(hashes[i, r]), np.int64(text[r]))


@kernel
def ask_for(cells, first, shift, h, c):
    """Ask for the lines of both buckets of a byte; first: the context's first bucket."""
    prefetch(cells, (first + (h >> shift)) * BUCKET)
    prefetch(cells, (first + (second_hash(h, c >> 4 | 16) >> shift)) * BUCKET)


@kernel
def put(memory, first, shift, h, c):
    """Byte c followed the context with this hash."""
    cells, checks, following = memory.cells, memory.checks, memory.following
    slot = find(cells, checks, first + (h >> shift), check_of(h))
    run = run_of(slot)
    follow(cells, following, slot, c >> 4)
    h = second_hash(h, c >> 4 | 16)
    follow(cells, following, find(cells, checks, first + (h >> shift), check_of(h)), c & 15)
    count_run(cells, run, c)


@kernel
def follow(cells, following, slot, nibble):
    """Tell the histories of a slot the four bits that followed."""
    node = 0
    for k in range(4):
        bit = (nibble >> (3 - k)) & 1
        cells[slot + node] = following[2 * np.int64(cells[slot + node]) + bit]
        node = 2 * node + 1 + bit
