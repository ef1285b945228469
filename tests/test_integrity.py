"""Damage to archives of coded blocks: all of it is found, most of it before any model work.

`docs/integrity.md` states what these tests prove; `test_container.py` and `test_stream.py` hold
the same for archives of one block.
"""

from __future__ import annotations

import io
import random
import tracemalloc

import pytest
from conftest import noise, prose
from layout import slices, take_apart

import lmzip
from lmzip import container, model
from lmzip.compressor import LMZCompressor
from lmzip.container import BlockHeader
from lmzip.decompressor import LMZDecompressor
from lmzip.header import MAGIC, SHORT_VERSION, VERSION, Form
from lmzip.scan import check_ahead, scan
from lmzip.whole import decompress_chunks

SIZE = 256
DATA = prose(2 * SIZE + 100)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", SIZE)


@pytest.fixture(scope="module")
def archive() -> bytes:
    """Three coded blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "BLOCK_SIZE", SIZE)
        return lmzip.compress(DATA, level=1)


def fields(archive: bytes) -> list[int]:
    """Places of all bytes of the header, and of what stands before and behind stored bytes."""
    return sorted({*range(len(archive))} - {*payload(archive)})


def payload(archive: bytes) -> list[int]:
    """Places of all stored bytes."""
    return [i for part in slices(archive)[2::3] for i in range(part.start, part.stop)]


def flip(data: bytes, *bits: int) -> bytes:
    damaged = bytearray(data)
    for bit in bits:
        damaged[bit // 8] ^= 1 << (bit % 8)
    return bytes(damaged)


def is_found(damaged: bytes) -> None:
    """And said to be damage; of the version byte alone nobody can tell."""
    errors = (lmzip.CorruptError, lmzip.FormatError)
    versions = {VERSION | form << 6 for form in Form} | {SHORT_VERSION | Form.SHORT << 6}
    if damaged[:4] == MAGIC and damaged[4] not in versions:
        errors = (lmzip.UnsupportedError,)
    with pytest.raises(errors):
        lmzip.decompress(damaged)


def test_every_flipped_bit_of_all_that_is_not_stored_bytes(archive, no_model):
    assert len(slices(archive)) == 10 and len(fields(archive)) == 10 + 3 * 24
    for place in fields(archive):
        for bit in range(8 * place, 8 * place + 8):
            is_found(flip(archive, bit))


def test_every_wrong_value_of_all_that_is_not_stored_bytes(archive, no_model):
    for place in fields(archive):
        for value in range(256):
            if value != archive[place]:
                is_found(archive[:place] + bytes([value]) + archive[place + 1 :])


def test_500_flipped_bits_of_stored_bytes(archive, no_model):
    rng = random.Random(1)
    for bit in rng.sample([8 * i + j for i in payload(archive) for j in range(8)], 500):
        is_found(flip(archive, bit))


def test_500_pairs_and_bursts_of_flipped_bits(archive, no_model):
    rng = random.Random(2)
    for _ in range(500):
        is_found(flip(archive, *rng.sample(range(8 * len(archive)), 2)))
        start = rng.randrange(8 * len(archive) - 32)
        is_found(flip(archive, *{start, *rng.sample(range(start, start + 32), 9)}))


def test_damage_in_a_stream_gives_whole_blocks_and_then_an_error(archive):
    """A pipe cannot be checked ahead: what comes out before the error is right nevertheless."""
    rng = random.Random(3)
    for bit in rng.sample(range(8 * len(archive)), 60):
        out = bytearray()
        with pytest.raises(lmzip.LMZError):
            for block in decompress_chunks([flip(archive, bit)]):
                out += block
        assert len(out) % SIZE == 0 or len(out) == len(DATA)
        assert DATA.startswith(bytes(out))


def test_every_truncation_of_three_blocks(archive, no_model):
    for size in range(1, len(archive)):
        with pytest.raises(lmzip.TruncatedError):
            lmzip.decompress(archive[:size])


def test_every_truncation_of_a_stream(archive):
    decompressor, out = LMZDecompressor(), b""
    for i in range(len(archive) - 1):
        assert not decompressor.eof
        out += decompressor.decompress(archive[i : i + 1])
        assert isinstance(decompressor.truncated_error(), lmzip.TruncatedError)
    assert out == DATA[: 2 * SIZE], "of the last block nothing is given before it is proved"
    assert out + decompressor.decompress(archive[-1:]) == DATA
    assert decompressor.eof


def test_only_a_whole_archive_may_follow(archive):
    assert lmzip.decompress(archive + archive) == DATA * 2
    # Zeros may: tests/test_padding.py.
    for tail in (b"text", b"\0text", MAGIC, archive[:-1], archive[1:]):
        for read in (lmzip.decompress, lambda data: lmzip.open(io.BytesIO(data)).read()):
            with pytest.raises(lmzip.CorruptError):
                read(archive + tail)


def test_blocks_zeroed_swapped_repeated_dropped(archive, no_model):
    header, blocks = header_and_blocks(archive)
    changed = [[*blocks[:i], *blocks[i + 1 :]] for i in range(3)]
    changed += [[*blocks[: i + 1], *blocks[i:]] for i in range(3)]
    changed += [[blocks[i] for i in order] for order in ((1, 0, 2), (0, 2, 1), (2, 1, 0))]
    for i in range(3):
        size = len(blocks[i])
        zeroed_body = blocks[i][: BlockHeader.SIZE].ljust(size, b"\0")
        changed += [[*blocks[:i], new, *blocks[i + 1 :]] for new in (bytes(size), zeroed_body)]
    assert len(changed) == 15
    for sequence in changed:
        is_found(header + b"".join(sequence))


def header_and_blocks(archive: bytes) -> tuple[bytes, list[bytes]]:
    header, *parts = (archive[part] for part in slices(archive))
    return header, [b"".join(parts[i : i + 3]) for i in range(0, len(parts), 3)]


@pytest.fixture
def others() -> list[bytes]:
    """Archives of as many blocks: of other data, and of other data behind the first block."""
    datas = [prose(len(DATA), 2), DATA[:SIZE] + prose(len(DATA) - SIZE, 2)]
    return [lmzip.compress(data, level=1) for data in datas]


def test_a_block_of_another_archive_is_found(archive, others, no_model):
    """Its own CRCs are right, and so is its place: but it was written behind other data."""
    header, blocks = header_and_blocks(archive)
    for same, other in enumerate(others):
        _, foreign = header_and_blocks(other)
        for i in range(same, 3):
            is_found(header + b"".join([*blocks[:i], foreign[i], *blocks[i + 1 :]]))


@pytest.fixture
def full() -> list[bytes]:
    """Archives of two full blocks each."""
    return [lmzip.compress(prose(2 * SIZE, seed), level=1) for seed in (1, 2)]


def test_the_end_of_another_archive_is_found(full, no_model):
    size = BlockHeader.SIZE
    is_found(full[0][:-size] + full[1][-size:])
    is_found(full[0][:-size] + full[1])


def test_files_are_checked_ahead_pipes_are_not(archive, no_model):
    file = io.BytesIO(b"before" + archive)
    file.seek(6)
    assert [info.raw_size for info in check_ahead(file)] == [len(DATA)]
    assert file.tell() == 6
    with pytest.raises(lmzip.CorruptError):
        check_ahead(io.BytesIO(flip(archive, 8 * len(archive) - 1)))
    pipe = io.BytesIO(b"anything")
    pipe.seekable = lambda: False
    assert check_ahead(pipe) is None
    assert pipe.tell() == 0


def bombs(archive: bytes) -> list[bytes]:
    """Small files whose fields claim very much, every seal being right."""
    header, blocks = take_apart(archive)
    (block, body), largest = blocks[0], 1 << 20
    claims = [
        BlockHeader(block.type, largest, block.stored_size, block.canary),
        BlockHeader(block.type, largest, largest - 1, block.canary),
        BlockHeader(block.type, block.raw_size, 0xFFFFFF, block.canary),
        BlockHeader(container.STORED, largest, largest, 0),
    ]
    before = container.NO_DATA + header.pack()
    return [header.pack() + claim.pack(before) + body.pack() for claim in claims]


def test_bombs_are_refused_at_once_in_little_memory(archive, no_model):
    for bomb in bombs(archive):
        tracemalloc.start()
        try:
            with pytest.raises((lmzip.FormatError, lmzip.CorruptError)):
                lmzip.decompress(bomb)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_output_is_bounded_by_what_was_asked_for(archive):
    for length in (0, 1, 100, SIZE, 10 * SIZE):
        decompressor, out, piece = LMZDecompressor(), b"", archive
        for _ in range(10 if length == 0 else len(archive) + len(DATA)):
            taken = decompressor.decompress(piece, length)
            assert len(taken) <= length
            out, piece = out + taken, b""
            if decompressor.eof:
                break
        assert out == (DATA if length else b"")


def test_a_decompressor_holds_a_block_of_data_whatever_comes(monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", 1 << 16)
    monkeypatch.setattr(LMZDecompressor, "_learn", lambda self: None)  # all blocks are stored
    count, block = 40, noise(1 << 16)
    compressor = LMZCompressor(1)
    monkeypatch.setattr(model, "new_codec", lambda *options: StoringCodec())
    archive = b"".join([*(compressor.compress(block) for _ in range(count)), compressor.flush()])
    pieces = (archive[i : i + 1000] for i in range(0, len(archive), 1000))
    tracemalloc.start()
    try:
        assert sum(map(len, decompress_chunks(pieces))) == count << 16
        assert tracemalloc.get_traced_memory()[1] < 6 << 16
    finally:
        tracemalloc.stop()


class StoringCodec:
    """Makes nothing smaller, so that every block is stored."""

    def canary(self) -> int:
        return 0

    def encode(self, block: bytes) -> bytes:
        return block


def test_many_tiny_archives_are_not_copied_once_for_each(monkeypatch, no_model):
    """Else a small file of empty archives takes time quadratic in its size."""
    many, left = lmzip.compress(b"", level=1) * 4000, []
    finish = LMZDecompressor._finish

    def record(self):
        finish(self)
        left.append(len(self.unused_data))

    monkeypatch.setattr(LMZDecompressor, "_finish", record)
    assert lmzip.decompress(many) == b""
    assert len(left) == len(list(scan(io.BytesIO(many)))) == 4000
    assert max(left) < 1 << 16 < len(many)
