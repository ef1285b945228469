"""What scripts written for gzip and xz say: done where it means something, else refused."""

from __future__ import annotations

import pytest
from conftest import run

import lmzip
from lmzip.cli import lmzcat


@pytest.mark.parametrize("option", ["-n", "--no-name", "-e", "--extreme"])
def test_options_that_change_nothing(option, text, packed):
    assert run("-1", option, stdin=text).stdout == packed
    assert run("c", "-1", option, stdin=text).stdout == packed
    assert run("-d", option, stdin=packed).stdout == text
    assert run(option, program=lmzcat, stdin=packed).stdout == text
    for command in (("-t",), ("t",), ("-l",), ("list",)):
        assert run(*command, option, stdin=packed).returncode == 0


def test_written_together(text, packed):
    assert run("-1nc", stdin=text).stdout == run("-1e", stdin=text).stdout == packed
    assert run("-dc", "--to-stdout", stdin=packed).stdout == text
    assert run("c", "-1", "--to-stdout", stdin=text).stdout == packed


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("-N", "no archive holds the name"),
        ("--name", "no archive holds the name"),
        ("-0", "levels go from -1"),
        ("--rsyncable", "every byte of an archive depends on all data before it"),
    ],
)
def test_options_that_cannot_be_had_are_refused_with_a_reason(option, reason, text):
    for command in ((), ("c",), ("d",)):
        done = run(*command, option, stdin=text)
        assert (done.returncode, done.stdout) == (1, b"")
        (line,) = done.stderr.decode().splitlines()
        assert reason in line and option in line


def test_a_suffix_of_ones_own(tmp_path, text):
    (tmp_path / "a").write_bytes(text)
    assert run("-1", "-S", ".z9", "--rm", tmp_path / "a").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.z9"]
    assert b"skipped" in run("-1", "-S", ".z9", tmp_path / "a.z9").stderr
    assert run("-d", tmp_path / "a.z9").returncode == 1, "the name of the output is unknown"
    assert run("-t", "-r", "-S", ".z9", "-v", tmp_path).stderr.count(b"sound") == 1
    assert run("-d", "-S.z9", tmp_path / "a.z9").returncode == 0
    assert (tmp_path / "a").read_bytes() == text
    assert run("-1", tmp_path / "a").returncode == 0
    assert run("-df", "--suffix=.z9", tmp_path / "a.lmz").returncode == 0, ".lmz is known always"
    for wrong in ("", "/x", "a/b"):
        assert run("-1", "-S", wrong, tmp_path / "a").returncode == 1


def test_with_force_what_is_no_archive_passes_through(tmp_path, text, packed):
    (tmp_path / "plain").write_bytes(text)
    (tmp_path / "x.lmz").write_bytes(packed)
    (tmp_path / "empty").touch()
    files = [tmp_path / name for name in ("plain", "x.lmz", "empty", "plain")]
    done = run("-f", *files, program=lmzcat)
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", text * 3)
    assert run("-dcf", *files).stdout == run("d", "-cf", *files).stdout == text * 3
    for data in (text, packed, b"", b"\x8c", b"\x8cLM"):
        wanted = text if data == packed else data
        assert run("-df", stdin=data).stdout == wanted or data.startswith(b"\x8c")
    assert run(*files, program=lmzcat).returncode == 2, "not without force"
    done = run("-df", tmp_path / "plain")
    assert done.returncode == 1 and (tmp_path / "plain").read_bytes() == text
    (tmp_path / "bad.lmz").write_bytes(packed[:-1] + b"?")
    done = run("-f", tmp_path / "bad.lmz", program=lmzcat)
    assert (done.returncode, done.stdout) == (2, b""), "damage is no plain data"


def test_the_version_is_told_whatever_stands_before_it():
    told = run("-V").stdout
    assert told.startswith(f"lmzip {lmzip.__version__} (generation ".encode())
    for words in (("-9", "-V"), ("-dcV",), ("c", "-V"), ("list", "--version"), ("bench", "-V")):
        done = run(*words)
        assert (done.returncode, done.stdout) == (0, told), words
    assert run("-V", program=lmzcat).stdout == told
