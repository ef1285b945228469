"""A text that primes the memory leaves what its bytes leave that are read one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import prose
from jpegs import jpeg

from lmzip.codec import priming
from lmzip.codec.beside import Beside
from lmzip.codec.coder.bit_coder import empty_bits
from lmzip.codec.foresight import expect
from lmzip.codec.jpeg.headers import note_byte
from lmzip.codec.jpeg.tables import SCAN
from lmzip.codec.loop import Codec
from lmzip.codec.memory import contexts, slots
from lmzip.codec.memory.tables import pass_bit

PICTURE = jpeg(64, 64)
TEXT = prose(1500) + bytes(40) + prose(300) + PICTURE[:1000]
"""It ends within a picture."""


def model() -> Codec:
    """A model before its first byte, whose tables are so small that slots are taken from others."""
    found = Codec(1)
    found.bits = empty_bits(found.preset, 64)
    found.engine.start_block()
    return found


def byte_by_byte(found: Codec, text: bytes) -> None:
    """The twin of `prime`."""
    assert found.bits is not None and found.engine.slots is not None
    memory, kept = found.bits.memory, found.engine.slots
    for c in text:
        contexts.look_up(memory)
        for k in range(8):
            pass_bit(memory, (c >> (7 - k)) & 1)
        contexts.count_runs(memory, c)
        contexts.pass_byte(memory, c)
        note_byte(found.bits.jpeg, memory, np.int64(c))
        slots.find_places(kept)
        slots.read(kept, c)
        expect.expect(found.foresight)
        expect.read(found.foresight, c)


def primed(text: bytes, beside: bool) -> tuple[Codec, list[int]]:
    found, told = model(), []
    assert found.bits is not None and found.engine.slots is not None
    data = np.frombuffer(text, np.uint8).copy()
    with Beside(lambda: beside) as other:
        priming.prime(
            found.bits.memory,
            found.bits.jpeg,
            found.engine.slots,
            found.foresight,
            data,
            other,
            told.append,
        )
    return found, told


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("piece", [7, 500, 1 << 15])
def test_it_keeps_what_bytes_read_one_by_one_leave(piece, beside, monkeypatch):
    monkeypatch.setattr(priming, "PIECE", piece)
    expected = model()
    byte_by_byte(expected, TEXT)
    found, told = primed(TEXT, beside)
    assert sum(told) == len(TEXT)
    for name in ("cells", "text", "match_table", "match_at", "after2", "places", "state_p"):
        ours, theirs = getattr(found.bits.memory, name), getattr(expected.bits.memory, name)
        assert np.array_equal(ours, theirs), name
    assert np.array_equal(found.engine.slots.cells, expected.engine.slots.cells)
    assert np.array_equal(found.foresight.cells, expected.foresight.cells)
    data = PICTURE[1000:1300] + TEXT[:300]
    assert found.bits.jpeg.at[SCAN] == 1
    assert found.encode(data) == expected.encode(data)
