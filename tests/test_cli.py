"""The command as a user meets it: processes, files, pipes, messages and exit status."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import prose

import lmzip
from lmzip.container import Header


def run(*arguments: object, stdin: bytes = b"", cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lmzip", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
    )


@pytest.fixture(scope="module")
def packed(text) -> bytes:
    return lmzip.compress(text, level=1)


def test_compress_beside_the_input_and_restore(tmp_path, text):
    source = tmp_path / "a.txt"
    source.write_bytes(text)
    assert run("compress", "-1", source).returncode == 0
    assert source.read_bytes() == text
    archive = tmp_path / "a.txt.lmz"
    assert archive.stat().st_size < len(text)
    assert run("decompress", archive, "-o", tmp_path / "b").returncode == 0
    assert (tmp_path / "b").read_bytes() == text


def test_pipes(text, packed, tmp_path):
    for arguments in ((), ("-",), ("-c", "-")):
        assert run("compress", "-1", *arguments, stdin=text).stdout == packed
        assert run("decompress", *arguments, stdin=packed).stdout == text
    (tmp_path / "a").write_bytes(text)
    assert run("compress", "-1", "-c", tmp_path / "a").stdout == packed
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


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
        "unknown-code": Header(1, b"otherone").pack() + packed[Header.SIZE :],
        "appended": packed + b"x",
    }


@pytest.mark.parametrize("kind", list(damage(bytes(100))))
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
