"""File objects like those of gzip and lzma."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

import lmzip


@pytest.fixture
def path(tmp_path, text):
    name = tmp_path / "text.lmz"
    name.write_bytes(lmzip.compress(text, level=1))
    return name


def test_what_is_written_from_scratch_is_read_as_any_other(tmp_path, text):
    for mode in ("wb", "ab"):
        with lmzip.open(tmp_path / "a.lmz", mode, level=1, from_scratch=True) as file:
            file.write(text)
    packed = lmzip.compress(text, level=1, from_scratch=True)
    assert (tmp_path / "a.lmz").read_bytes() == packed * 2
    with lmzip.open(tmp_path / "a.lmz") as file:
        assert file.read() == text * 2


def test_write_then_read(tmp_path, text):
    with lmzip.open(tmp_path / "a.lmz", "wb", level=1) as file:
        file.write(text[:100])
        file.write(text[100:])
    with lmzip.open(tmp_path / "a.lmz") as file:
        assert file.read() == text


def test_reading_in_every_way(path, text):
    with lmzip.open(path) as file:
        assert file.peek(3)[:3] == text[:3]
        assert file.read(10) == text[:10]
        room = bytearray(5)
        assert file.readinto(room) == 5 and room == text[10:15]
        assert file.tell() == 15
        assert file.seek(2) == 2 and file.read(4) == text[2:6]
        assert file.seek(-3, os.SEEK_END) == len(text) - 3 and file.read() == text[-3:]
    with lmzip.open(path, "rt", encoding="ascii") as file:
        assert "".join(file) == text.decode()


def test_modes(path, text):
    with pytest.raises(FileExistsError):
        lmzip.open(path, "xb")
    with lmzip.open(path, "ab", level=1) as file:
        file.write(b"more")
    with lmzip.open(path) as file:
        assert file.read() == text + b"more"
    with pytest.raises(ValueError):
        lmzip.open(path, "rw")
    with pytest.raises(ValueError):
        lmzip.open(path, "rb", encoding="ascii")


def test_a_file_object_stays_open(text):
    target = io.BytesIO()
    with lmzip.LMZFile(target, "w", level=1) as file:
        file.write(text)
    assert lmzip.decompress(target.getvalue()) == text


def test_archives_in_a_row_are_one_file_to_read_and_seek_in(tmp_path, text, packed):
    (tmp_path / "a.lmz").write_bytes(packed * 2)
    with lmzip.open(tmp_path / "a.lmz") as file:
        assert file.seek(len(text) + 5) == len(text) + 5
        assert file.read(10) == text[5:15]
        assert file.seek(-4, os.SEEK_CUR) == len(text) + 11
        assert file.read() == text[11:]
        assert file.seek(0) == 0 and file.read() == text * 2
        assert [file.read(1), file.read1(1), file.peek(1)] == [b""] * 3


def test_lines(path, text):
    with lmzip.open(path) as file:
        assert file.readline() == text[: text.index(b"\n") + 1]
        assert b"".join(file) == text[text.index(b"\n") + 1 :]
    with lmzip.open(path, "rt", encoding="ascii", newline="\r\n") as file:
        assert file.readline() == text.decode()


def test_progress_and_limits(path, text):
    done: list[int] = []
    with lmzip.open(path, progress=done.append, threads=1) as file:
        file.read()
    assert sum(done) == len(text)
    with lmzip.open(path, memory_limit=1 << 20) as file, pytest.raises(lmzip.LimitError):
        file.read()
    with pytest.raises(lmzip.LimitError):
        lmzip.open(path, "wb", memory_limit=1 << 20)
    assert lmzip.decompress(path.read_bytes()) == text, "the file was not touched"


def test_what_a_failing_program_wrote_is_no_archive(tmp_path):
    with pytest.raises(RuntimeError), lmzip.open(tmp_path / "a.lmz", "wb", level=1) as file:
        file.write(b"half of it")
        raise RuntimeError
    with lmzip.open(tmp_path / "a.lmz") as file, pytest.raises(lmzip.LMZError):
        file.read()


def test_a_text_writer_that_fails_leaves_no_archive_either(tmp_path):
    with pytest.raises(RuntimeError), lmzip.open(tmp_path / "a.lmz", "wt", level=1) as file:
        file.write("half of it")
        raise RuntimeError
    assert file.closed and file.buffer.closed
    with lmzip.open(tmp_path / "a.lmz") as file, pytest.raises(lmzip.LMZError):
        file.read()
    target = io.BytesIO()
    with pytest.raises(RuntimeError), lmzip.open(target, "wt", level=1) as file:
        raise RuntimeError
    assert not target.closed
    with lmzip.open(tmp_path / "a.lmz", "wt", level=1) as file:
        file.write("all of it")
    with lmzip.open(tmp_path / "a.lmz", "rt") as file:
        assert file.read() == "all of it"


def test_a_thread_that_outlives_the_main_one_writes_and_reads(tmp_path):
    """All that is loaded and started at first use, is so while the interpreter ends."""
    program = """
import sys, threading
import lmzip

def work():
    threading.main_thread().join()
    with lmzip.open(sys.argv[1], "wb", level=1) as file:
        file.write(b"the cat sat on the mat, the cat sat on the mat" * 3)
    with lmzip.open(sys.argv[1]) as file:
        print(len(file.read()))

threading.Thread(target=work).start()
"""
    command = [sys.executable, "-c", program, tmp_path / "a.lmz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("138\n", "")


def test_paths_of_every_kind(tmp_path):
    name = os.fsencode(tmp_path / "a.lmz")
    for path in (name, os.fsdecode(name), tmp_path / "a.lmz"):
        with lmzip.open(path, "wb", level=1) as file:
            assert file.write(b"data") == 4
        with lmzip.LMZFile(path) as file:
            assert file.read() == b"data" and file.name in (name, os.fsdecode(name))
    with pytest.raises(TypeError):
        lmzip.open(3.5)


def test_what_the_mode_does_not_allow(path):
    with lmzip.open(path) as file:
        assert (file.readable(), file.writable(), file.seekable()) == (True, False, True)
        with pytest.raises(OSError):
            file.write(b"x")
    with pytest.raises(ValueError):
        file.read()
    with lmzip.open(io.BytesIO(), "wb") as file:
        assert (file.readable(), file.writable(), file.seekable()) == (False, True, False)
        with pytest.raises(OSError):
            file.read()


def test_fsspec_knows_the_name_and_the_suffix(path, text):
    fsspec = pytest.importorskip("fsspec")
    lmzip.register_fsspec()
    lmzip.register_fsspec()
    for compression in ("lmzip", "infer"):
        with fsspec.open(str(path), "rb", compression=compression) as file:
            assert file.read() == text


def test_a_truncated_file_is_an_error(path):
    path.write_bytes(path.read_bytes()[:-5])
    with lmzip.open(path) as file, pytest.raises(EOFError):
        file.read()
