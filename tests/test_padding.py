"""What stands behind an archive: zeros, as tapes add them, are ignored, all else is an error."""

from __future__ import annotations

import io

import pytest
from conftest import run

import lmzip
from lmzip.salvage import salvage
from lmzip.scan import scan
from lmzip.whole import decompress_chunks


def by_file(data: bytes) -> bytes:
    with lmzip.open(io.BytesIO(data)) as file:
        return file.read()


def byte_by_byte(data: bytes) -> bytes:
    return b"".join(decompress_chunks(data[i : i + 1] for i in range(len(data))))


WAYS = [lmzip.decompress, by_file, byte_by_byte, lambda data: salvage(data)[0]]


@pytest.mark.parametrize("read", WAYS)
@pytest.mark.parametrize("size", [1, 3, 18, 512, 100_000])
def test_zeros_behind_an_archive_are_ignored_with_a_warning(read, size, packed, text):
    with pytest.warns(lmzip.PaddingWarning, match=f"^{size:,} zero bytes behind an archive"):
        assert read(packed + bytes(size)) == text


@pytest.mark.parametrize("read", WAYS)
def test_zeros_between_archives_too(read, packed, text):
    with pytest.warns(lmzip.PaddingWarning) as told:
        assert read(packed + bytes(30) + packed + bytes(4)) == text + text
    assert [str(warning.message).split()[0] for warning in told] == ["30", "4"]


@pytest.mark.filterwarnings("ignore::lmzip.PaddingWarning")
@pytest.mark.parametrize("read", WAYS[:3])
@pytest.mark.parametrize("zeros", [0, 1, 17, 18, 700])
def test_an_error_says_where_the_rest_begins(read, zeros, packed):
    place = len(packed) + zeros
    with pytest.raises(lmzip.CorruptError, match=f"begins at byte {place:,} is no .*-c {place}"):
        read(packed + bytes(zeros) + b"garbage")
    second = 2 * len(packed) + zeros
    with pytest.raises(lmzip.CorruptError, match=f"begins at byte {second:,} is no"):
        read(packed + bytes(zeros) + packed + b"garbage")
    with pytest.raises(lmzip.TruncatedError, match=f"ends after {place + 9:,} bytes"):
        read(packed + bytes(zeros) + packed[:9])


def test_zeros_alone_are_no_archive():
    for read in (*WAYS, lambda data: list(scan(io.BytesIO(data)))):
        with pytest.raises(lmzip.FormatError):
            read(bytes(512))


def test_a_scan_counts_them(packed):
    archives = list(scan(io.BytesIO(packed + bytes(19) + packed + bytes(5))))
    assert [info.padding for info in archives] == [19, 5]


def test_the_end_of_a_file_with_padding_stays_its_end(packed, text):
    with lmzip.open(io.BytesIO(packed + bytes(20_000))) as file:
        with pytest.warns(lmzip.PaddingWarning):
            assert file.seek(0, io.SEEK_END) == len(text)
        assert file.read() == b"" and file.read(5) == b""
        assert file.seek(3) == 3 and file.read(4) == text[3:7]


def test_the_command_says_so_once_for_each_file(packed, text, tmp_path):
    for name in ("a.lmz", "b.lmz"):
        (tmp_path / name).write_bytes(packed + bytes(512))
    for command in (("d", "-f"), ("t",), ("t", "--quick"), ("list",)):
        done = run(*command, tmp_path / "a.lmz", tmp_path / "b.lmz")
        lines = done.stderr.decode().splitlines()
        assert done.returncode == 0 and len(lines) == 2, lines
        for line, name in zip(lines, ("a.lmz", "b.lmz"), strict=True):
            assert line.endswith(f"{name}: 512 zero bytes behind an archive are ignored")
        assert run(*command, "-q", tmp_path / "a.lmz").stderr == b""
    assert (tmp_path / "a").read_bytes() == text
    done = run("-d", stdin=packed + bytes(512))
    assert done.stdout == text and b"standard input: 512 zero bytes" in done.stderr
