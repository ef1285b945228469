"""Limits of the system: what is said where memory ends, and that threads are not needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import COMMAND

import lmzip
from lmzip import arrays, interface, limits
from lmzip.codec.levels import memory_bytes

resource = pytest.importorskip("resource")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold to the limit")
@pytest.mark.parametrize("mebibytes", [120, 400])
@pytest.mark.parametrize("command", [("-1",), ("-d",)])
def test_a_limit_on_address_space_is_named_with_the_need(command, mebibytes, text, packed):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))

    done = subprocess.run(
        [*COMMAND, *command],
        input=packed if command == ("-d",) else text,
        capture_output=True,
        preexec_fn=limit,
    )
    assert (done.returncode, done.stdout) == (1, b"" if command == ("-d",) else done.stdout)
    (line,) = done.stderr.decode().splitlines()
    need = memory_bytes(1) >> 20
    assert line.startswith(f"lmzip: standard input: out of memory: level 1 needs up to {need} MiB")
    allow = (need + 340) * 1024
    assert f"allows this process {mebibytes} MiB; allow more (ulimit -v {allow})" in line


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libx.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_memory_that_ends_at_any_moment_is_an_error_with_the_need(error, monkeypatch, packed):
    def fail(*options: object) -> None:
        raise error

    monkeypatch.setattr("lmzip.model.new_codec", fail)
    for work in (lambda: lmzip.compress(b"x", level=3), lambda: lmzip.decompress(packed)):
        with pytest.raises(lmzip.LimitError, match=r"^out of memory: level \d needs up to \d+ MiB"):
            work()


def test_other_errors_are_left_alone(monkeypatch):
    def fail(*options: object) -> None:
        raise ImportError("no module named numpy")

    monkeypatch.setattr("lmzip.model.new_codec", fail)
    with pytest.raises(ImportError):
        lmzip.compress(b"x", level=1)


def test_without_limit_nothing_is_forbidden(monkeypatch):
    monkeypatch.setattr(limits, "_limit", lambda: None)
    monkeypatch.delitem(sys.modules, "llvmlite", raising=False)
    limits.check_address_space(9)
    assert "ulimit" not in str(limits.out_of_memory(9))


def test_compiling_asks_for_more_than_running(monkeypatch):
    monkeypatch.setattr(limits, "_limit", lambda: ("ulimit -v", 700 << 20))
    monkeypatch.delitem(sys.modules, "llvmlite", raising=False)
    limits.check_address_space(1)
    with limits.saying_what_is_needed(1):
        pass
    with (
        pytest.raises(lmzip.LimitError, match=r"ulimit -v 1048576"),
        limits.saying_what_is_needed(1),
    ):
        interface.compiling("kernel")
    interface.compiling("kernel")  # nobody asks any more


# A user whom limits on processes hold for, as they do not for root; he may read what root may.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
LIMIT = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def no_threads() -> list[str]:
    """What a command begins with that cannot start a thread (`ulimit -u 0`)."""
    limited = [sys.executable, "-c", LIMIT]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root has no limit on processes")
        limited = NOBODY + limited
    program = "import threading; threading.Thread(target=int).start()"
    done = subprocess.run([*limited, sys.executable, "-c", program], capture_output=True)
    if b"can't start new thread" not in done.stderr:
        pytest.skip(f"no such limit here: {done.stderr!r}")
    return limited


@pytest.mark.parametrize("command", ["-1", "-d", "-t"])
def test_the_command_needs_no_thread(command, no_threads, text, packed):
    done = subprocess.run(
        [*no_threads, *COMMAND, command],
        input=text if command == "-1" else packed,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == {"-1": packed, "-d": text, "-t": b""}[command]


def test_the_library_needs_no_thread_and_leaves_the_environment_alone(no_threads):
    program = """
import io, os
import lmzip
before = dict(os.environ)
with lmzip.open(io.BytesIO(), "wb", level=1) as file:
    file.write(b"the cat sat on the mat")
assert dict(os.environ) == before
assert lmzip.decompress(lmzip.compress(b"the cat sat", level=1)) == b"the cat sat"
"""
    done = subprocess.run([*no_threads, sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_outside_the_codec_numpy_comes_from_one_place():
    """The instruments may be the first to load it; a codec is loaded after it."""
    package = Path(lmzip.__file__).parent
    codecs = (package / "codec", *(package / "generations").glob("g*"))
    for path in package.rglob("*.py"):
        if not any(map(path.is_relative_to, codecs)) and path.name != "arrays.py":
            assert "import numpy" not in path.read_text(encoding="utf-8"), path


def test_threads_are_counted_before_a_library_asks_for_them(monkeypatch):
    """OpenBLAS asks for as many as there are processors, and cannot be refused some of them."""
    started = []
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert not arrays.can_start(5)
    assert len(started) == 3 and not any(thread.is_alive() for thread in started)
    started.clear()
    assert arrays.can_start(3) and arrays.can_start(0)
