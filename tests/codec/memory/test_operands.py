"""Operands of machine code: which bytes are taken for one, and what is expected of them.

The twin of these kernels is the reference decoder's, written from section 6.4.4 of FORMAT.md.
"""

from __future__ import annotations

import numpy as np
import pytest
from conftest import prose
from laid_out import empty, pass_bytes
from make_golden import machine_code, noise
from reference.constants import LEVELS
from reference.memory import Memory as Reference

from lmzip.codec.loop import Codec
from lmzip.codec.memory import contexts
from lmzip.codec.memory.operands import CODE, DATA, distance_so_far, group_of
from lmzip.codec.memory.tables import AIM, GROUP, OPERAND, POSITION, Memory

BINARY = bytes(600)
"""What is no text: operands are looked for behind it."""
CALL = b"\x11\x22\x33\x44\xe8"


def after(data: bytes) -> Memory:
    """A memory that has read that, and has looked up the next byte."""
    memory = empty()
    pass_bytes(memory, np.frombuffer(data, np.uint8).copy())
    contexts.look_up(memory)
    return memory


def distance(place: int, here: int) -> bytes:
    """The operand that begins at `here` and leads to a place."""
    return (place - here - 4).to_bytes(4, "little", signed=True)


@pytest.mark.parametrize(
    ("code", "group"),
    [
        (b"\xe8", CODE),
        (b"\xe9", CODE),
        (b"\x0f\x80", CODE),
        (b"\x0f\x8f", CODE),
        (b"\x0f\x90", -1),
        (b"\x84", -1),
        (b"\x48\x8b\x05", DATA),
        (b"\x4c\x8d\x3d", DATA),
        (b"\x8b\x05", DATA),
        (b"\x48\x83\x3d", DATA),
        (b"\x83\x3d", -1),
        (b"\x48\x8b\x45", -1),
        (b"\xff\x15", -1),
    ],
)
def test_which_instructions_have_one(code, group):
    assert group_of(int.from_bytes(code.rjust(4, b"\0"), "big")) == group


def test_none_is_looked_for_in_text():
    assert after(prose(900) + CALL).at[OPERAND] == 0
    memory = after(BINARY + CALL)
    assert memory.at[OPERAND] == memory.at[POSITION] == len(BINARY + CALL)
    assert memory.at[GROUP] == CODE


def test_it_has_four_bytes():
    data = BINARY + CALL
    for more in range(1, 4):
        assert after(data + bytes([1, 2, 3])[:more]).at[OPERAND] == len(data)
    assert after(data + b"\1\2\3\4").at[OPERAND] == 0


def test_a_distance_is_put_together_from_its_lowest_byte():
    assert [int(distance_so_far(0x11223344, known)) for known in range(5)] == [
        0,
        0x44,
        0x4433,
        0x443322,
        0x44332211,
    ]


@pytest.mark.parametrize("place", [0, 77, 0x1234, 0xABCDE, -5])
def test_a_place_that_was_called_is_expected_from_elsewhere(place):
    data = BINARY + CALL
    data += distance(place, len(data))
    # Before the first byte it is what stands before the call that tells.
    data += b"\x90" * 300 + CALL
    operand = distance(place, len(data))
    for known in range(4):
        memory = after(data + operand[:known])
        assert memory.aimed[0] == operand[known]
        # Two tell the first byte: what stands before the call, five bytes of it and two.
        assert memory.at[AIM] == (known * 3 + (1 if known == 0 else 0)) * 8


def test_the_last_two_places_with_this_lowest_byte_are_told():
    data = BINARY
    for place in (0x10042, 0x20042, 0x20042, 0x30043):
        data += CALL
        data += distance(place, len(data))
    data += CALL
    memory = after(data + distance(0x20042, len(data))[:1])
    expected = [distance(place, len(data))[1] for place in (0x20042, 0x10042)]
    assert memory.aimed.tolist() == expected
    assert memory.at[AIM] == (3 + (2 if expected[0] != expected[1] else 1)) * 8


def test_a_place_too_far_away_is_not_kept():
    data = BINARY + CALL
    data += (1 << 24).to_bytes(4, "little") + b"\x90" * 50 + CALL
    assert after(data).aimed.tolist() == [-1, -1]


@pytest.mark.parametrize("data", [machine_code(500), BINARY + noise(3000)])
def test_they_are_those_of_the_document(data):
    memory, reference = empty(), Reference(LEVELS[5], len(data))
    operands, found = reference.operands, 0
    for c in data:
        contexts.look_up(memory)
        reference.look_up()
        assert memory.at[OPERAND] == operands.start
        if operands.start:
            group, known, agree = operands.row
            assert memory.at[AIM] == ((group * 4 + known) * 3 + agree) * 8
            told = [-1 if byte is None else byte for byte in operands.expected]
            assert memory.aimed.tolist() == told
            found += told[0] == c
        contexts.pass_byte(memory, c)
        reference.note(c)
    assert found > len(data) // 10 or data != machine_code(500)


def test_code_becomes_smaller_by_them(monkeypatch):
    data = machine_code(600)
    size = len(Codec(1).encode(data))
    # The same calls, but each to a place of its own.
    scattered = bytearray(data)
    for at in range(len(data) - 4):
        if data[at] == 0xE8:
            scattered[at + 2] ^= at & 255
    assert size < 0.97 * len(Codec(1).encode(bytes(scattered)))
