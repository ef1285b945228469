"""The slots: candidates with counts by context, as docs/FORMAT.md (4.1) describes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from conftest import TINY, noise, prose
from reference.slots import Slots as ReferenceSlots

from lmzip.codec.memory import slots as module
from lmzip.codec.memory.slots import (
    CANDIDATES,
    HISTORY,
    NO_CANDIDATE,
    count_class,
    empty_slots,
    look_up,
    read,
    read_segment,
)

PRESET = replace(TINY, segment=48)
ORDER1, ORDER5 = 0, 4
"""Kinds."""


def candidates(slots: module.Slots, row: int, kind: int) -> list[tuple[int, int]]:
    """(byte, class of its count) of what a row sees."""
    pairs = zip(
        slots.candidates[row, kind].tolist(), slots.classes[row, kind].tolist(), strict=True
    )
    return [(byte, seen) for byte, seen in pairs if seen > 0]


def after(text: bytes) -> module.Slots:
    """Slots that have read the text; row 0 sees what comes next."""
    slots = empty_slots(PRESET)
    for byte in text:
        look_up(slots, 0)
        read(slots, byte)
    look_up(slots, 0)
    return slots


def test_candidates_are_sorted_by_count_and_of_equal_ones_the_newest_comes_first():
    slots = after(b"xaxbxbxcx")
    assert candidates(slots, 0, ORDER1) == [(ord("b"), 2), (ord("c"), 1), (ord("a"), 1)]
    assert slots.totals[0, ORDER1] == 4
    assert slots.tokens[0, HISTORY + ORDER1] == 768 + ord("b")


def test_what_was_never_seen_has_no_candidates():
    slots = after(b"xaxby")
    assert candidates(slots, 0, ORDER1) == []
    assert slots.totals[0, ORDER1] == 0
    assert slots.tokens[0, HISTORY + ORDER1] == 768 + NO_CANDIDATE


def test_the_last_of_fourteen_makes_room():
    slots = after(b"".join(b"x%c" % byte for byte in range(97, 112)) + b"x")
    seen = [byte for byte, _ in candidates(slots, 0, ORDER1)]
    assert seen == list(range(111, 97, -1))
    assert len(seen) == CANDIDATES


def test_long_contexts_forget_faster_than_short_ones():
    slots = after(b"abcdex" * 12 + b"abcdey" + b"abcde")
    assert candidates(slots, 0, ORDER1) == [(ord("x"), count_class(12)), (ord("y"), 1)]
    assert candidates(slots, 0, ORDER5) == [(ord("x"), count_class(7)), (ord("y"), 1)]


def test_counts_are_halved_before_they_overflow():
    slots = after(b"a" * 600)
    byte, seen = candidates(slots, 0, ORDER1)[0]
    assert (byte, seen) == (ord("a"), count_class(200))


def test_classes_of_counts():
    first = [next(n for n in range(300) if count_class(n) == c) for c in range(12)]
    assert first == [0, 1, 2, 3, 4, 5, 6, 8, 12, 20, 40, 90]
    assert count_class(100_000) == 11


def test_they_are_those_of_the_document():
    slots, reference = empty_slots(PRESET), ReferenceSlots(PRESET.log_slots)
    reference.start_block()
    text = prose(300) + noise(100) + bytes(60) + prose(340)
    data = np.frombuffer(text, dtype=np.uint8)
    for start in range(0, 800, PRESET.segment):
        part = data[start : start + PRESET.segment]
        first = start % (2 * PRESET.segment)
        read_segment(slots, first, part)
        for row, byte in enumerate(part.tolist(), first):
            seen = reference.look_up()
            assert slots.tokens[row].tolist() == seen.tokens
            for kind, expected in enumerate(seen.candidates):
                entries = [
                    (byte, 144 * kind + 12 * c + int(slots.totals[row, kind]))
                    for byte, c in candidates(slots, row, kind)
                ]
                assert entries == expected
            reference.read(byte)
