"""Whatever goes in comes out, however it is cut: properties, with `LMZIP_EXAMPLES` examples.

Blocks of 64 bytes and a model to match let every example have many blocks.
"""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from conftest import TINY
from hypothesis import example, given
from hypothesis import strategies as st

import lmzip
from lmzip import container
from lmzip.codec.levels import PRESETS
from lmzip.compressor import LMZCompressor
from lmzip.container import BlockHeader, Body
from lmzip.decompressor import LMZDecompressor
from lmzip.header import Header
from lmzip.salvage import salvage
from lmzip.scan import scan
from lmzip.whole import compress_chunks, decompress_chunks

SIZE = 64


@pytest.fixture(scope="module", autouse=True)
def tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "BLOCK_SIZE", SIZE)
        patch.setitem(PRESETS, 1, TINY)
        yield


def repeated(part: bytes, times: int, tail: bytes) -> bytes:
    return part * times + tail


data = st.one_of(
    st.binary(max_size=300),
    st.builds(repeated, st.binary(min_size=1, max_size=9), st.integers(1, 60), st.binary()),
    st.text(max_size=150).map(str.encode),
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Pieces of `data`, empty ones too."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(data)
@example(b"")
@example(bytes(SIZE))
@example(bytes(SIZE + 1))
@example(bytes(range(256)))
def test_any_data_come_back_and_cost_no_more_than_headers(original):
    packed = lmzip.compress(original, level=1)
    blocks = -(-len(original) // SIZE)
    assert lmzip.decompress(packed) == original
    overhead = Header.SIZE + blocks * (BlockHeader.SIZE + Body.END_SIZE)
    if len(original) % SIZE == 0:
        overhead += BlockHeader.SIZE
    assert len(packed) <= len(original) + overhead
    (info,) = scan(io.BytesIO(packed))
    assert (info.raw_size, info.blocks, info.size) == (len(original), blocks, len(packed))


@given(data, st.lists(st.integers(0, 10_000), max_size=20))
def test_cuts_change_neither_archive_nor_data(original, places):
    packed = lmzip.compress(original, level=1)
    assert b"".join(compress_chunks(cut(original, places), LMZCompressor(1))) == packed
    assert b"".join(decompress_chunks(cut(packed, places))) == original


@given(data, st.integers(1, 200))
def test_single_bytes_and_bounded_output(original, length):
    compressor = LMZCompressor(1)
    packed = b"".join(compressor.compress(bytes([byte])) for byte in original)
    packed += compressor.flush()
    assert packed == lmzip.compress(original, level=1)
    decompressor, out = LMZDecompressor(), b""
    pieces = iter(cut(packed, list(range(len(packed)))))
    while not decompressor.eof:
        piece = next(pieces) if decompressor.needs_input else b""
        taken = decompressor.decompress(piece, length)
        assert len(taken) <= length
        out += taken
    assert out == original


@given(st.lists(data, min_size=1, max_size=4))
def test_archives_in_a_row_are_their_data_in_a_row(originals):
    packed = b"".join(lmzip.compress(part, level=1) for part in originals)
    assert lmzip.decompress(packed) == b"".join(originals)


@given(data, st.data())
def test_any_change_of_any_bytes_is_found(original, more):
    packed = lmzip.compress(original, level=1)
    start = more.draw(st.integers(0, len(packed) - 1))
    end = more.draw(st.integers(start, len(packed)))
    damaged = packed[:start] + more.draw(st.binary(max_size=80)) + packed[end:]
    if damaged in (packed, b""):
        return
    with pytest.raises(lmzip.LMZError):
        lmzip.decompress(damaged)
    try:
        saved, report = salvage(damaged)
    except lmzip.LMZError:
        return
    assert original.startswith(saved) and report.error is not None
    assert len(saved) % SIZE == 0 or len(saved) == len(original)
