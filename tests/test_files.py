"""File objects like those of gzip and lzma; outputs that are whole or absent."""

from __future__ import annotations

import io
import os

import pytest

import lmzip
from lmzip.files import atomic_output


@pytest.fixture
def path(tmp_path, text):
    name = tmp_path / "text.lmz"
    name.write_bytes(lmzip.compress(text, level=1))
    return name


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


def test_a_truncated_file_is_an_error(path):
    path.write_bytes(path.read_bytes()[:-5])
    with lmzip.open(path) as file, pytest.raises(EOFError):
        file.read()


def test_an_output_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out"
    with pytest.raises(RuntimeError), atomic_output(target) as file:
        file.write(b"half")
        assert not target.exists()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic_output(target) as file:
        file.write(b"whole")
    assert target.read_bytes() == b"whole"


def test_a_good_target_survives_a_failure(tmp_path):
    target = tmp_path / "out"
    target.write_bytes(b"good")
    with pytest.raises(RuntimeError), atomic_output(target, overwrite=True) as file:
        file.write(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(FileExistsError), atomic_output(target):
        pass


def test_mode_and_time_are_carried_over(tmp_path):
    source = tmp_path / "in"
    source.write_bytes(b"x")
    source.chmod(0o640)
    os.utime(source, ns=(10**18, 10**18))
    with atomic_output(tmp_path / "out", like=source.stat()) as file:
        file.write(b"y")
    status = (tmp_path / "out").stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, 10**18)
