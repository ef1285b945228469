"""Samples: how their layout is found, and what they are predicted from.

The twin of these kernels is the reference decoder's, written from section 6.4.1 of FORMAT.md.
"""

from __future__ import annotations

import numpy as np
import pytest
from conftest import prose
from laid_out import empty, fax, heights, loud, pass_bytes
from make_golden import Dice, csv, image, noise, records, sound
from reference.constants import LEVELS
from reference.memory import Memory as Reference

from lmzip.codec.memory import contexts
from lmzip.codec.memory.sample_grid import BIG, BYTE, LITTLE
from lmzip.codec.memory.tables import (
    ALIGN,
    LAST4,
    PREDICTED,
    SAMPLE,
    STEP,
    TOLD,
    WIDTH,
    Memory,
)


def grid(data: bytes, memory: Memory | None = None) -> tuple[int, ...]:
    """Step, width and kind of the samples that the data are taken for."""
    memory = memory or empty()
    pass_bytes(memory, np.frombuffer(data, np.uint8).copy())
    step, width, sample = (int(memory.at[i]) for i in (STEP, WIDTH, SAMPLE))
    return (step, width, sample) if step else ()


LAID_OUT = {
    "gray": (image(70, 50, channels=1), (1, 70, BYTE)),
    "colour": (image(40, 40), (3, 120, BYTE)),
    "transparent": (image(30, 40, channels=4), (4, 120, BYTE)),
    "fax": (fax(80, 50), (1, 80, BYTE)),
    "map, little-endian": (heights(150, 20, "little"), (2, 300, LITTLE)),
    "map, big-endian": (heights(150, 20, "big"), (2, 300, BIG)),
    "sound": (sound(1200), (4, 0, LITTLE)),
    "sound, big-endian": (sound(2400, "big", channels=1), (2, 0, BIG)),
    "loud sound": (loud(1200), (4, 0, LITTLE)),
    "loud sound, one channel": (loud(2400, channels=1), (2, 0, LITTLE)),
    "text": (prose(4000), ()),
    "a table of text": (csv(150), ()),
    "records": (records(400), ()),
    "noise": (noise(4000), ()),
}


@pytest.mark.parametrize("kind", LAID_OUT)
def test_the_layout_is_found(kind):
    data, expected = LAID_OUT[kind]
    assert grid(data) == expected


def test_it_is_found_behind_other_data_and_lost_in_text():
    memory = empty()
    assert grid(prose(3072), memory) == ()
    assert grid(image(40, 60), memory) == (3, 120, BYTE)
    assert grid(prose(9000), memory) == ()


def test_all_bytes_alike_tell_nothing():
    assert grid(bytes(5000)) == ()


@pytest.mark.parametrize("kind", ["gray", "colour", "fax", "map, little-endian", "sound", "text"])
def test_contexts_are_those_of_the_document(kind):
    same_as_the_reference(LAID_OUT[kind][0][:4200])


@pytest.mark.parametrize("kind", ["map, big-endian", "sound, big-endian"])
def test_the_higher_byte_may_come_first(kind):
    same_as_the_reference(b"\1" + LAID_OUT[kind][0][:4200])


def test_no_number_is_too_large():
    """Samples that jump from end to end, behind such as are smooth: as with integers without a
    bound, which the reference has."""
    dice = Dice(3)
    jumps = b"".join((0x7FFF ^ 0xFFFF * dice.below(2)).to_bytes(2, "little") for _ in range(400))
    same_as_the_reference(LAID_OUT["sound"][0][:4400] + jumps)
    same_as_the_reference(LAID_OUT["map, little-endian"][0][:3100] + jumps)


def same_as_the_reference(data: bytes) -> None:
    memory, reference = empty(), Reference(LEVELS[5], len(data))
    assert reference.samples is not None
    for c in data:
        contexts.look_up(memory)
        reference.look_up()
        assert memory.hashes.tolist() == reference.hashes
        assert memory.at[TOLD] == reference.told
        if reference.samples.step:
            weights = reference.samples.expected_bytes
            assert np.diff(memory.sums).tolist() == weights
        contexts.pass_byte(memory, c)
        reference.note(c)
        assert memory.at[STEP] == reference.samples.step
        if reference.samples.step:
            assert memory.at[PREDICTED] == reference.samples.prediction.predicted
            assert memory.at[ALIGN] == reference.samples.grid[2]
    assert memory.at[LAST4] == reference.last4
