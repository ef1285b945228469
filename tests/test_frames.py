"""Frames: any worker's are the same, any can be found, and no damage to them goes unseen."""

from __future__ import annotations

import io
import os
import signal
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest
from conftest import prose
from reference_decoder import decode as decode_by_reference

import lmzip
from lmzip.frames.coding import compress_frames, decompress_frames
from lmzip.frames.index import find
from lmzip.frames.sizes import fitting_count
from lmzip.frames.workers import Workers
from lmzip.interface import processors
from lmzip.salvage import salvage
from lmzip.scan import scan
from lmzip.series import table_size
from lmzip.whole import decompress_chunks

SIZE = 1024
DATA = prose(4 * SIZE + 300)
OPTIONS = {"level": 1}


@pytest.fixture(scope="module")
def archive() -> bytes:
    return lmzip.compress(DATA, level=1, frame_size=SIZE)


@pytest.fixture(scope="module")
def workers():
    with Workers(2) as executor:
        yield executor


def flip(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def without_a_word(data: bytes) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return lmzip.decompress(data)


def in_a_file(data: bytes) -> bytes:
    with lmzip.open(io.BytesIO(data)) as file:
        return file.read()


def one_by_one(data: bytes) -> bytes:
    """As with the objects of the standard library: an archive is all its frames and their table."""
    decompressor, out = lmzip.LMZDecompressor(), b""
    for i in range(len(data)):
        out += decompressor.decompress(data[i : i + 1])
    assert decompressor.eof and not decompressor.unused_data
    return out


WAYS = [without_a_word, in_a_file, one_by_one, lambda data: salvage(data)[0]]


@pytest.mark.parametrize("read", WAYS)
def test_they_come_back_in_every_way(read, archive):
    assert read(archive) == DATA


def test_each_is_an_archive_that_knows_nothing_of_the_others(archive):
    spans = find(io.BytesIO(archive)).spans
    assert [span.frame.raw_size for span in spans] == 4 * [SIZE] + [300]
    assert spans[-1].start + spans[-1].frame.size + table_size(5) == len(archive)
    for span in spans:
        alone = lmzip.compress(DATA[span.raw_start : span.raw_stop], level=1)
        # Around the block of a short archive stand 21 or 22 bytes, around a frame's 38.
        assert span.frame.size - len(alone) in (16, 17)


def test_the_second_decoder_knows_them(monkeypatch):
    monkeypatch.setattr("lmzip.frames.sizes.SMALLEST", 1)
    small = lmzip.compress(DATA[:100], level=1, frame_size=40, from_scratch=True)
    assert decode_by_reference(small) == DATA[:100]


def test_data_of_one_frame_are_an_archive_without_frames(packed, text):
    for size in (len(text), len(text) + 1, 1 << 30):
        assert lmzip.compress(text, level=1, frame_size=size) == packed
    framed = lmzip.compress(text, level=1, frame_size=len(text) - 1)
    assert [info.frame for info in scan(io.BytesIO(framed))] == [0, 1]
    assert lmzip.compress(b"", level=1, frame_size=SIZE) == lmzip.compress(b"", level=1)


def test_frames_that_would_hold_nothing_or_too_much_are_refused():
    for size in (0, 1023, (1 << 30) + 1, -5):
        with pytest.raises(ValueError, match="a frame has 1,024 to"):
            lmzip.compress(b"", level=1, frame_size=size)


def test_no_bit_depends_on_who_works_on_them(archive, workers):
    with ThreadPoolExecutor(3) as threads:
        for executor in (None, workers, threads, Waiting()):
            packed = lmzip.compress(DATA, level=1, frame_size=SIZE, executor=executor)
            assert packed == archive
            assert lmzip.decompress(archive + archive, executor=executor) == DATA * 2


def test_no_bit_depends_on_how_the_data_are_cut(archive):
    for step in (1, 700, 5000):
        chunks = (DATA[i : i + step] for i in range(0, len(DATA), step))
        assert b"".join(compress_frames(chunks, SIZE, OPTIONS)) == archive
        chunks = (archive[i : i + step] for i in range(0, len(archive), step))
        assert b"".join(decompress_frames(chunks, {}, Waiting())) == DATA


def test_archives_of_all_forms_stand_in_a_row(archive, packed, text):
    row = packed + archive + bytes(7) + lmzip.compress(b"", level=1) + archive + packed
    with pytest.warns(lmzip.PaddingWarning):
        assert lmzip.decompress(row, executor=Waiting()) == 2 * (text + DATA)[:0] + (
            text + DATA + DATA + text
        )
    with pytest.warns(lmzip.PaddingWarning):
        assert in_a_file(row) == text + DATA + DATA + text


def test_all_that_an_archive_can_begin_with_frames_can_too(workers):
    old, options = prose(500, 9), {"level": 1, "after": prose(500, 9), "from_scratch": True}
    packed = lmzip.compress(DATA[: 2 * SIZE], frame_size=SIZE, executor=workers, **options)
    assert packed == lmzip.compress(DATA[: 2 * SIZE], frame_size=SIZE, **options)
    assert lmzip.decompress(packed, after=old, executor=workers) == DATA[: 2 * SIZE]
    with pytest.raises(lmzip.AfterError):
        lmzip.decompress(packed, executor=workers)


def test_not_more_are_under_way_than_workers_and_a_few():
    waiting = Waiting()
    for _ in compress_frames([DATA], SIZE, OPTIONS, waiting):
        assert len(waiting.begun) <= waiting._max_workers + 2
    read = iter([DATA[:SIZE], DATA[SIZE:]])
    with pytest.raises(ZeroDivisionError):
        next(compress_frames((chunk for chunk in read if 1 / 0), SIZE, OPTIONS, waiting))


def test_progress_adds_up(archive, workers):
    for executor in (None, workers, Waiting()):
        done: list[int] = []
        how = {"executor": executor, "progress": done.append}
        lmzip.compress(DATA, level=1, frame_size=SIZE, **how)
        assert sum(done) == len(DATA)
        done.clear()
        lmzip.decompress(archive, **how)
        assert sum(done) == len(DATA)


@pytest.mark.parametrize("read", [in_a_file, lmzip.decompress])
def test_every_flipped_bit_of_the_table_is_told_and_harmless(read, archive):
    start = 8 * (len(archive) - table_size(5))
    for bit in range(start, 8 * len(archive), 149):
        with pytest.warns(lmzip.TableWarning, match="is damaged; the frames are whole"):
            assert read(flip(archive, bit)) == DATA


def test_every_flipped_bit_of_the_table_is_seen_without_the_model(archive, no_model):
    for bit in range(8 * (len(archive) - table_size(5)), 8 * len(archive)):
        assert [*scan(io.BytesIO(flip(archive, bit)))][-1].table == "is damaged"


def test_a_table_that_is_cut_or_gone_is_told_and_harmless(archive, packed, text):
    start = len(archive) - table_size(5)
    for size in range(start, len(archive), 19):
        with pytest.warns(lmzip.TableWarning, match="is missing" if size == start else "damaged"):
            assert lmzip.decompress(archive[:size]) == DATA
        assert find(io.BytesIO(archive[:size])).raw_size == len(DATA), "by the headers"
    with pytest.warns(lmzip.TableWarning, match="is missing"):
        assert lmzip.decompress(archive[:start] + packed) == DATA + text
    with pytest.raises(lmzip.CorruptError, match="something follows"):
        lmzip.decompress(archive[:start] + b"garbage" * 30)


def test_every_other_flipped_bit_is_found_before_the_model_starts(archive, no_model):
    for bit in range(0, 8 * (len(archive) - table_size(5)), 11):
        with pytest.raises(lmzip.LMZError):
            lmzip.decompress(flip(archive, bit))


def test_frames_cut_off_dropped_or_swapped_are_found(archive, no_model):
    spans = find(io.BytesIO(archive)).spans
    frames = [archive[span.start :][: span.frame.size] for span in spans]
    other = lmzip.compress(b"", level=1)
    for order in ((0, 1, 2, 3), (0,), (1, 2, 3, 4), (0, 1, 3, 4), (0, 2, 1, 3, 4), (0, 1, 1, 2)):
        with pytest.raises((lmzip.CorruptError, lmzip.TruncatedError)):
            lmzip.decompress(b"".join(frames[i] for i in order))
    with pytest.raises(lmzip.CorruptError, match="an archive that is none of its frames follows"):
        lmzip.decompress(frames[0] + other)


def test_seeking_reads_only_the_frame_that_is_needed(archive):
    for data, where in ((archive, DATA), (archive + archive, DATA * 2)):
        source = Counted(data)
        with lmzip.open(source) as file:
            assert file.seek(3 * SIZE + 50) == 3 * SIZE + 50
            assert file.read(10) == where[3 * SIZE + 50 :][:10]
            assert source.decoded_from == find(io.BytesIO(data)).spans[3].start
            for place in (10, len(where) - 5, 2 * SIZE, 2 * SIZE - 1):
                file.seek(place)
                assert file.read(20) == where[place : place + 20]
            assert file.seek(-7, io.SEEK_END) == len(where) - 7
            assert file.read() == where[-7:]
            file.seek(0)
            assert file.read() == where


def test_seeking_goes_past_what_is_damaged(archive):
    spans = find(io.BytesIO(archive)).spans
    with lmzip.open(io.BytesIO(flip(archive, 8 * (spans[1].start + 40)))) as file:
        assert file.read(SIZE) == DATA[:SIZE]
        with pytest.raises(lmzip.CorruptError):
            file.read()
        file.seek(2 * SIZE)
        with pytest.raises(lmzip.LMZError):
            file.seek(SIZE + 1)
            file.read(1)
        file.seek(3 * SIZE)
        assert file.read() == DATA[3 * SIZE :]


@pytest.mark.parametrize("place", [0, 3, 5, 12, 40])
@pytest.mark.parametrize("damaged", [0, 1, 3])
def test_all_but_the_damaged_frame_come_back(archive, damaged, place):
    span = find(io.BytesIO(archive)).spans[damaged]
    data, report = salvage(flip(archive, 8 * (span.start + place)))
    assert data == DATA[: span.raw_start] + DATA[span.raw_stop :]
    assert (report.missing, report.lost) == ([(span.raw_start, span.raw_stop)], SIZE)
    assert f"(bytes {span.raw_start:,} to {span.raw_stop:,} of the data)" in str(report)


def test_frames_that_are_not_there_are_missed(archive):
    spans = find(io.BytesIO(archive)).spans
    data, report = salvage(archive[: spans[1].start] + archive[spans[3].start :])
    assert data == DATA[:SIZE] + DATA[3 * SIZE :]
    assert report.missing == [(SIZE, 3 * SIZE)] and "but frame 3 follows" in str(report)
    data, report = salvage(archive[: spans[3].start + 20])
    assert data == DATA[: 3 * SIZE] and report.missing == [(3 * SIZE, None)]
    assert "bytes 3,072 to the end of the data" in str(report)


def test_a_limit_lowers_the_number_of_workers_before_it_refuses():
    need = fitting_need()
    assert fitting_count(4, 1, SIZE, limit=3 * need) == 3
    assert fitting_count(4, 1, SIZE, limit=9 * need) == 4
    assert fitting_count(4, 1, SIZE, limit=need) == 1
    with pytest.raises(lmzip.LimitError):
        fitting_count(4, 1, SIZE, limit=1 << 20)


def fitting_need() -> int:
    from lmzip.codec.levels import memory_bytes

    return memory_bytes(1) + 2 * SIZE


def stay_busy(until: Path, progress) -> bytes:
    """Work of a worker."""
    while not until.exists():
        sleep(0.01)
    return b""


def threads_there_may_be(most: int, progress) -> bytes:
    """Work of a worker: wait until there may be no more than `most`."""
    while processors() > most:
        sleep(0.01)
    return bytes([processors()])


def test_who_works_alone_has_the_threads_of_all(workers, tmp_path):
    there = min(2, processors())
    assert workers.submit(threads_there_may_be, 2).result() == bytes([there])
    other = workers.submit(stay_busy, tmp_path / "end")
    assert workers.submit(threads_there_may_be, 1).result() == b"\1"
    (tmp_path / "end").touch()
    other.result()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_worker_that_is_killed_is_told():
    told = pytest.raises(lmzip.WorkerError, match=r"has ended .* memory ran out; use fewer")
    with told, Workers(2) as executor:
        for _ in compress_frames([DATA * 9], SIZE, OPTIONS, executor):
            for process in list(executor._processes):
                os.kill(process, signal.SIGKILL)


class Waiting(ThreadPoolExecutor):
    """Works only when a result is asked for."""

    def __init__(self) -> None:
        self._max_workers = 2
        self.begun: list[Future] = []

    def submit(self, work, /, *arguments):
        self.begun = [future for future in self.begun if not future.done()]
        self.begun.append(future := Later(work, arguments))
        return future

    def __reduce__(self):
        raise AssertionError("an executor is never sent")


class Later(Future):
    """What is done when it is asked for."""

    def __init__(self, work, arguments) -> None:
        super().__init__()
        self._work = work, arguments

    def result(self, timeout=None):
        if not self.done():
            work, arguments = self._work
            self.set_result(work(*arguments))
        return super().result(timeout)


class Counted(io.BytesIO):
    """Knows where it was last sought to before a read that was no look at the table."""

    decoded_from = -1

    def seek(self, offset, whence=io.SEEK_SET):
        place = super().seek(offset, whence)
        self.decoded_from = place
        return place


def test_chunks_of_a_series_are_read_by_one_decompressor_after_the_other(archive):
    assert b"".join(decompress_chunks([archive[:700], archive[700:]])) == DATA
