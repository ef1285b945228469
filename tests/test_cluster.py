"""A real cluster of processes: what it makes is what one process makes, whatever dies meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import noise, prose, run

import lmzip
from lmzip.errors import WorkerError
from lmzip.frames.distribution import Task, Workers
from lmzip.frames.parts import DIRECTORY
from lmzip.series import TAIL

distributed = pytest.importorskip("distributed")
fsspec = pytest.importorskip("fsspec")
from dask import config as dask_config  # noqa: E402
from fsspec.implementations.local import LocalFileSystem  # noqa: E402

from lmzip import cluster  # noqa: E402

SIZE = 1 << 10
DATA = prose(6_000)
FRAMES = 6


class FullDisk(LocalFileSystem):
    """A file system on which there is no room for some files: those with a word in their names."""

    protocol = "full"

    def __init__(self, word: str, **options: object) -> None:
        super().__init__(**options)
        self.word = word

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(str(path).partition("://")[2] or path)

    def _open(self, path: str, mode: str = "rb", **options: object) -> object:
        full = "w" in mode and self.word in path
        return super()._open("/dev/full" if full else path, mode, **options)


@pytest.fixture(scope="module")
def local() -> Iterator[distributed.LocalCluster]:
    """Two workers of one thread, each a process."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with distributed.LocalCluster(**options, dashboard_address=None) as found:
        yield found


@pytest.fixture(scope="module")
def client(local) -> Iterator[distributed.Client]:
    with distributed.Client(local) as found:
        yield found


@pytest.fixture(scope="module")
def alone() -> bytes:
    """What one process makes of DATA."""
    return lmzip.compress(DATA, 1, frame_size=SIZE)


@pytest.fixture
def source(tmp_path) -> str:
    (tmp_path / "data").write_bytes(DATA)
    return str(tmp_path / "data")


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "data.lmz"


def compress(source: str, target: object, client, **options: object) -> cluster.Done:
    options = {"frame_size": SIZE, "level": 1, **options}
    return cluster.compress(source, str(target), client=client, **options)


def parts(target: Path) -> dict[str, int]:
    """Names of the parts that are whole, and the numbers of their files."""
    found = Path(f"{target}{DIRECTORY}").glob("*")
    return {path.name: path.stat().st_ino for path in found if path.suffix != ".tmp"}


def after(count: int, act: Callable[[], object]) -> Callable[[int], None]:
    """A progress that does something once so many frames are done."""
    told = []

    def progress(size: int) -> None:
        told.append(size)
        if len(told) == count:
            act()

    return progress


class Interrupted(Exception):
    """What stands for any end of the client."""


def interrupt() -> None:
    raise Interrupted


def test_archive_and_data_are_those_of_one_process(client, alone, source, target, tmp_path):
    told: list[int] = []
    done = compress(source, target, client, progress=told.append)
    assert target.read_bytes() == alone
    assert done == cluster.Done(len(DATA), len(alone), FRAMES, 0)
    assert len(told) == FRAMES and sum(told) == len(DATA)

    back, told[:] = tmp_path / "back", []
    url = f"file://{target}"
    done = cluster.decompress(url, f"file://{back}", client=client, progress=told.append)
    assert back.read_bytes() == DATA
    assert done == cluster.Done(len(alone), len(DATA), FRAMES, 0)
    assert sum(told) == len(DATA)
    assert {path.name for path in tmp_path.iterdir()} == {"data", "data.lmz", "back"}


@pytest.mark.parametrize("size", [0, SIZE, 2 * SIZE])
def test_one_frame_is_an_archive_without_frames_and_full_frames_are_no_case(size, client, tmp_path):
    data = noise(size)
    (tmp_path / "data").write_bytes(data)
    compress(str(tmp_path / "data"), tmp_path / "lmz", client)
    assert (tmp_path / "lmz").read_bytes() == lmzip.compress(data, 1, frame_size=SIZE)
    cluster.decompress(str(tmp_path / "lmz"), str(tmp_path / "back"), client=client)
    assert (tmp_path / "back").read_bytes() == data


def test_any_executor_of_the_cluster_will_do(client, alone):
    executor = client.get_executor()
    assert lmzip.compress(DATA, 1, frame_size=SIZE, executor=executor) == alone
    assert lmzip.decompress(alone, executor=executor) == DATA


def test_what_the_model_reads_first_reaches_all_workers(client, tmp_path, source, target):
    old = prose(500, seed=3)
    compress(source, target, client, after=old, frame_size=1 << 12)
    assert target.read_bytes() == lmzip.compress(DATA, 1, frame_size=1 << 12, after=old)
    back = str(tmp_path / "back")
    with pytest.raises(lmzip.AfterError, match="none are given"):
        cluster.decompress(str(target), back, client=client)
    cluster.decompress(str(target), back, client=client, after=old)
    assert Path(back).read_bytes() == DATA


def test_archives_in_a_row_and_a_lost_table(client, alone, tmp_path):
    """Other archives are decoded by one worker each; without tables headers are walked through."""
    frames = lmzip.compress(DATA[: 2 * SIZE], 1, frame_size=SIZE)
    whole = lmzip.compress(b"whole", 1)
    file, back = tmp_path / "lmz", tmp_path / "back"
    file.write_bytes(frames + whole + frames)
    cluster.decompress(str(file), str(back), client=client)
    assert back.read_bytes() == DATA[: 2 * SIZE] + b"whole" + DATA[: 2 * SIZE]
    file.write_bytes(frames[: -TAIL.size])
    with pytest.warns(lmzip.errors.TableWarning, match="damaged"):
        cluster.decompress(str(file), str(back), client=client, overwrite=True)
    assert back.read_bytes() == DATA[: 2 * SIZE]


def test_damage_is_told_and_leaves_no_target(client, alone, tmp_path):
    damaged = bytearray(alone)
    damaged[len(alone) // 2] ^= 1
    (tmp_path / "lmz").write_bytes(damaged)
    with pytest.raises(lmzip.CorruptError, match="damaged"):
        cluster.decompress(str(tmp_path / "lmz"), str(tmp_path / "back"), client=client)
    assert not (tmp_path / "back").exists()


def test_a_killed_worker_loses_nothing(client, alone, source, target):
    """The other one, and whoever takes its place, do what it was at."""
    before = set(client.run(os.getpid).values())
    victim = min(before)
    progress = after(2, lambda: os.kill(victim, signal.SIGKILL))
    assert compress(source, target, client, progress=progress).frames == FRAMES
    assert target.read_bytes() == alone
    client.wait_for_workers(2)
    assert victim not in client.run(os.getpid).values()


def test_work_that_kills_workers_is_given_up(client, local, monkeypatch):
    monkeypatch.setattr(local.scheduler, "allowed_failures", 0)
    workers = Workers(client, None, {}, False, "target")
    with pytest.raises(WorkerError, match=r"died over a frame.*memory"):
        list(workers.do(_die, [Task(0, (), 1)]))
    client.wait_for_workers(2)


def _die(*arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_after_an_interruption_frames_that_are_done_are_not_done_again(
    client, alone, source, target
):
    with pytest.raises(Interrupted):
        compress(source, target, client, progress=after(3, interrupt))
    assert not target.exists()
    there = parts(target)
    assert 3 <= len(there) < FRAMES

    seen: dict[str, int] = {}
    progress = after(FRAMES, lambda: seen.update(parts(target)))
    done = compress(source, target, client, resume=True, progress=progress)
    assert done.kept >= len(there)
    assert there.items() <= seen.items(), "a part was written anew"
    assert target.read_bytes() == alone
    assert not parts(target)


def test_parts_of_another_input_or_level_are_not_taken(client, source, target):
    with pytest.raises(Interrupted):
        compress(source, target, client, progress=after(2, interrupt))
    other = noise(3000)
    Path(source).write_bytes(other)
    assert compress(source, target, client, resume=True).kept == 0
    assert target.read_bytes() == lmzip.compress(other, 1, frame_size=SIZE)


def test_an_input_that_changes_meanwhile_makes_no_archive(client, source, target):
    def write() -> None:
        Path(source).write_bytes(noise(len(DATA)))

    with pytest.raises(lmzip.LMZError, match="changed while it was read"):
        compress(source, target, client, progress=after(FRAMES, write))
    assert not target.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("word", ["-00000003.", "-joined."])
def test_a_full_disk_leaves_no_target_and_what_was_done(word, client, alone, source, target):
    fsspec.register_implementation("full", FullDisk, clobber=True)
    place = cluster.Place(FullDisk(word), str(target))
    with pytest.MonkeyPatch.context() as patch:
        usual = cluster.Place.at
        patch.setattr(cluster.Place, "at", lambda url: place if url == "full" else usual(url))
        with pytest.raises(OSError) as raised:
            compress(source, "full", client)
    assert raised.value.errno == errno.ENOSPC
    assert str(target) in str(raised.value.filename)
    assert not target.exists()
    assert compress(source, target, client, resume=True).kept > 0
    assert target.read_bytes() == alone


def test_workers_with_another_lmzip_do_nothing(client, source, target, monkeypatch):
    other = replace(cluster.newest(), code_hash=bytes(32))
    monkeypatch.setattr(cluster, "newest", lambda: other)
    with pytest.raises(WorkerError, match="a worker has another lmzip"):
        compress(source, target, client)
    assert not target.exists()


def test_an_output_that_exists_is_left_alone(client, alone, source, target):
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        compress(source, target, client)
    assert target.read_bytes() == b"mine"
    compress(source, target, client, overwrite=True)
    assert target.read_bytes() == alone


@pytest.fixture
def lone_scheduler(tmp_path) -> Iterator[tuple[subprocess.Popen, str]]:
    """A scheduler and a worker, processes of their own, and the scheduler's address."""
    file = tmp_path / "scheduler.json"
    common = ["--no-dashboard", "--scheduler-file", str(file)]
    program = [sys.executable, "-m", "distributed.cli.dask_{}"]

    def start(kind: str, *options: str) -> subprocess.Popen:
        command = [word.format(kind) for word in program]
        return subprocess.Popen([*command, *common, *options], stderr=subprocess.DEVNULL)

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
    worker = start("worker", "--nthreads", "1", "--no-nanny")
    try:
        while not file.exists():
            time.sleep(0.05)
        yield scheduler, str(file)
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()


def test_a_lost_scheduler_leaves_no_target_and_what_was_done(
    lone_scheduler, client, alone, source, target
):
    scheduler, file = lone_scheduler
    with (
        distributed.Client(scheduler_file=file, set_as_default=False) as lost,
        pytest.raises(WorkerError, match=r"the scheduler is lost: .*; start it again, and go on"),
    ):
        compress(source, target, lost, progress=after(2, scheduler.kill))
    assert not target.exists()
    assert compress(source, target, client, resume=True).kept >= 2
    assert target.read_bytes() == alone


def test_the_command(local, alone, source, target, tmp_path):
    address = ["--scheduler", local.scheduler_address]
    done = run("c", "-1", "-v", "--frame-size", "1K", *address, source)
    assert done.returncode == 0, done.stderr
    assert b" bytes, frames: 6, " in done.stderr
    assert target.read_bytes() == alone
    back = tmp_path / "back"
    done = run("d", *address, f"file://{target}", "-o", back)
    assert (done.returncode, done.stderr) == (0, b"")
    assert back.read_bytes() == DATA
    done = run("d", *address, target, "-o", back)
    assert done.returncode == 1 and b"will not be overwritten" in done.stderr


def test_without_a_command_it_does_the_same(local, alone, source, target, tmp_path):
    address = ("--scheduler", local.scheduler_address)
    done = run("-1", "--frame-size", "1K", *address, source)
    assert done.returncode == 0, done.stderr
    assert Path(f"{source}.lmz").read_bytes() == alone
    back = tmp_path / "back"
    done = run("-d", *address, f"{source}.lmz", "-o", back)
    assert done.returncode == 0 and back.read_bytes() == Path(source).read_bytes()


@pytest.mark.parametrize("option", ["-r", "--rm", "-c"])
def test_the_command_refuses_what_is_for_one_machine(option, source):
    done = run("c", "--scheduler", "tcp://localhost:1", option, source)
    assert done.returncode == 1 and b"--scheduler" in done.stderr
    assert run("c", "--resume", source).returncode == 1


def test_the_command_says_what_to_install(source, monkeypatch):
    monkeypatch.setattr("lmzip.cli.cluster.find_spec", lambda name: None)
    done = run("c", "--scheduler", "tcp://localhost:1", source)
    assert done.returncode == 1
    assert done.stderr.endswith(b"; pip install 'lmzip[cluster]', or do without --scheduler\n")


def test_the_command_says_when_nobody_answers(source):
    with dask_config.set({"distributed.comm.timeouts.connect": "500ms"}):
        done = run("c", "--scheduler", "tcp://localhost:1", source)
    assert done.returncode == 1
    assert b"localhost:1: no scheduler can be reached: " in done.stderr
    assert done.stderr.endswith(b"; check the address, or start one: dask scheduler\n")
