"""Compressor and decompressor: the same archive however the data come, and no damage unseen."""

from __future__ import annotations

import gc
import random
import weakref

import pytest
from conftest import noise, prose
from layout import changed, of_another_code

import lmzip
from lmzip import container, model
from lmzip.compressor import LMZCompressor
from lmzip.container import BlockHeader, Body, around
from lmzip.decompressor import LMZDecompressor
from lmzip.generations import newest
from lmzip.header import MAGIC, Header
from lmzip.salvage import salvage

OVERHEAD = Header.SIZE + BlockHeader.SIZE + Body.END_SIZE


@pytest.fixture(scope="module")
def archive(text) -> bytes:
    return lmzip.compress(text, level=1)


@pytest.mark.parametrize("size", [0, 1, 2, 63, 64, 65, 127, 128, 129, 1000])
def test_round_trip_around_segments(size):
    data = prose(size)
    assert lmzip.decompress(lmzip.compress(data, level=1)) == data


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513])
def test_round_trip_around_blocks(size, monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", 256)
    data = prose(size)
    packed = lmzip.compress(data, level=1)
    assert lmzip.decompress(packed) == data


def test_stored_blocks_are_learned_from_too(monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", 256)
    data = noise(256) + prose(256) + noise(256, 2) + prose(100)
    assert lmzip.decompress(lmzip.compress(data, level=1)) == data


def test_a_model_may_begin_with_nothing_learned(text, archive):
    packed = lmzip.compress(text, level=1, from_scratch=True)
    assert len(packed) > len(archive)
    assert lmzip.decompress(packed + archive) == text * 2
    assert salvage(packed)[0] == text
    compressor = LMZCompressor(1, from_scratch=True)
    assert compressor.compress(text) + compressor.flush() == packed


def test_never_larger_than_the_input_and_the_headers():
    for size in (1, 10, 500):
        assert len(lmzip.compress(noise(size), level=1)) <= size + around(size, size)
    assert (around(500, 500), around(127, 1), around(1 << 14, 1 << 14)) == (22, 20, 24)
    assert around(1 << 20, 1 << 20) == OVERHEAD
    assert len(lmzip.compress(b"", level=1)) == Header.SIZE + BlockHeader.SIZE
    assert OVERHEAD == 34


def test_a_full_block_leaves_at_once_and_the_end_says_that_there_was_no_more(monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", 256)
    compressor, data = LMZCompressor(1), noise(512)
    packed = compressor.compress(data[:256])
    assert len(packed) == OVERHEAD + 256
    packed += compressor.compress(data[256:511])
    assert len(packed) == OVERHEAD + 256
    packed += compressor.compress(data[511:])
    end = compressor.flush()
    assert len(end) == BlockHeader.SIZE
    assert lmzip.decompress(packed + end) == data


def test_how_the_data_are_cut_never_changes_the_archive(text, archive):
    rng = random.Random(3)
    for largest in (1, 700):
        compressor, packed, at = LMZCompressor(1), b"", 0
        while at < len(text):
            size = rng.randint(1, largest)
            packed += compressor.compress(text[at : at + size])
            at += size
        assert packed + compressor.flush() == archive


def test_a_decompressor_takes_single_bytes_and_bounds_its_output(text, archive):
    decompressor, out = LMZDecompressor(), b""
    for i in range(len(archive)):
        out += decompressor.decompress(archive[i : i + 1], 7)
    while not decompressor.eof:
        piece = decompressor.decompress(b"", 7)
        assert len(piece) <= 7
        out += piece
    assert out == text
    with pytest.raises(EOFError):
        decompressor.decompress(b"")


def test_what_follows_is_left_over(text, archive):
    decompressor = LMZDecompressor()
    assert decompressor.decompress(archive + b"more") == text
    assert decompressor.eof and not decompressor.needs_input
    assert decompressor.unused_data == b"more"


def test_concatenated_archives_decode_as_one(text, archive):
    empty = lmzip.compress(b"", level=2)
    assert lmzip.decompress(archive + empty + archive) == text * 2


@pytest.mark.parametrize("tail", [b"\0x", b"\0" * 64 + b"x", b"text", MAGIC])
def test_anything_else_behind_an_archive_is_an_error(tail, archive):
    with pytest.raises(lmzip.CorruptError):
        lmzip.decompress(archive + tail)


def test_every_flipped_bit_of_a_coded_archive_is_found():
    packed = lmzip.compress(prose(200), level=1)
    for bit in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(lmzip.LMZError):
            lmzip.decompress(bytes(damaged))


def test_every_truncation_is_found(archive):
    for size in range(len(archive)):
        with pytest.raises((lmzip.TruncatedError, lmzip.FormatError)):
            lmzip.decompress(archive[:size])


def test_an_unknown_code_is_named_with_what_to_do(archive):
    with pytest.raises(lmzip.UnsupportedError) as caught:
        lmzip.decompress(of_another_code(archive, b"else"))
    assert b"else".hex() in str(caught.value)
    assert newest().code.hex() in str(caught.value)
    assert "use a newer lmzip" in str(caught.value)


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("changes", [{"canary": 1}, {"digest": bytes(8)}])
def test_a_machine_that_computes_something_else_is_found_out(changes, short, text, monkeypatch):
    if not short:
        monkeypatch.setattr(container, "SHORT_SIZE", 0)
    archive = lmzip.compress(text, level=1)
    if short and "canary" in changes:
        return  # it has none: its digest tells a moment later
    with pytest.raises(lmzip.MismatchError, match="other probabilities"):
        lmzip.decompress(changed(archive, **changes))


def test_the_digest_of_what_was_not_computed_is_checked():
    with pytest.raises(lmzip.CorruptError, match="SHA-256 of all data"):
        lmzip.decompress(changed(lmzip.compress(noise(100), level=1), digest=bytes(8)))


def test_memory_limits_are_checked_before_anything_is_allocated(archive):
    with pytest.raises(lmzip.LimitError, match="level 1 needs"):
        lmzip.decompress(archive, memory_limit=1 << 20)
    with pytest.raises(lmzip.LimitError):
        LMZCompressor(9, memory_limit=1 << 20)


def test_an_error_is_final(archive):
    decompressor = LMZDecompressor()
    damaged = archive[:14] + b"\xff" + archive[15:]
    with pytest.raises(lmzip.LMZError) as first:
        decompressor.decompress(damaged)
    with pytest.raises(lmzip.LMZError) as second:
        decompressor.decompress(b"")
    assert first.value is second.value


def test_a_model_that_comes_late_codes_nothing(text, monkeypatch):
    """What it has not read itself, no decoder's model would lack."""
    failures = [MemoryError(), MemoryError()]

    def fail_twice(*options):
        if failures:
            raise failures.pop()
        return new_codec(*options)

    monkeypatch.setattr(container, "BLOCK_SIZE", 1500)
    compressor, new_codec = LMZCompressor(1), model.new_codec
    monkeypatch.setattr(model, "new_codec", fail_twice)
    with pytest.raises(lmzip.LimitError):
        compressor.compress(text[:1500])
    archive = compressor.compress(text[:3000]) + compressor.flush()
    assert lmzip.decompress(archive) == text[:3000]


@pytest.mark.parametrize("damage", [lambda data: data[:-1] + b"?", lambda data: data[:-1]])
def test_an_error_does_not_keep_the_model(damage, text, monkeypatch):
    models = []

    def remember(*options):
        models.append(weakref.ref(codec := new_codec(*options)))
        return codec

    monkeypatch.setattr(container, "BLOCK_SIZE", 1500)
    archive = lmzip.compress(text, level=1)
    new_codec = model.new_codec
    monkeypatch.setattr(model, "new_codec", remember)
    gc.disable()
    try:
        data, report = salvage(damage(archive))
        assert data and report.error is not None
        assert [model() for model in models] == [None]
    finally:
        gc.enable()


def test_wrong_arguments():
    for level in (0, 10, 3.5, 3.0, "3", None):
        with pytest.raises(ValueError, match="level must be"):
            lmzip.compress(b"", level=level)
    compressor = LMZCompressor(1)
    compressor.flush()
    with pytest.raises(ValueError, match="flushed"):
        compressor.compress(b"x")


def test_progress_adds_up(text):
    done: list[int] = []
    packed = lmzip.compress(text, level=1, progress=done.append)
    assert sum(done) == len(text)
    done.clear()
    lmzip.decompress(packed, progress=done.append)
    assert sum(done) == len(text)
