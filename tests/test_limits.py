"""Limits of the system: what is said where memory ends."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import COMMAND

import lmzip
from lmzip import limits
from lmzip.codec.levels import memory_bytes
from lmzip.codec.native import watch

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

    monkeypatch.setattr("lmzip.stream._new_codec", fail)
    for work in (lambda: lmzip.compress(b"x", level=3), lambda: lmzip.decompress(packed)):
        with pytest.raises(lmzip.LimitError, match=r"^out of memory: level \d needs up to \d+ MiB"):
            work()


def test_other_errors_are_left_alone(monkeypatch):
    def fail(*options: object) -> None:
        raise ImportError("no module named numpy")

    monkeypatch.setattr("lmzip.stream._new_codec", fail)
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
        watch.compiling("kernel")
    watch.compiling("kernel")  # nobody asks any more
