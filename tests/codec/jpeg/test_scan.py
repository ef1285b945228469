"""The Huffman code of coefficients: what is taken for which, and where a scan ends."""

from __future__ import annotations

import numpy as np
from conftest import noise, prose
from jpegs import jpeg, picture, quantised

from codec.jpeg.test_headers import after, scan_of
from lmzip.codec.jpeg.tables import NATURAL, RING, UNIT
from lmzip.codec.loop import Codec


def test_coefficients_are_those_that_were_written():
    width, height = 40, RING * 8
    made = jpeg(width, height, sampling=((1, 1),), quality=0)
    bits, _ = after(made)
    (plane,) = picture(width, height, 1, ((1, 1),))
    rows = quantised(plane, width // 8, height // 8, [1] * 64)
    for y in range(RING):
        for x in range(width // 8):
            kept = bits.jpeg.blocks[0, y, x][NATURAL]
            assert kept.tolist() == list(np.asarray(rows[y][x])), (y, x)
    assert bits.jpeg.at[UNIT] == width // 8 * RING


def test_a_scan_ends_with_what_is_none():
    """A marker that is no restart, a code that there is not, bytes behind the last coefficient."""
    whole = jpeg(45, 35)
    scan = scan_of(whole)
    begins = len(whole) - len(scan)
    cut = whole[: begins + 40].rstrip(b"\xff")
    assert after(cut + b"\xff\xd9" + prose(50))[1][-2:] == b"\xff\xd9"
    assert len(after(cut + b"\xff\xd3" + prose(50))[1]) == len(cut) - begins + 2
    assert len(after(whole[:-2] + prose(50))[1]) == len(scan) - 2 + 1
    assert after(cut + noise(5000))[1] != scan_of(cut + noise(5000)), "it is seen some time"


def test_restarts_are_expected_where_they_stand():
    made = jpeg(45, 35, restart=2)
    place = scan_of(made).index(b"\xff\xd0")
    begins = len(made) - len(scan_of(made))
    early = made[: begins + place - 6].rstrip(b"\xff") + b"\xff\xd0"
    assert len(after(early + prose(50))[1]) == len(early) - begins


def test_pictures_come_back_smaller_whatever_happens_to_them():
    made = jpeg(128, 96, sampling=((2, 2), (1, 1), (1, 1)), restart=9)
    damaged = bytearray(made)
    damaged[len(made) // 2] ^= 0x55
    for data in (made, made * 2, bytes(damaged), made[:-700] + prose(300), prose(20) + made):
        payload = Codec(1).encode(data)
        assert Codec(1).decode(payload, len(data)) == data
    other = made.replace(b"\xff\xc0", b"\xff\xc2", 1)
    assert len(Codec(1).encode(made)) < 0.9 * len(Codec(1).encode(other))
