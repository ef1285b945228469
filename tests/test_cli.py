"""The command as a user meets it: processes, files, pipes, messages and exit status."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import noise, prose, run, spawn
from layout import of_another_code

import lmzip
import lmzip.cli


def test_compress_beside_the_input_and_restore(tmp_path, text):
    source = tmp_path / "a.txt"
    source.write_bytes(text)
    assert run("compress", "-1", source).returncode == 0
    assert source.read_bytes() == text
    archive = tmp_path / "a.txt.lmz"
    assert archive.stat().st_size < len(text)
    assert run("decompress", archive, "-o", tmp_path / "b").returncode == 0
    assert (tmp_path / "b").read_bytes() == text


def test_standard_input_and_output(text, packed, tmp_path):
    for arguments in ((), ("-",), ("-c", "-"), ("-o", "-")):
        assert run("compress", "-1", *arguments, stdin=text).stdout == packed
        assert run("decompress", *arguments, stdin=packed).stdout == text
    (tmp_path / "a").write_bytes(text)
    assert run("compress", "-1", "-c", tmp_path / "a").stdout == packed
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_pipes(text, packed):
    assert spawn("-1", stdin=text).stdout == packed
    assert spawn("-d", stdin=packed).stdout == text


def test_the_bare_filter_has_the_options_of_gzip_and_xz(text, packed, tmp_path):
    assert run(stdin=text, LMZIP_LEVEL="1").stdout == packed
    assert run("-1", stdin=text).stdout == packed
    for arguments in (("-d",), ("-9", "-dc"), ("--decompress", "-")):
        assert run(*arguments, stdin=packed).stdout == text
    (tmp_path / "a").write_bytes(text)
    assert run("-1", tmp_path / "a").returncode == 0
    archive = tmp_path / "a.lmz"
    assert archive.read_bytes() == packed
    assert (
        run("-tv", archive).stderr
        == f"lmzip: {archive}: sound, {len(text):,} bytes of data\n".encode()
    )
    assert json.loads(run("-l", "--json", archive).stdout)[0]["raw_size"] == len(text)
    assert run("-df", archive).returncode == 0


def test_aliases_are_the_commands(packed):
    for alias, command in (("d", "decompress"), ("t", "test"), ("l", "list")):
        short, long = (run(name, stdin=packed) for name in (alias, command))
        assert (short.returncode, short.stdout) == (0, long.stdout)
    assert run("c", "--fast", stdin=b"x" * 99).stdout == lmzip.compress(b"x" * 99, level=1)


def test_lmzcat_writes_files_one_after_the_other(text, packed, tmp_path):
    (tmp_path / "a.bin").write_bytes(packed)
    done = run(tmp_path / "a.bin", "-", stdin=packed, program=lmzip.cli.lmzcat)
    assert done.stdout == text * 2
    assert run("-h", program=lmzip.cli.lmzcat).stdout.startswith(b"Usage: lmzcat [OPTIONS]")


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar")
def test_tar_uses_it_as_its_filter(tmp_path, text):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(text)
    (tmp_path / "lmzip").write_text(f'#!/bin/sh\nexec {sys.executable} -m lmzip "$@"\n')
    (tmp_path / "lmzip").chmod(0o700)
    tar = ["tar", "-C", tmp_path, "-I", f"{tmp_path}/lmzip -1"]
    subprocess.run([*tar, "-cf", tmp_path / "a.tar.lmz", "in"], check=True)
    shutil.rmtree(tmp_path / "in")
    subprocess.run([*tar, "-xf", tmp_path / "a.tar.lmz"], check=True)
    assert (tmp_path / "in" / "a").read_bytes() == text


def test_the_environment_sets_level_and_threads_only(text, packed):
    assert run("-1", stdin=text, LMZIP_LEVEL="2", LMZIP_THREADS="2").stdout == packed
    assert run(stdin=text, LMZIP_LEVEL="2").stdout == lmzip.compress(text, level=2)
    for name, value in (("LMZIP_LEVEL", "10"), ("LMZIP_LEVEL", "x"), ("LMZIP_THREADS", "x")):
        done = run(stdin=text, **{name: value})
        assert (done.returncode, done.stdout) == (1, b"")
        assert value.encode() in done.stderr


def test_a_model_may_begin_with_nothing_learned(text):
    packed = lmzip.compress(text, level=1, from_scratch=True)
    for command in (("compress", "-1", "--from-scratch"), ("--from-scratch", "-1")):
        assert run(*command, stdin=text).stdout == packed
    assert run("d", stdin=packed).stdout == text


def test_an_existing_output_is_kept_unless_forced(tmp_path, text):
    source, target = tmp_path / "a", tmp_path / "a.lmz"
    source.write_bytes(text)
    target.write_bytes(b"mine")
    done = run("compress", "-1", source)
    assert done.returncode == 1 and b"-f" in done.stderr
    assert target.read_bytes() == b"mine"
    assert run("compress", "-1", "-f", source).returncode == 0
    assert lmzip.decompress(target.read_bytes()) == text


def damage(packed: bytes) -> dict[str, bytes]:
    flipped = bytearray(packed)
    flipped[60] ^= 1
    return {
        "foreign": b"just some text, nothing more",
        "empty": b"",
        "truncated": packed[:-10],
        "flipped": bytes(flipped),
        "unknown-code": of_another_code(packed, b"others"),
        "appended": packed + b"x",
    }


@pytest.mark.parametrize("kind", list(damage(lmzip.compress(noise(100), level=1))))
def test_damaged_and_foreign_data_leave_nothing_behind(kind, tmp_path, packed):
    source = tmp_path / "a.lmz"
    source.write_bytes(damage(packed)[kind])
    done = run("decompress", source)
    assert done.returncode == 2
    assert done.stderr.startswith(b"lmzip: ") and b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [source]


def test_what_the_environment_lacks(tmp_path):
    for arguments in (
        ("compress", tmp_path / "missing"),
        ("compress", tmp_path),
        ("decompress", tmp_path / "missing.lmz"),
        ("compress", "--no-such-option"),
        ("no-such-command",),
        ("bench", "--levels", "x", "file"),
    ):
        done = run(*arguments)
        assert done.returncode == 1, arguments
        assert done.stderr and b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_asks_for_a_name(tmp_path, packed):
    (tmp_path / "a.bin").write_bytes(packed)
    done = run("decompress", tmp_path / "a.bin")
    assert done.returncode == 1 and b"-o" in done.stderr


def test_help_and_version_import_neither_torch_nor_numba():
    program = (
        "import sys; from lmzip.cli import main; sys.argv = ['lmzip', sys.argv[1]]; main();"
        "assert not {'torch', 'numba', 'numpy'} & set(sys.modules)"
    )
    for option in ("--help", "--version"):
        done = subprocess.run([sys.executable, "-c", program, option], capture_output=True)
        assert done.returncode == 0, done.stderr
    assert lmzip.__version__.encode() in done.stdout


def test_levels_are_told_apart(tmp_path):
    data = prose(300)
    archives = {run("compress", f"-{level}", stdin=data).stdout for level in (1, 2, 3)}
    assert len(archives) == 3
    assert {lmzip.decompress(archive) for archive in archives} == {data}


WORDS = ("c", "d", "t", "l", "compress", "list", "test", "report", "bench", "score")


@pytest.mark.parametrize("word", WORDS)
def test_a_word_that_is_a_command_and_a_file_is_not_guessed(word, tmp_path, monkeypatch):
    """As in `lmzip *`."""
    monkeypatch.chdir(tmp_path)
    for name in (word, "x"):
        (tmp_path / name).write_bytes(b"")
    done = run(word, "x", LMZIP_LEVEL="1")
    assert done.returncode == 1 and done.stderr.startswith(f"lmzip: {word}: may be a ".encode())
    assert f"`lmzip -- {word}`".encode() in done.stderr and done.stderr.count(b"\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((word, "x"))
    for arguments in (("--", word, "x"), (f"./{word}", "x"), ("-1", word, "x")):
        assert run(*arguments, LMZIP_LEVEL="1").stderr == b""
        for name in (word, "x"):
            (tmp_path / f"{name}.lmz").unlink()


def test_a_command_may_be_meant_where_its_word_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c").write_bytes(b"")
    assert run("c", "-1", "--", "c").returncode == 0
    assert run("c", "-1f", "c").returncode == 0, "no pattern gives a name twice"
    assert (tmp_path / "c.lmz").exists()
    (tmp_path / "t").mkdir()
    assert run("t", "c.lmz").returncode == 0, "a directory is no input anyway"
    (tmp_path / "l").symlink_to("nowhere")
    assert run("l", "c.lmz").returncode == 1


def test_help_and_readme_name_what_ends_the_options():
    readme = Path(__file__).parent.parent / "README.md"
    for text in (run("--help").stdout.decode(), readme.read_text(encoding="utf-8")):
        assert "lmzip -- *" in text
