"""Pipes, devices, sockets and descriptors: as inputs, as outputs, in the way, and below -r."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
from conftest import COMMAND, noise, run, spawn

import lmzip

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, devices, descriptors")

DATA = noise(300)  # which is stored as it is


@pytest.fixture(scope="module")
def archive() -> bytes:
    return lmzip.compress(DATA, level=1)


@pytest.fixture
def place(tmp_path, archive, monkeypatch) -> Path:
    """The current directory, with the file `in` and the archive `in.lmz`."""
    (tmp_path / "in").write_bytes(DATA)
    (tmp_path / "in.lmz").write_bytes(archive)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bash(line: str, **options) -> subprocess.CompletedProcess:
    """Run a line in which "$@" is the command."""
    command = ["bash", "-c", line, "bash", *COMMAND]
    return subprocess.run(command, capture_output=True, timeout=120, **options)


def feed(path: str, data: bytes) -> None:
    """Write to a named pipe once somebody reads it."""
    if os.fork() == 0:  # a thread would keep the process if nobody did
        signal.alarm(60)
        with open(path, "wb") as pipe:
            pipe.write(data)
        os._exit(0)


def test_the_source_stays_unless_its_output_is_a_file_on_the_disk(place):
    os.mkfifo("pipe")
    reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE)
    for output in ("/dev/null", "pipe", "/dev/stdout"):
        done = spawn("d", "--rm", "in.lmz", "-o", output)
        assert done.returncode == 1 and b"in.lmz: is not removed: its output is no " in done.stderr
        assert (place / "in.lmz").exists()
    assert reader.communicate()[0] == DATA, "it is written all the same"
    assert bash('"$@" d --rm in.lmz -o /dev/stdout >out').returncode == 1
    assert (place / "in.lmz").exists()
    assert spawn("d", "-f", "--rm", "in.lmz").returncode == 0
    assert not (place / "in.lmz").exists()


def test_the_source_stays_where_nothing_can_be_synced(place, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "fsync", refuse)
    done = run("d", "--rm", "in.lmz", "-o", "out")
    assert done.returncode == 1 and b"in.lmz: is not removed: " in done.stderr
    assert (place / "out").read_bytes() == DATA and (place / "in.lmz").exists()


def test_an_input_that_is_no_file_is_not_removed(place, archive):
    os.mkfifo("pipe.lmz")
    feed("pipe.lmz", archive)
    done = run("d", "--rm", "pipe.lmz")
    assert done.returncode == 1 and b"pipe.lmz: is not removed: it is no regular" in done.stderr
    assert (place / "pipe").read_bytes() == DATA and (place / "pipe.lmz").exists()
    done = bash('"$@" d --rm -o out /dev/stdin <in.lmz')
    assert done.returncode == 1 and (place / "in.lmz").exists()


@pytest.mark.parametrize("named", [[], ["-o", "out"]])
@pytest.mark.parametrize("kind", ["dangling", "link", "pipe", "loop"])
def test_what_stands_in_the_way_is_left_alone_or_replaced(kind, named, place):
    target = Path("out" if named else "new")
    os.rename("in.lmz", "new.lmz")
    Path("victim").write_bytes(b"mine")
    if kind == "pipe":
        os.mkfifo(target)
        if named:
            pytest.skip("a pipe that the user names is written to")
    else:
        target.symlink_to({"dangling": "none", "link": "victim", "loop": target.name}[kind])
    done = run("d", "new.lmz", *named)
    assert done.returncode == 1 and b": will not be overwritten: " in done.stderr
    assert run("d", "-f", "new.lmz", *named).returncode == 0
    assert stat.S_ISREG(os.lstat(target).st_mode) and target.read_bytes() == DATA
    assert Path("victim").read_bytes() == b"mine" and not Path("none").exists()


def test_a_link_to_the_source_is_replaced_and_the_source_is_not(place):
    Path("link").symlink_to("in.lmz")
    before = Path("in.lmz").read_bytes()
    assert run("d", "-f", "in.lmz", "-o", "link").returncode == 0
    assert Path("in.lmz").read_bytes() == before and not Path("link").is_symlink()
    Path("other").symlink_to("in.lmz")
    assert run("d", "-f", "other", "-o", "other").returncode == 1, "its own output"
    assert run("d", "-f", "in.lmz", "-o", "in.lmz").returncode == 1


def test_descriptors_are_written_as_they_are(place, archive):
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "//dev/./stdout", "link"):
        if name == "link":
            Path("link").symlink_to("/dev/stdout")
        if name.startswith("/proc") and not os.path.exists(name):
            continue
        assert spawn("d", "in.lmz", "-o", name).stdout == DATA
    assert Path("link").is_symlink()
    assert bash('"$@" d in.lmz -o /dev/fd/7 7>out').returncode == 0
    assert Path("out").read_bytes() == DATA
    done = bash('echo before >out; "$@" d in.lmz -o /dev/stdout >>out; echo after >>out')
    assert Path("out").read_bytes() == b"before\n" + DATA + b"after\n", done.stderr
    done = spawn("d", "in.lmz", "-o", "/dev/fd/99")
    assert done.returncode == 1 and done.stderr.startswith(b"lmzip: /dev/fd/99: is closed: ")
    assert spawn("d", "in.lmz", "-o", "/dev/fd/999999999999").returncode == 1
    assert spawn("-1", "in", "-o", "/dev/null").returncode == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_substituted_processes(place, archive):
    assert bash('"$@" d in.lmz -o >(cat >out); wait $!').returncode == 0
    assert Path("out").read_bytes() == DATA
    assert bash('"$@" d -o out2 <(cat in.lmz)').returncode == 0
    assert Path("out2").read_bytes() == DATA
    assert os.stat("out2").st_mode & 0o777 == 0o666 & ~_umask(), "not the mode of a pipe"
    assert bash('"$@" d -c <(cat in.lmz) <(cat in.lmz)').stdout == 2 * DATA
    assert bash('"$@" t <(cat in.lmz)').returncode == 0
    done = bash('"$@" <(cat in)')
    assert done.returncode == 1 and b"its output has no name; use -c or -o" in done.stderr


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_socket_is_standard_input_by_name_too(place, archive):
    """As node, inetd and others hand it over; such a name cannot be opened."""
    here, there = socket.socketpair()
    with here, there:
        here.sendall(archive)
        here.shutdown(socket.SHUT_WR)
        command = [*COMMAND, "d", "-c", "/dev/stdin"]
        done = subprocess.run(command, stdin=there, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, DATA)


def test_nothing_is_read_and_written_at_a_time(place):
    done = bash('"$@" -1 in -o /dev/stdout >>in')
    assert done.returncode == 1 and b"input and output are one file" in done.stderr
    assert Path("in").read_bytes() == DATA


def test_a_reader_that_goes_away_ends_it_as_any_program(place, archive):
    os.mkfifo("pipe")
    Path("many.lmz").write_bytes(archive * 1000)
    process = subprocess.Popen([*COMMAND, "d", "many.lmz", "-o", "pipe"], stderr=subprocess.PIPE)
    with open("pipe", "rb") as pipe:
        pipe.read(1)
    assert process.communicate()[1] == b"" and process.returncode == -signal.SIGPIPE


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar")
def test_tar_may_stop_reading_early(place):
    with tarfile.open("x.tar", "w") as tar:
        for name, size in (("a", 300), ("b", 1 << 20)):
            member = tarfile.TarInfo(name)
            member.size = size
            tar.addfile(member, io.BytesIO(bytes(size)))
    head = Path("x.tar").read_bytes()[:1536]  # a, and what is said about b
    zeros = lmzip.compress(bytes(1 << 12), level=1)
    Path("x.tar.lmz").write_bytes(lmzip.compress(head, level=1) + zeros * 257)
    done = bash('tar -I "$1 $2 $3" --occurrence=1 -xf x.tar.lmz a')
    assert (done.returncode, done.stderr) == (0, b"")
    assert Path("a").read_bytes() == bytes(300)


COMMANDS = ("c", "d", "t", "l", "compare", "score --like in", "distance")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_r_finds_and_cannot_be_read_is_skipped_with_a_message(command, place):
    Path("d").mkdir()
    os.mkfifo("d/pipe.lmz")
    Path("d/link.lmz").symlink_to("../in")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("d/socket.lmz")
        done = run(*command.split(), "-r", "d")
    told = done.stderr.decode().splitlines()
    assert told[:2] == [
        "lmzip: d/pipe.lmz: skipped: it is a named pipe",
        "lmzip: d/socket.lmz: skipped: it is a socket",
    ]
    assert sorted(os.listdir("d")) == ["link.lmz", "pipe.lmz", "socket.lmz"]


def test_with_force_r_follows_links_to_files_only(place):
    Path("d").mkdir()
    os.mkfifo("pipe")
    for name, target in {"file": "in", "null": "/dev/null", "fifo": "pipe", "none": "x"}.items():
        Path("d", name).symlink_to(os.path.abspath(target))
    done = run("c", "-1rf", "d")
    assert done.returncode == 1
    assert sorted(done.stderr.decode().splitlines()) == [
        "lmzip: d/fifo: skipped: it is a named pipe",
        "lmzip: d/none: cannot be opened: no such file or directory; check the name",
        "lmzip: d/null: skipped: it is a device",
    ]
    assert lmzip.decompress(Path("d/file.lmz").read_bytes()) == DATA


@pytest.mark.parametrize("arguments", ["d", "d -c", "d -o out", "t", "t --quick", "l --json"])
def test_a_pipe_that_is_named_is_read(arguments, place, archive):
    os.mkfifo("pipe.lmz")
    feed("pipe.lmz", archive)
    done = run(*arguments.split(), "pipe.lmz")
    assert done.returncode == 0, done.stderr
    if arguments == "l --json":
        assert json.loads(done.stdout)[0]["raw_size"] == len(DATA)
    for made in ("pipe", "out"):
        assert not Path(made).exists() or Path(made).read_bytes() == DATA


def test_devices_get_no_archive_beside_them(place):
    done = run("-1", "/dev/null")
    assert done.returncode == 1 and b"/dev/null: is left alone: it is a device" in done.stderr
    assert lmzip.decompress(run("-1", "-c", "/dev/null").stdout) == b""


def test_bench_does_not_wait_for_a_pipe(place):
    os.mkfifo("pipe")
    done = run("bench", "pipe")
    assert done.returncode == 1 and b"pipe: is not measured: it is no regular file" in done.stderr
