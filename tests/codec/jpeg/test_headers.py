"""Headers of JPEG pictures: of which a scan begins, and what is then known of them."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import noise, prose
from jpegs import STEPS, jpeg, segment

from lmzip.codec.coder.bit_coder import Bits, empty_bits
from lmzip.codec.entry import entry
from lmzip.codec.jpeg import headers
from lmzip.codec.jpeg.tables import (
    AC,
    ACROSS,
    ACROSS_UNIT,
    COUNT,
    DC,
    DOWN,
    DOWN_UNIT,
    INTERVAL,
    NATURAL,
    QUANTISED,
    SCAN,
    Jpeg,
)
from lmzip.codec.levels import PRESETS
from lmzip.codec.memory import contexts

SCAN_HEADER = b"\xff\xda\x00"


@entry
def note_bytes(bits, data, scans):
    """Note data, uint8 [n]; whether each byte is one of a scan goes into `scans`, uint8 [n]."""
    for r in range(data.shape[0]):
        scans[r] = bits.jpeg.at[SCAN]
        contexts.pass_byte(bits.memory, np.int64(data[r]))
        headers.note_byte(bits.jpeg, bits.memory, np.int64(data[r]))


def after(data: bytes) -> tuple[Bits, bytes]:
    """What is known behind these bytes, and those of them that were bytes of scans."""
    bits, scans = empty_bits(PRESETS[1], 1 << 16), np.zeros(len(data), np.uint8)
    read = np.frombuffer(data, np.uint8).copy()
    note_bytes(bits, read, scans)
    return bits, read[scans > 0].tobytes()


def scan_of(picture: bytes) -> bytes:
    """From the first byte behind the header of the scan to the end of the picture."""
    begins = picture.index(SCAN_HEADER) + 2
    return picture[begins + int.from_bytes(picture[begins : begins + 2], "big") :]


def known(picture: bytes) -> Jpeg:
    """What is known where the scan of a picture begins."""
    return after(picture.removesuffix(scan_of(picture)))[0].jpeg


@pytest.mark.parametrize(
    "sampling",
    [
        ((1, 1),),
        ((1, 1), (1, 1), (1, 1)),
        ((2, 2), (1, 1), (1, 1)),
        ((2, 1), (1, 1), (1, 1)),
        ((1, 2), (1, 1), (1, 1)),
        ((1, 1),) * 4,
    ],
)
@pytest.mark.parametrize("restart", [0, 2])
def test_a_picture_is_one_scan_to_its_end(sampling, restart):
    picture = jpeg(45, 35, sampling=sampling, restart=restart)
    bits, scan = after(prose(50) + picture + prose(50))
    assert scan == scan_of(picture) and bits.jpeg.at[SCAN] == 0


def test_what_headers_say():
    j = known(jpeg(45, 35, sampling=((2, 1), (1, 1), (1, 1)), restart=3, quality=2))
    assert j.at[SCAN] == 1 and j.at[COUNT] == 3 and j.at[INTERVAL] == 3
    assert (j.at[ACROSS], j.at[DOWN]) == (3, 5), "units of 16 x 8"
    assert j.components[:3, ACROSS_UNIT].tolist() == [2, 1, 1]
    assert j.components[:3, DOWN_UNIT].tolist() == [1, 1, 1]
    assert j.components[:3, [QUANTISED, DC, AC]].tolist() == [[0, 0, 4], [1, 1, 5], [1, 1, 5]]
    assert sorted(NATURAL.tolist()) == list(range(64)) and NATURAL[:4].tolist() == [0, 1, 8, 16]
    steps = [max(min(step * 2 // 4, 255), 1) for step in STEPS[0]]
    assert j.steps[0].tolist() == steps
    # Codes of two bits are 00, those of three bits follow behind it, doubled (Annex K.3).
    assert j.codes[0, 2:4, :2].tolist() == [[0, 1], [2, 5]]


def test_of_one_component_blocks_stand_row_by_row():
    j = known(jpeg(20, 10, sampling=((2, 2),)))
    assert (j.at[ACROSS], j.at[DOWN]) == (3, 2)
    assert j.components[0, [ACROSS_UNIT, DOWN_UNIT]].tolist() == [1, 1]


def test_a_picture_may_hold_a_small_one_of_itself():
    small = jpeg(16, 16)
    picture = jpeg(45, 35, before=segment(0xE1, b"Exif\0\0" + small))
    behind = picture[picture.index(small) + len(small) :]
    assert after(picture)[1] == scan_of(small) + scan_of(behind)


def test_pictures_in_a_row():
    pictures = [jpeg(20 + 5 * i, 20, seed=i, restart=i) for i in range(4)]
    assert after(b"".join(pictures))[1] == b"".join(map(scan_of, pictures))


BASE = jpeg(45, 35, restart=2)


def changed(marker: bytes, offset: int, value: bytes) -> bytes:
    """The picture with other bytes so far behind a marker."""
    place = BASE.index(marker) + offset
    return BASE[:place] + value + BASE[place + len(value) :]


@pytest.mark.parametrize(
    "picture",
    {
        "progressive": jpeg(45, 35, progressive=True),
        "twelve bits": changed(b"\xff\xc0", 4, b"\x0c"),
        "five components": changed(b"\xff\xc0", 9, b"\x05"),
        "no width": changed(b"\xff\xc0", 7, b"\0\0"),
        "too wide": changed(b"\xff\xc0", 7, b"\x40\x01"),
        "sampled four times": changed(b"\xff\xc0", 11, b"\x41"),
        "steps of 16 bits": changed(b"\xff\xdb", 4, b"\x10"),
        "a table that there cannot be": changed(b"\xff\xc4", 4, b"\x20"),
        "too many codes": changed(b"\xff\xc4", 10, b"\xff\xff\xff"),
        "a part of the coefficients": changed(b"\xff\xda", 11, b"\1\5"),
        "one component of three": changed(b"\xff\xda", 2, b"\0\x08\1"),
        "another component": changed(b"\xff\xda", 5, b"\7"),
        "a longer segment": changed(b"\xff\xdb", 2, b"\0\x44"),
        "no beginning": BASE[2:],
        "tables without end": jpeg(45, 35, before=segment(0xDB, bytes(65) * 252)),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_others_are_bytes_as_any(picture):
    assert after(picture[1])[1] == b""


def test_noise_behind_a_beginning_is_no_picture():
    data = b"\xff\xd8\xff" + noise(200) + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + noise(100)
    assert after(data + b"\xff\xda\0\0\xff\xda\xff\xff" + noise(100))[1] == b""
