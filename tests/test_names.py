"""Names of files as they are shown: any byte, on one line, and no command to a terminal."""

from __future__ import annotations

import doctest
import json
import os
import sys
from pathlib import Path

import pytest
from conftest import prose, run, spawn

import lmzip
from lmzip import names
from lmzip.names import shown

NAMES = (b"\xff\xfe.lmz", b"new\nline.lmz", b"\x1b]0;title\x07.lmz", "\u202egpj.lmz".encode())
SEEN = ("\\xff\\xfe.lmz", "new\\nline.lmz", "\\x1b]0;title\\x07.lmz", "\\u202egpj.lmz")


def test_what_is_harmless_is_shown_as_it_is():
    for name in ("a b", "Übergrößen", "漢字\u3000", "👩\u200d🚀", "C:\\new", "weiß.lmz"):
        assert shown(name) == name
    assert [shown(os.fsdecode(name)) for name in NAMES] == list(SEEN)
    assert shown("\x9b\u2028\u2066") == "\\x9b\\u2028\\u2066"
    assert doctest.testmod(names) == (0, 1)


@pytest.fixture
def odd(tmp_path, monkeypatch, packed) -> list[str]:
    """Names of archives in the current directory."""
    if sys.platform in ("win32", "darwin"):
        pytest.skip("names are Unicode there")
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        Path(os.fsdecode(name)).write_bytes(packed)
    return [os.fsdecode(name) for name in NAMES]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_any_name_can_be_listed(encoding, odd):
    Path("漢.lmz").write_bytes(Path(odd[0]).read_bytes())
    done = spawn("l", *odd, "漢.lmz", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    last = "漢.lmz" if encoding == "utf-8" else "\\u6f22.lmz"
    found = [line.split("  ")[-1] for line in done.stdout.decode().splitlines()]
    assert found == ["name", *SEEN, last]


def every_name(found: object) -> list[str]:
    """All values of "name" and "names" in JSON."""
    if isinstance(found, list):
        return [name for value in found for name in every_name(value)]
    if not isinstance(found, dict):
        return []
    own = found.get("names", [found["name"]] if "name" in found else [])
    return own + [name for value in found.values() for name in every_name(value)]


READING = ("l", "report -1", "compare --levels 1", "score -1", "distance -1")


@pytest.mark.parametrize("command", READING)
def test_json_has_every_byte_of_a_name(command, odd):
    words = command.split()
    files = odd[: {"report": 1, "distance": 3}.get(words[0], 2)]
    if words[0] == "score":
        words += ["--like", odd[1]]
    for name in files:
        Path(name).write_bytes(Path(name).read_bytes() if words[0] == "l" else prose(100))
    done = run(*words, "--json", *files)
    assert done.returncode == 0, done.stderr
    assert [os.fsencode(name) for name in every_name(json.loads(done.stdout))] == [
        os.fsencode(name) for name in files
    ]
    done = run(*words, *files)
    assert done.returncode == 0 and SEEN[0] in done.stdout.decode(), done.stderr


def test_a_page_about_any_name(odd):
    pytest.importorskip("matplotlib")
    Path(odd[0]).write_bytes(prose(100))
    for command in (["report", "-1"], ["compare", "--levels", "1"]):
        done = run(*command, odd[0], "--html", os.fsdecode(b"page\xff.html"), "-f")
        assert done.returncode == 0, done.stderr
        assert SEEN[0] in Path(os.fsdecode(b"page\xff.html")).read_text(encoding="utf-8")


def test_bench_shows_any_name(odd, monkeypatch):
    from lmzip import bench

    Path(odd[0]).write_bytes(b"x")
    monkeypatch.setattr(bench, "coders", lambda levels: ["zlib -9"])
    done = run("bench", odd[0])
    assert done.returncode == 0 and f"| {SEEN[0]} |" in done.stdout.decode(), done.stderr
    (result,) = json.loads(run("bench", "--json", odd[0]).stdout)
    assert os.fsencode(result["file"]) == NAMES[0]


def test_any_name_can_be_told_of(odd):
    for name, seen in zip(odd, SEEN, strict=True):
        done = run("t", "-v", name)
        assert done.stderr.decode() == f"lmzip: {seen}: sound, 3,000 bytes of data\n"
        done = run("d", name, "x")
        assert done.returncode == 1 and done.stderr.decode().count("\n") == 1
        assert run("d", name).stderr.decode().startswith(f"lmzip: {seen[:-4]}: will not be")
        assert run("c", "-1f", "--progress", "-c", name).returncode == 0
        assert b"\x1b]" not in run("c", "-1f", "--progress", "-c", name).stderr
    assert b"\x1b" not in run("--\x1b[2J").stderr


def test_a_name_that_is_no_utf8_comes_back(odd):
    Path(os.fsdecode(b"\xe9t\xe9")).write_bytes(b"summer")
    assert run("-1", "--rm", os.fsdecode(b"\xe9t\xe9")).returncode == 0
    assert lmzip.decompress(Path(os.fsdecode(b"\xe9t\xe9.lmz")).read_bytes()) == b"summer"
    assert run("d", os.fsdecode(b"\xe9t\xe9.lmz")).returncode == 0
    assert Path(os.fsdecode(b"\xe9t\xe9")).read_bytes() == b"summer"
