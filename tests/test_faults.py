"""Signals, full disks and closed pipes: the target is absent or whole, the source untouched.

LMZIP_FAULTS is the number of random times at which each signal is sent, each way: 1 by default,
20 for the long run (four minutes).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import noise, prose

import lmzip

LMZIP = [sys.executable, "-m", "lmzip"]
TIMES = int(os.environ.get("LMZIP_FAULTS", "1"))
DATA = prose(20_000)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and devices")


@pytest.fixture(scope="module")
def archive() -> bytes:
    return lmzip.compress(DATA, level=1)


def start(*arguments: object, **options) -> subprocess.Popen:
    return subprocess.Popen([*LMZIP, *map(str, arguments)], stderr=subprocess.PIPE, **options)


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*LMZIP, *map(str, arguments)], stderr=subprocess.PIPE, **options)


@pytest.fixture(scope="module", params=["compress", "decompress"])
def direction(request, archive) -> tuple[list[str], bytes, bytes, float]:
    """Arguments, what the source holds, what the target must hold, and seconds that it takes."""
    way = ["compress", "-1"] if request.param == "compress" else ["decompress"]
    before, after = (DATA, archive) if request.param == "compress" else (archive, DATA)
    begin = time.monotonic()
    assert run(*way, input=before, stdout=subprocess.PIPE).stdout == after
    return way, before, after, time.monotonic() - begin


@pytest.mark.parametrize("time_number", range(TIMES))
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_signals_at_random_times(name, time_number, direction, tmp_path):
    way, before, after, duration = direction
    number = getattr(signal, name)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(before)
    rng = random.Random(f"{way[0]} {name} {time_number}")
    process = start(*way, source, "-o", target)
    time.sleep(rng.uniform(0, 1.1 * duration))
    process.send_signal(number)
    _, message = process.communicate(timeout=60)
    assert source.read_bytes() == before
    names = {path.name for path in tmp_path.iterdir()} - {"source"}
    if "target" in names:
        assert target.read_bytes() == after
    elif b"init_import_site" not in message:  # Python itself was interrupted as it started
        assert process.returncode == -number
    if name != "SIGKILL":
        assert names <= {"target"}, "a temporary file was left behind"


def test_a_signal_leaves_an_existing_target_as_it_was(archive, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(archive)
    target.write_bytes(b"mine")
    process = start("decompress", "-f", source, "-o", target)
    while process.poll() is None and len(list(tmp_path.iterdir())) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, message = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert message.startswith(b"lmzip: interrupted (SIGTERM): ") and message.count(b"\n") == 1
    assert target.read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_device(archive, tmp_path):
    (tmp_path / "a.lmz").write_bytes(archive)
    with open("/dev/full", "wb") as full:
        for done in (
            run("decompress", "-c", tmp_path / "a.lmz", stdout=full),
            run("decompress", tmp_path / "a.lmz", "-o", "/dev/full"),
            run("compress", "-1", input=DATA, stdout=full),
            run("--help", stdout=full),
        ):
            assert done.returncode == 1
            assert done.stderr.startswith((b"lmzip: standard output: ", b"lmzip: /dev/full: "))
            assert done.stderr.count(b": no space left on device; ") == 1
            assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("way", [["compress", "-1", "-c"], ["decompress", "-c"]])
def test_a_closed_pipe(way, archive, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(DATA if way[0] == "compress" else archive)
    process = start(*way, source, stdout=subprocess.PIPE)
    process.stdout.close()
    message = process.stderr.read()
    assert process.wait(timeout=60) == -signal.SIGPIPE
    assert message == b"", "whoever closed the pipe knows it"


def test_a_file_size_limit_is_like_a_full_disk(archive, tmp_path):
    import resource

    source, target = tmp_path / "a.lmz", tmp_path / "a"
    source.write_bytes(archive)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = run("decompress", source, preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr.startswith(f"lmzip: {target}: no output can be written: ".encode())
    assert not target.exists() and source.read_bytes() == archive
    assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 KiB; a function makes it read-only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", disk]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a file system is not allowed here")

    def make_read_only() -> None:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    yield disk, make_read_only
    subprocess.run(["umount", disk], check=True)


def test_a_full_file_system(small_disk, archive):
    disk, _ = small_disk
    (disk / "a.lmz").write_bytes(archive)
    done = run("decompress", disk / "a.lmz")
    assert done.returncode == 1
    assert done.stderr.startswith(f"lmzip: {disk / 'a'}: no output can be written: ".encode())
    assert [path.name for path in disk.iterdir()] == ["a.lmz"]
    assert (disk / "a.lmz").read_bytes() == archive
    (disk / "a.lmz").unlink()
    (disk / "noise").write_bytes(noise(12_000))
    assert run("compress", "-1", disk / "noise").returncode == 1
    assert [path.name for path in disk.iterdir()] == ["noise"]


def test_a_read_only_directory(small_disk, archive):
    disk, make_read_only = small_disk
    (disk / "a.lmz").write_bytes(archive)
    make_read_only()
    done = run("decompress", disk / "a.lmz")
    assert done.returncode == 1
    assert done.stderr.startswith(f"lmzip: {disk / 'a'}: no output can be written: ".encode())
    assert run("decompress", "-c", disk / "a.lmz", stdout=subprocess.PIPE).stdout == DATA


def test_a_kernel_cache_that_cannot_be_written(archive):
    """The next place serves; `codec/test_jit.py` has the case where there is none."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": "/dev/null/cache"}
    done = run("decompress", input=archive, stdout=subprocess.PIPE, env=environment)
    assert (done.returncode, done.stdout) == (0, DATA)
