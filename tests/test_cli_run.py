"""How the command ends: signals, closed pipes, full disks, bugs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import pytest
from conftest import COMMAND, prose, run

import lmzip

ENDLESS = Random(1).randbytes(1 << 20)
"""Takes long enough to be interrupted, on any machine: nothing in it is foreseen."""


def start(directory: Path, *arguments: str) -> subprocess.Popen:
    """Start compressing `in` over the existing `out`; return once it has begun."""
    (directory / "in").write_bytes(ENDLESS)
    (directory / "out").write_bytes(b"good")
    command = [*COMMAND, "c", "-1", "in", "-f", "-o", "out", *arguments]
    process = subprocess.Popen(command, cwd=directory, stderr=subprocess.PIPE)
    while not any(directory.glob(".lmzip-*")) and process.poll() is None:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_nothing_partial(name, tmp_path):
    number = getattr(signal, name)
    process = start(tmp_path)
    process.send_signal(number)
    process.send_signal(number)  # as closing terminals do
    stderr = process.communicate()[1]
    assert process.returncode == -number
    assert b"Traceback" not in stderr and f"interrupted ({name})".encode() in stderr
    assert sorted(os.listdir(tmp_path)) == ["in", "out"]
    assert (tmp_path / "out").read_bytes() == b"good"


def test_a_signal_in_the_middle_of_the_work(tmp_path):
    process = start(tmp_path, "--progress")
    told = b""
    while not re.search(rb"\d+%.* [1-9][\d.]*k/", told):  # some kB are done
        piece = os.read(process.stderr.fileno(), 1 << 16)
        assert piece, f"it ended before it was interrupted: {told!r}"
        told += piece
    process.send_signal(signal.SIGINT)
    assert b"interrupted (SIGINT)" in process.communicate()[1]
    assert process.returncode == -signal.SIGINT
    assert sorted(os.listdir(tmp_path)) == ["in", "out"]


def test_a_kill_leaves_at_most_a_temporary_file(tmp_path):
    process = start(tmp_path)
    process.kill()
    process.communicate()
    others = set(os.listdir(tmp_path)) - {"in", "out"}
    assert all(name.startswith(".lmzip-") for name in others)
    assert (tmp_path / "out").read_bytes() == b"good"
    for name in others:
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_closed_pipe_ends_it_quietly(tmp_path):
    (tmp_path / "in.lmz").write_bytes(lmzip.compress(prose(200), level=1) * 400)
    process = subprocess.Popen(
        [*COMMAND, "d", "-c", tmp_path / "in.lmz"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()  # sooner than it can write all of 80 kB
    assert process.stderr.read() == b""
    assert process.wait() == -signal.SIGPIPE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_told_once(tmp_path):
    (tmp_path / "in").write_bytes(b"some text")
    for output in ([], ["-o", "/dev/full"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [*COMMAND, "-1", "-f", tmp_path / "in", *(output or ["-c"])],
                stdout=full,
                stderr=subprocess.PIPE,
            )
        assert done.returncode == 1
        assert done.stderr.count(b"no space left on device") == done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("closed", "arguments", "name"),
    [
        ("<&-", ["-1"], "input"),
        ("<&-", ["-d"], "input"),
        ("<&-", ["-t"], "input"),
        (">&-", ["-1", "-c", "in", "in"], "output"),
        (">&-", ["--help"], "output"),
        ("<&- >&-", ["-1"], "input"),
    ],
)
def test_of_closed_standard_streams_the_right_one_is_named(closed, arguments, name, tmp_path):
    (tmp_path / "in").write_bytes(b"some text")
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, *arguments]
    done = subprocess.run(command, cwd=tmp_path, input=b"some text", stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.startswith(f"lmzip: standard {name}: is closed: ".encode())
    assert done.stderr.count(b"\n") == 1
    assert os.listdir(tmp_path) == ["in"]


def test_a_closed_standard_error_costs_no_output(tmp_path):
    (tmp_path / "in").write_bytes(b"some text")
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, "-1v", "in"]
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    assert lmzip.decompress((tmp_path / "in.lmz").read_bytes()) == b"some text"


def test_a_bug_is_told_from_everything_else(tmp_path, monkeypatch):
    (tmp_path / "in").write_bytes(b"text")
    monkeypatch.setattr("lmzip.cli.jobs.LMZCompressor", lambda *args, **options: 1 / 0)
    done = run("c", "-1", tmp_path / "in")
    assert done.returncode == 3
    assert b"ZeroDivisionError" in done.stderr and b"please report" in done.stderr
    assert os.listdir(tmp_path) == ["in"]


def test_memory_that_is_not_there(tmp_path, monkeypatch):
    def refuse(*args: object, **options: object) -> None:
        raise MemoryError

    (tmp_path / "in").write_bytes(b"text")
    monkeypatch.setattr("lmzip.cli.jobs.LMZCompressor", refuse)
    done = run("c", "-1", tmp_path / "in")
    assert done.returncode == 1 and b"out of memory: " in done.stderr
