"""Bits of scans: the kernels say of each what the reference does.

Their twin is the reference decoder's, written from section 6.11 of FORMAT.md.
"""

from __future__ import annotations

import numpy as np
import pytest
from conftest import noise, prose
from jpegs import jpeg, segment
from make_golden import Dice
from reference.codec import Codec as ReferenceCodec
from reference.constants import LEVELS
from reference.jpeg import Jpeg as Reference
from reference.memory import Memory

from lmzip.codec import loop
from lmzip.codec.coder.bit_coder import Bits, empty_bits
from lmzip.codec.entry import entry
from lmzip.codec.jpeg import headers, model, scan
from lmzip.codec.jpeg.tables import OVER, SCAN, empty_jpeg
from lmzip.codec.levels import PRESETS
from lmzip.codec.loop import Codec
from lmzip.codec.memory import contexts

GREY = ((1, 1),)
COLOUR = ((2, 2), (1, 1), (1, 1))
WIDE = ((2, 1), (1, 1), (1, 1))
TALL = ((1, 2), (1, 1), (1, 1))
FOUR = ((2, 2), (1, 1), (1, 1), (2, 2))
ODD = ((1, 1), (2, 1), (1, 2))


@entry
def code_bytes(bits, data, foreseen, said):
    """Read data, uint8 [n]; of each bit of a scan byte that is not foreseen (uint8 [n]) its p goes
    into `said`, int64 [n, 8]."""
    j = bits.jpeg
    for r in range(data.shape[0]):
        c, over = np.int64(data[r]), j.at[OVER]
        if j.at[SCAN] == 0 or foreseen[r] > 0:
            contexts.pass_byte(bits.memory, c)
            headers.note_byte(j, bits.memory, c)
            continue
        for k in range(8):
            partial = (256 | c) >> (8 - k)
            said[r, k] = model.predict_bit(j, bits.mixer, partial)
            model.learn_bit(j, bits.memory.steps, partial, c >> (7 - k) & 1)
        scan.end_byte(j, c, over)
        contexts.pass_byte(bits.memory, c)


def of_the_kernels(data: bytes, foreseen: np.ndarray, count: int) -> np.ndarray:
    """p of each bit [bytes, 8], 0 of those that are not asked for."""
    bits = empty_bits(PRESETS[1], len(data))
    bits = Bits(bits.memory, bits.mixer, empty_jpeg(count))
    said = np.zeros((len(data), 8), np.int64)
    code_bytes(bits, np.frombuffer(data, np.uint8).copy(), foreseen, said)
    return said


def of_the_reference(data: bytes, foreseen: np.ndarray, level: int) -> np.ndarray:
    memory = Memory(LEVELS[level]._replace(samples=False), len(data))
    reference, said = Reference(LEVELS[level], memory), np.zeros((len(data), 8), np.int64)
    for r, c in enumerate(data):
        asked = reference.scans and not foreseen[r]
        for k in range(8 if asked else 0):
            said[r, k] = reference.predict((256 | c) >> (8 - k))
            reference.learn(c >> (7 - k) & 1)
        memory.note(c)
        if asked:
            reference.end_byte(c)
        else:
            reference.read(c)
    return said


def same_as_the_reference(data: bytes, level: int = 1, each: int = 0) -> int:
    """How many bytes were coded as those of scans. One of `each` bytes is foreseen."""
    foreseen = np.zeros(len(data), np.uint8)
    if each:
        foreseen[::each] = 1
    told = of_the_kernels(data, foreseen, {1: 12, 5: 30}[level])
    expected = of_the_reference(data, foreseen, level)
    different = np.argwhere(told != expected)
    assert not different.size, f"at first in byte and bit {different[0]} of {len(data)} bytes"
    return int((told[:, 0] > 0).sum())


def damaged(data: bytes, from_end: int) -> bytes:
    at = len(data) - from_end
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


SMALL = jpeg(24, 16, sampling=COLOUR)
MADE = {
    "grey": jpeg(48, 40, sampling=GREY),
    "all alike": jpeg(24, 16),
    "in quarters": jpeg(41, 33, sampling=COLOUR, quality=4),
    "in halves": jpeg(40, 16, sampling=WIDE),
    "in upper and lower halves": jpeg(24, 33, sampling=TALL),
    "four components": jpeg(24, 24, sampling=FOUR),
    "the later ones are larger": jpeg(33, 33, sampling=ODD, quality=6),
    "fine": jpeg(16, 16, quality=0),
    "coarse": jpeg(48, 40, quality=20),
    "restarts": jpeg(40, 24, sampling=COLOUR, restart=2),
    "restarts behind each unit": jpeg(40, 24, restart=1, quality=8),
    "restarts, the last at the end": jpeg(32, 16, sampling=GREY, restart=4),
    "among text": prose(50) + jpeg(24, 16, quality=4) + prose(50),
    "truncated": SMALL[:-40] + prose(100),
    "truncated, and another": SMALL[:-41] + jpeg(24, 16, sampling=GREY),
    "restarts that do not come": jpeg(40, 24, restart=2)[:-60] + b"\xff\xd3" + prose(20),
    "damaged": damaged(SMALL, 60),
    "a thumbnail": jpeg(16, 16, before=segment(0xE1, b"Exif" + jpeg(16, 16, sampling=GREY))),
    "progressive": jpeg(24, 16, progressive=True),
    "two": jpeg(33, 25, sampling=COLOUR) + jpeg(24, 41, sampling=TALL, quality=5, seed=2),
}


@pytest.mark.parametrize("kind", MADE)
def test_probabilities_are_those_of_the_document(kind):
    coded = same_as_the_reference(MADE[kind])
    assert (coded > 50) == (kind != "progressive")


@pytest.mark.parametrize("kind", ["in quarters", "four components", "restarts", "damaged"])
def test_so_they_are_with_all_contexts(kind):
    assert same_as_the_reference(MADE[kind], level=5) > 50


@pytest.mark.parametrize("kind", ["in quarters", "restarts"])
def test_so_they_are_where_bytes_were_foreseen(kind):
    assert same_as_the_reference(MADE[kind], each=3) > 50


def test_no_damage_makes_a_difference():
    dice, coded = Dice(5), []
    begins = SMALL.index(b"\xff\xda\x00")
    for number in range(12):
        data = bytearray(SMALL if number % 2 else MADE["restarts"])
        for _ in range(1 + number // 4):
            data[dice.below(begins + 40)] = dice.below(256)
            data[begins + dice.below(len(SMALL) - begins)] = dice.below(256)
        coded.append(same_as_the_reference(bytes(data) + noise(100)))
    assert 0 in coded and max(coded) > 50


def test_the_reference_decodes_a_picture():
    data = jpeg(16, 8, sampling=GREY, quality=3)
    payload = Codec(1).encode(data)
    assert ReferenceCodec(LEVELS[1]).decode(payload, len(data)) == data


def test_it_decodes_one_that_is_known_by_and_large(monkeypatch):
    """Bytes of scans prime, are foreseen, and are others than those foreseen."""
    picture, primed = jpeg(24, 16, sampling=GREY), 3
    changed = picture[:-30] + b"ab" + picture[-28:]
    monkeypatch.setattr(loop, "RECENT", 16)
    codec = Codec(1)
    codec.read(picture * primed, len(changed))
    codec.expect_revision(picture[-16:])
    payload = codec.encode(changed)
    taken, excluded = [], []
    take, code = Reference.read, ReferenceCodec._byte

    def watched_take(self, c):
        taken.append(self.scans)
        take(self, c)

    def watched_code(self, freq, byte, *others):
        excluded.append(byte >= 0 and self.jpeg.scans)
        return code(self, freq, byte, *others)

    monkeypatch.setattr(Reference, "read", watched_take)
    monkeypatch.setattr(ReferenceCodec, "_byte", watched_code)
    reference = ReferenceCodec(LEVELS[1]._replace(recent=16))
    reference.read(picture * primed, len(changed))
    assert sum(taken) > 100
    reference.expect_revision(picture[-16:])
    taken.clear()
    excluded.clear()
    assert reference.decode(payload, len(changed)) == changed
    assert sum(taken) > 20 and any(excluded)
