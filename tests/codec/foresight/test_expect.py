"""Foresight expects what repeats, and is sure where it has been right."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import TINY, noise, prose

from lmzip.codec.foresight.expect import expect, is_sure, look_ahead, read, risk
from lmzip.codec.foresight.tables import (
    ASKED,
    CHANCE,
    CLASSES,
    EXPECTED,
    LAST4,
    LENGTH,
    POSITION,
    SIZE,
    Foresight,
    class_of,
    empty_foresight,
)
from lmzip.codec.memory.slots import FORESEEN, NOBODY

ONE = 1 << 22


def after(text: bytes) -> Foresight:
    """Foresight that has read the text, and expects what comes next."""
    foresight = empty_foresight(TINY)
    for byte in text:
        expect(foresight)
        read(foresight, byte)
    expect(foresight)
    return foresight


def told(foresight: Foresight, text: bytes, segment: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """CHANCE and what was expected of the bytes of the segment that begins the text."""
    chance, expected = np.zeros(len(text), np.int32), np.zeros(len(text), np.int16)
    data = np.frombuffer(text, dtype=np.uint8)
    look_ahead(foresight, segment, data, chance, expected)
    size = int(foresight.at[SIZE])
    return chance[:size], expected[:size]


def test_nobody_expects_anything_at_first():
    foresight = after(b"")
    assert (foresight.at[EXPECTED], foresight.at[CHANCE]) == (NOBODY, 0)
    assert not is_sure(foresight)


def test_what_followed_five_bytes_is_expected_behind_them_again():
    foresight = after(b"one two three, one two ")
    assert foresight.at[EXPECTED] == ord("t")
    assert foresight.at[CHANCE] < ONE - max(TINY.risks) and not is_sure(foresight)


def test_the_longer_it_was_right_the_surer_it_is():
    text = prose(400)
    chances = [after(text + text[:size]).at[CHANCE] for size in (20, 60, 390)]
    assert chances == sorted(chances) and chances[0] < chances[2]
    repeated = after(text + text[:390])
    assert repeated.at[EXPECTED] == text[390] and repeated.at[LENGTH] == 390


def test_a_long_run_is_sure_and_its_end_is_paid_for():
    foresight = after(bytes(4000))
    assert foresight.at[EXPECTED] == 0 and is_sure(foresight)
    _, expected = told(foresight, bytes(10) + b"x" + bytes(10))
    assert (expected[:10] == FORESEEN).all() and expected[10] == 0


def test_noise_is_never_sure():
    chance, expected = told(after(noise(4000)), noise(200, seed=2))
    assert not chance.any() and (expected == NOBODY).all()


def test_no_risk_is_never_sure():
    foresight = after(bytes(4000))
    foresight.risks[:] = 0
    assert not is_sure(foresight)


def test_it_must_be_surer_where_little_has_been_read():
    foresight = after(bytes(4000))
    foresight.at[CHANCE] = ONE - 1000
    assert is_sure(foresight)
    foresight.at[POSITION] = 1999
    assert not is_sure(foresight)


@pytest.mark.parametrize(
    ("last", "next_byte", "kind"),
    [
        (b"ab c", "7", 0), (b"\x00\x01\x02\x03", "0", 0),
        (b"ab c", "d", 1), (b"a\t\r\n", " ", 1), (b"\x00abc", "~", 1),
        (b"a\x00bc", "d", 2), (b"abc\x7f", "d", 2), (b"abcd", "\x00", 2), (b"ab\xc3\xa4", "n", 2),
    ],
)  # fmt: skip
def test_what_may_go_wrong_depends_on_the_kind_of_byte(last, next_byte, kind):
    foresight = after(b"")
    foresight.at[EXPECTED], foresight.at[LAST4] = ord(next_byte), int.from_bytes(last, "big")
    assert risk(foresight) == TINY.risks[kind]


@pytest.mark.parametrize("text", [prose(1000), prose(40) * 30, bytes(500), noise(100)])
def test_a_segment_ends_with_its_last_byte_that_is_asked_for(text):
    foresight, start, segment = empty_foresight(TINY), 0, 0
    while start < len(text):
        chance, expected = told(foresight, text[start:], segment)
        size = len(expected)
        asked = bytes(
            byte
            for byte, known in zip(text[start : start + size], expected.tolist(), strict=True)
            if known != FORESEEN
        )
        assert bytes(foresight.asked[segment & 1, : len(asked)]) == asked
        assert foresight.at[ASKED] == len(asked) <= TINY.segment
        assert len(asked) == TINY.segment or start + size == len(text)
        assert len(asked) < TINY.segment or expected[-1] != FORESEEN
        assert ((chance > 0) == (expected != NOBODY)).all()
        start, segment = start + size, segment + 1


def test_lengths_of_matches_have_31_classes_in_their_order():
    classes = [int(class_of(length)) for length in range(70000)]
    assert classes == sorted(classes)
    assert set(classes) == set(range(CLASSES - 1))
