"""Frames in the command: processes, as many as wanted; a part of the data; nothing by halves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import COMMAND, prose, run, spawn

import lmzip

DATA = prose(5000)
ARCHIVE_OPTIONS = ("-1", "--frame-size", "2K")


@pytest.fixture(scope="module")
def archive() -> bytes:
    return lmzip.compress(DATA, level=1, frame_size=2048)


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def packed(tmp_path, archive) -> Path:
    path = tmp_path / "data.lmz"
    path.write_bytes(archive)
    return path


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_bits_are_the_same_by_any_number_of_processes(threads, source, archive, tmp_path):
    assert spawn(*ARCHIVE_OPTIONS, "-T", threads, source).returncode == 0
    assert (tmp_path / "data.lmz").read_bytes() == archive
    source.unlink()
    assert spawn("-d", "-T", threads, tmp_path / "data.lmz").returncode == 0
    assert source.read_bytes() == DATA


def test_pipes_too(archive):
    done = spawn(*ARCHIVE_OPTIONS, "-T", 2, stdin=DATA)
    assert (done.returncode, done.stdout, done.stderr) == (0, archive, b"")
    assert spawn("-d", "-T", 2, stdin=archive * 2).stdout == DATA * 2
    assert spawn("-t", "-T", 2, stdin=archive).returncode == 0


def test_a_damaged_frame_is_found_before_the_work_and_in_a_pipe_meanwhile(packed, archive):
    damaged = archive[:-200] + b"?" + archive[-199:]
    packed.write_bytes(damaged)
    done = run("d", "-T", 2, packed)
    assert done.returncode == 2 and not packed.with_suffix("").exists()
    done = spawn("-d", "-T", 2, stdin=damaged)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1


def test_a_limit_on_memory_lowers_their_number_before_it_refuses(source):
    limit = f"{lmzip.codec.levels.memory_bytes(1) * 3 // 2 // 2**20}M"
    done = spawn(*ARCHIVE_OPTIONS, "-T", 2, "-M", limit, "-v", source)
    assert done.returncode == 0 and b"1 of 2 processes fit into the memory there is" in done.stderr
    done = run(*ARCHIVE_OPTIONS, "-T", 2, "-M", "9M", "-c", source)
    assert done.returncode == 1 and b"level 1 needs" in done.stderr


@pytest.mark.parametrize(
    ("part", "start", "stop"),
    [
        ("3K:+100", 3072, 3172),
        ("2000:2100", 2000, 2100),
        (":+1", 0, 1),
        ("4990:", 4990, 5000),
        ("4K:1G", 4096, 5000),
        ("5000:", 5000, 5000),
        ("7:7", 7, 7),
    ],
)
def test_a_part_of_the_data_goes_to_standard_output(part, start, stop, packed, archive):
    for done in (run("d", "--range", part, packed), run("-d", "--range", part, stdin=archive)):
        assert (done.returncode, done.stdout) == (0, DATA[start:stop])
    assert not packed.with_suffix("").exists()


def test_or_into_a_file_that_is_named(packed, tmp_path):
    assert run("d", "--range", "1K:+9", "-o", tmp_path / "part", packed).returncode == 0
    assert (tmp_path / "part").read_bytes() == DATA[1024:1033]


def test_a_part_is_read_past_what_is_damaged(packed, archive):
    packed.write_bytes(archive[:60] + b"?" + archive[61:])
    assert run("d", "--range", "3K:+10", packed).stdout == DATA[3072:3082]
    assert run("d", "--range", "1K:+10", packed).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--range", "6000:"), b"--range begins at byte 6,000: there are 5,000 bytes of data"),
        (("--range", "9:3"), b"ends before it begins"),
        (("--range", "9"), b"is no range such as 10M:+64K"),
        (("--range", "9:+"), b"is no range"),
        (("--range", "9:", "--rm"), b"--range excludes --rm"),
        (("--range", "9:", "-r"), b"--range is for one archive"),
    ],
)
def test_parts_that_cannot_be_had_are_refused(arguments, why, packed):
    done = run("d", *arguments, packed)
    assert (done.returncode, done.stdout) == (1, b"") and why in done.stderr


def test_sizes_that_no_frame_has_are_refused(source):
    done = run("--frame-size", "100", source)
    assert done.returncode == 1 and b"a frame has 1,024 to 1,073,741,824 bytes" in done.stderr


def test_list_counts_the_table_and_shows_frames_with_v(packed, archive):
    done = run("l", "-v", packed)
    assert f"{len(archive):,}".encode() in done.stdout
    assert b"frame 1: bytes 2,048 to 4,096 of the data" in done.stderr
    (listed,) = json.loads(run("l", "--json", packed).stdout)
    assert [info["frame"] for info in listed["archives"]] == [0, 1, 2]
    assert listed["size"] == len(archive)


def test_a_table_that_is_damaged_is_told_and_harms_nothing(packed, archive):
    packed.write_bytes(archive[:-9])
    for command in ("d", "t", "l"):
        done = run(command, packed)
        assert done.returncode == 0 and b"the table of frames is damaged" in done.stderr
    assert packed.with_suffix("").read_bytes() == DATA


def test_salvage_says_which_bytes_are_missing(packed, archive):
    packed.write_bytes(archive[:60] + b"?" + archive[61:])
    done = run("d", "--salvage", packed)
    assert done.returncode == 2 and b"(bytes 0 to 2,048 of the data)" in done.stderr
    assert packed.with_suffix("").read_bytes() == DATA[2048:]


@pytest.mark.skipif(os.name != "posix", reason="signals, /proc")
@pytest.mark.parametrize("victim", ["worker", "command"])
def test_whoever_is_killed_leaves_nothing_half_written(victim, source, tmp_path):
    source.write_bytes(prose(60_000))
    process = subprocess.Popen(
        [*COMMAND, *ARCHIVE_OPTIONS, "-T", "2", source], stderr=subprocess.PIPE
    )
    workers = started_by(process.pid)
    os.kill(workers[0] if victim == "worker" else process.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert not (tmp_path / "data.lmz").exists()
    if victim == "worker":
        assert process.returncode == 1 and b"a worker process has ended before" in said
        assert {path.name for path in tmp_path.iterdir()} == {"data"}
    for _ in range(200):
        if not any(alive(worker) for worker in workers):
            return
        time.sleep(0.1)
    raise AssertionError("workers have outlived the command")


def started_by(parent: int) -> list[int]:
    """Two workers of a process, once they are there."""
    for _ in range(400):
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
                words = (status.parent / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[1]) == parent and b"spawn_main" in words:
                found.append(int(status.parent.name))
        if len(found) == 2:
            return found
        time.sleep(0.05)
    raise AssertionError("there are no workers")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_ends_the_work(source):
    done = spawn(*ARCHIVE_OPTIONS, "-T", 2, "-o", "/dev/full", source)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("mode", ["-t", "-l"])
def test_a_cluster_is_for_compressing_and_restoring(mode, tmp_path):
    done = run(mode, "--scheduler", "tcp://localhost:1", tmp_path / "a.lmz")
    assert done.returncode == 1 and b"--scheduler is for compressing and restoring" in done.stderr
