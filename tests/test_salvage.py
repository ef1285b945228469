"""Salvage: whole blocks before the damage come back, nothing unproved does, the loss is told."""

from __future__ import annotations

import hashlib

import pytest
from conftest import noise, prose, spawn
from layout import changed, put_together, slices

import lmzip
from lmzip import container
from lmzip.container import BlockHeader, Body
from lmzip.generations import newest
from lmzip.header import Header
from lmzip.salvage import Salvage, salvage, salvage_chunks

SIZE = 256


@pytest.fixture(scope="module")
def blocks() -> list[bytes]:
    return [prose(SIZE), noise(SIZE), prose(SIZE, 2), prose(100, 3)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", SIZE)


@pytest.fixture
def archive(blocks) -> bytes:
    return lmzip.compress(b"".join(blocks), level=1)


def starts(archive: bytes) -> list[int]:
    """Where the blocks' headers start."""
    return [part.start for part in slices(archive)[1::3]]


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def test_a_sound_archive_loses_nothing(archive, blocks):
    data, report = salvage(archive)
    assert data == b"".join(blocks)
    assert (report.blocks, report.recovered, report.lost, report.error) == (4, 868, 0, None)
    assert str(report) == "nothing is lost: 868 bytes in 4 blocks are whole"


@pytest.mark.parametrize("place", ["header", "stored bytes", "digest", "CRC"])
@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_blocks_before_the_damaged_one_come_back(archive, blocks, damaged, place):
    """What is lost is known where the headers stand: each is proved by the digest before it."""
    header, stored, end = slices(archive)[1 + 3 * damaged : 4 + 3 * damaged]
    places = {"header": header.start, "stored bytes": stored.start + 1, "digest": end.start}
    data, report = salvage(flip(archive, places.get(place, end.stop - 1)))
    assert data == b"".join(blocks[:damaged])
    assert report.blocks == damaged
    assert isinstance(report.error, lmzip.CorruptError)
    assert f"{len(data)} bytes in {damaged} block" in str(report)
    known = place in ("stored bytes", "CRC") or (place == "digest" and damaged == 3)
    assert report.lost == (868 - len(data) if known else None)
    lost = report.lost if known else "an unknown number of"
    assert f"{lost} bytes are lost: " in str(report)


def test_every_truncation_keeps_the_blocks_before_it(archive, blocks):
    places = starts(archive)
    for end in range(places[1], len(archive), 29):
        data, report = salvage(archive[:end])
        whole = sum(end >= place for place in places[1:])
        assert data == b"".join(blocks[:whole])
        assert isinstance(report.error, lmzip.TruncatedError)
        assert report.lost is None and "an unknown number of bytes" in str(report)


def test_a_block_that_decodes_to_other_data_is_not_given_out(archive, blocks):
    data, report = salvage(changed(archive, 2, digest=bytes(8)))
    assert data == b"".join(blocks[:2])
    assert report.lost == 868 - 2 * SIZE
    assert isinstance(report.error, lmzip.MismatchError)


def test_damage_to_the_end_loses_no_data(blocks):
    archive = lmzip.compress(b"".join(blocks[:3]), level=1)
    data, report = salvage(flip(archive, len(archive) - 1))
    assert data == b"".join(blocks[:3])
    assert report.lost is None and report.error is not None


@pytest.mark.filterwarnings("ignore::lmzip.PaddingWarning")
def test_archives_in_a_row_come_back_up_to_the_damage(archive, blocks):
    for first in (archive, archive + bytes(30)):
        data, report = salvage(first + flip(archive, starts(archive)[1] + BlockHeader.SIZE))
        assert data == b"".join(blocks) + blocks[0]
        assert report.lost == 868 - SIZE
    data, report = salvage(flip(archive, slices(archive)[5].start) + archive)
    assert data == blocks[0]
    assert report.lost == 2 * 868 - SIZE
    data, report = salvage(archive + b"rubbish")
    assert data == b"".join(blocks)
    assert "something follows" in str(report)


@pytest.mark.filterwarnings("ignore::lmzip.PaddingWarning")
def test_how_the_archive_is_cut_changes_nothing(archive, blocks):
    damaged = flip(archive, starts(archive)[2] + 30) + bytes(5000)
    for size in (1, 3, 100, 6000):
        chunks = [damaged[i : i + size] for i in range(0, len(damaged), size)]
        report = Salvage()
        assert b"".join(salvage_chunks(chunks, report)) == b"".join(blocks[:2])
        assert report.lost == 868 - 2 * SIZE


def test_where_nothing_can_be_recovered_the_error_is_raised(archive):
    for damaged in (flip(archive, 5), flip(archive, starts(archive)[0]), archive[:60], b"", b"abc"):
        with pytest.raises((lmzip.CorruptError, lmzip.FormatError)):
            salvage(damaged)
    with pytest.raises(lmzip.LimitError):
        salvage(archive, memory_limit=1)


def test_the_command_writes_what_is_whole_and_says_what_is_lost(tmp_path):
    # Blocks have their full size in another process: stored ones are cheap to make and to read.
    size = 1 << 20
    block, source, target = noise(size), tmp_path / "a.lmz", tmp_path / "a"
    digests = [hashlib.sha256(block * i).digest()[:8] for i in (1, 2)]
    header = Header(1, newest().code)
    stored = BlockHeader(container.STORED, size, size, 0)
    sound = put_together(header, [(stored, Body(block, digest)) for digest in digests])
    source.write_bytes(flip(sound, len(sound) - 500))
    plain = spawn("decompress", source)
    assert plain.returncode == 2 and not target.exists()
    assert spawn("decompress", "--salvage", "--rm", source).returncode == 1
    done = spawn("decompress", "--salvage", source)
    assert done.returncode == 2
    assert target.read_bytes() == block
    assert done.stderr.startswith(f"lmzip: {source}: ".encode())
    assert b"1,048,576 bytes in 1 block are whole" in done.stderr
    assert b"1,048,576 bytes are lost" in done.stderr
    target.unlink()
    source.write_bytes(b"not an archive")
    assert spawn("-d", "--salvage", source).returncode == 2
    assert list(tmp_path.iterdir()) == [source]
