"""`--after OLD`: what both sides have, from the command line."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from conftest import COMMAND, noise, prose, run

import lmzip
from lmzip import after
from lmzip.cli import lmzcat

OLD = noise(400, seed=9) + prose(200, seed=2)
NEW = OLD[100:420] + b", changed"


@pytest.fixture(scope="module")
def archive() -> bytes:
    return lmzip.compress(NEW, level=1, after=OLD)


@pytest.fixture
def here(tmp_path, monkeypatch, archive):
    """A directory with OLD, in whole and in two parts, the new data and their archive."""
    monkeypatch.chdir(tmp_path)
    parts = {"old": OLD, "old1": OLD[:70], "old2": OLD[70:], "new": NEW, "made.lmz": archive}
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def fails(status: int, message: str, *arguments: object, stdin: bytes = b"") -> None:
    """The command ends so, with one line, and leaves no file."""
    before = sorted(os.listdir())
    done = run(*arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (status, b"")
    assert message in done.stderr.decode() and done.stderr.count(b"\n") == 1
    assert sorted(os.listdir()) == before


def test_a_file_becomes_what_is_new_in_it(here, archive):
    assert run("c", "-1", "--after", "old", "new").returncode == 0
    assert (here / "new.lmz").read_bytes() == archive
    (here / "new").unlink()
    assert run("d", "--after", "old", "new.lmz").returncode == 0
    assert (here / "new").read_bytes() == NEW


def test_several_are_read_in_the_order_given(here, archive):
    both = ("--after", "old1", "--after", "old2")
    assert run("-1", "-c", *both, "new").stdout == archive
    assert run("-dc", *both, "made.lmz").stdout == NEW
    fails(2, "after other data than are given", "-d", *both[2:], *both[:2], "made.lmz")


def test_pipes_and_the_options_of_gzip(here, archive):
    assert run("-1", "--after", "old", stdin=NEW).stdout == archive
    assert run("-d", "--after", "old", stdin=archive).stdout == NEW
    assert run("made.lmz", "--after", "old", program=lmzcat).stdout == NEW
    assert run("-dcf", "--after", "old", "new").stdout == NEW, "no archive is passed on"
    for test in (("t",), ("-t",), ("t", "--quick")):
        assert run(*test, "--after", "old", "made.lmz").returncode == 0


def test_each_of_several_files_follows_it_by_itself(here, archive):
    for name in ("dir/a", "dir/b"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_bytes(NEW)
    assert run("c", "-1", "-r", "--after", "old", "dir", "--output-dir", "out").returncode == 0
    assert (here / "out/dir/a.lmz").read_bytes() == (here / "out/dir/b.lmz").read_bytes() == archive
    assert run("t", "-r", "--after", "old", "out").returncode == 0


def test_what_is_missing_wrong_or_not_needed_is_told_at_once(here, archive):
    plain = lmzip.compress(b"plain", level=1)
    (here / "plain.lmz").write_bytes(plain)
    for mode in (("d",), ("t",), ("-dc",), ("d", "--salvage")):
        fails(1, "after other data, which both sides need", *mode, "made.lmz")
        fails(1, "was not made after other data", *mode, "--after", "old", "plain.lmz")
        fails(2, "after other data than are given", *mode, "--after", "new", "made.lmz")
    fails(1, "after other data, which both sides need", "-d", stdin=archive)
    fails(1, "was not made after other data", "-d", "--after", "old", stdin=plain)
    fails(2, "after other data than are given", "t", "--quick", "--after", "new", "made.lmz")
    assert run("t", "--quick", "made.lmz").returncode == 0, "the model is not asked"


def test_archives_in_a_row_read_it_if_they_need_it(here, archive):
    plain = lmzip.compress(b"plain", level=1)
    for order in ((archive, plain), (plain, archive)):
        (here / "row.lmz").write_bytes(b"".join(order))
        data = b"".join(NEW if part is archive else b"plain" for part in order)
        assert run("-dc", "--after", "old", "row.lmz").stdout == data
        assert run("-d", "row.lmz").returncode == 1


def test_what_cannot_be_read_is_said(here):
    (here / "dir").mkdir()
    fails(1, "nowhere: cannot be opened: no such file", "c", "--after", "nowhere", "new")
    fails(1, "dir: cannot be read by --after: it is a directory", "d", "--after", "dir", "made.lmz")
    for arguments in (("c", "--after", "-", "new"), ("-l", "--after", "old", "made.lmz")):
        done = run(*arguments)
        assert done.returncode == 1 and b"--after" in done.stderr


def test_what_is_needed_again_is_not_removed_or_replaced(here):
    fails(1, "--rm would remove it", "c", "-1", "--rm", "--after", "old", "old")
    fails(1, "its archive would replace old", "c", "-1f", "--after", "old", "-o", "old", "new")
    assert run("d", "-f", "--after", "old", "made.lmz", "-o", "old").returncode == 0
    assert (here / "old").read_bytes() == NEW, "an update in its place"


def test_of_too_much_the_last_is_read_and_that_is_said(here, monkeypatch):
    monkeypatch.setattr(after, "LIMIT", 100)
    monkeypatch.setattr("lmzip.cli.after.LIMIT", 100)
    done = run("c", "-1", "--after", "old", "new")
    assert done.returncode == 0
    assert done.stderr == b"lmzip: --after: of 600 bytes the last 100 are read, no more\n"
    (here / "end").write_bytes(OLD[-100:])
    assert run("-dc", "--after", "end", "new.lmz").stdout == NEW
    assert run("-q", "-dc", "--after", "old", "new.lmz").stderr == b""


def test_list_shows_it(here, archive):
    head, row = (line.split() for line in run("list", "made.lmz").stdout.decode().splitlines())
    assert dict(zip(head, row, strict=True))["from"] == "learned+after"
    (listed,) = json.loads(run("list", "--json", "made.lmz").stdout)
    assert listed["archives"][0]["after"] == archive[10:14].hex()
    assert run("list", "made.lmz").stderr == b""
    told = run("list", "-v", "made.lmz").stderr.decode()
    assert told == f"lmzip: made.lmz: needs --after, with data of digest {archive[10:14].hex()}\n"


def test_salvage_restores_what_stands_before_the_damage(here, archive):
    (here / "bad.lmz").write_bytes(archive + b"rubbish")
    done = run("d", "--salvage", "--after", "old", "bad.lmz")
    assert done.returncode == 2 and b"are whole" in done.stderr
    assert (here / "bad").read_bytes() == NEW


def test_the_bar_says_how_far_it_has_been_read(here):
    done = run("c", "-1", "--progress", "--after", "old", "new", "-o", "x.lmz")
    assert b"reading old: 100 %" in done.stderr


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="no names of descriptors here")
def test_it_may_come_from_a_pipe(here):
    read, write = os.pipe()
    os.write(write, OLD)
    os.close(write)
    command = [*COMMAND, "-dc", "--after", f"/dev/fd/{read}", "made.lmz"]
    done = subprocess.run(command, pass_fds=[read], capture_output=True)
    os.close(read)
    assert done.stdout == NEW, done.stderr


def test_other_commands_refuse_it(here):
    for command in ("list", "report", "compare", "score", "distance", "bench"):
        done = run(command, "--after", "old", "new")
        assert done.returncode == 1 and b"--after" in done.stderr
