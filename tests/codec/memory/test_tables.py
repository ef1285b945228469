"""The tables of the memory: their size, and where they lie."""

from __future__ import annotations

from lmzip.codec.coder.bit_coder import empty_bits
from lmzip.codec.levels import PRESETS


def test_buckets_are_whole_cache_lines():
    bits = empty_bits(PRESETS[1], 100_000)
    for table in (bits.memory.cells, bits.memory.direct_p):
        assert table.ctypes.data % 64 == 0


def test_small_data_get_small_tables():
    assert empty_bits(PRESETS[9], 100).memory.cells.nbytes < 1 << 19
