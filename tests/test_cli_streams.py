"""Standard streams that are closed, full, raw or not ready, as the command may get them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress

import pytest
from conftest import prose

import lmzip
import lmzip.cli

if os.name == "posix":
    import fcntl
    import resource

SETUP = "import os, sys; from lmzip.cli.streams import *\n"


def run(program: str, *shell: str) -> subprocess.CompletedProcess:
    """Run a program in a fresh Python, `shell` being redirections."""
    command = ["sh", "-c", f'"$0" -c "$1" {" ".join(shell)}', sys.executable, SETUP + program]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("stream", "use"),
    [("0<&-", "sys.stdin.buffer.read(1)"), ("1>&-", "print('x', flush=True)")],
)
def test_a_stream_that_is_closed_fails_when_it_is_used(stream, use):
    done = run(f"occupy_closed()\ntry: {use}\nexcept OSError: os._exit(7)", stream)
    assert done.returncode == 7


def test_what_is_written_to_a_closed_standard_error_is_lost():
    assert run("occupy_closed(); print('x', file=sys.stderr, flush=True)", "2>&-").returncode == 0


def test_no_file_takes_the_place_of_a_closed_stream():
    program = "occupy_closed(); file = open(os.devnull); sys.exit(file.fileno())"
    for closed in ("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"):
        assert run(program, closed).returncode > 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_output_that_nobody_takes_does_not_fail_the_exit():
    program = "print('x')\nif {}: discard_output()\nsys.exit(5)"
    assert run(program.format(False), ">/dev/full").returncode == 120
    assert run(program.format(True), ">/dev/full").returncode == 5
    assert run(program.format(True)).stdout == "x\n"


# -- raw streams, and streams that are not ready -------------------------------------------------

DATA = prose(6_000)


@pytest.fixture(scope="module")
def archive() -> bytes:
    return lmzip.compress(DATA, level=1)


@contextmanager
def streams(feed: Callable[[int], None], take: Callable[[int], bytes]):
    """Standard input and output as pipes in non-blocking mode, raw as with `python -u`.

    `feed` writes into the one, `take` reads from the other, each in a thread. Yields a list to
    which the output is added at the end.
    """
    (source, source_end), (sink_end, sink) = os.pipe(), os.pipe()
    for number in (source, sink):
        os.set_blocking(number, False)
    fcntl.fcntl(sink, getattr(fcntl, "F_SETPIPE_SZ", 1031), 4096)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: (feed(source_end), os.close(source_end))),
        threading.Thread(target=lambda: found.append(take(sink_end))),
    ]
    with pytest.MonkeyPatch.context() as patch:
        raw = open(sink, "wb", buffering=0)  # noqa: SIM115
        patch.setattr(sys, "stdin", open(source))  # noqa: SIM115
        patch.setattr(sys, "stdout", io.TextIOWrapper(raw, write_through=True))
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            sys.stdout.close()
            for thread in threads:
                thread.join()
            sys.stdin.close()
            os.close(sink_end)


def slowly(data: bytes) -> Callable[[int], None]:
    """Write data in three parts, with pauses before each."""

    def feed(number: int) -> None:
        for i in range(3):
            time.sleep(0.1)
            part = data[i * len(data) // 3 : (i + 1) * len(data) // 3]
            with suppress(BrokenPipeError):  # the test will say so
                while part:
                    part = part[os.write(number, part) :]

    return feed


def everything(number: int) -> bytes:
    """Read to the end, a little at a time."""
    data = b""
    while more := os.read(number, 1000):
        data += more
        time.sleep(0.001)
    return data


posix = pytest.mark.skipif(os.name != "posix", reason="descriptors in non-blocking mode")


@posix
@pytest.mark.parametrize(
    "command",
    ["compress", "decompress", "cat", "test", "test --quick", "list", "report", "score"],
)
def test_input_that_comes_slowly_is_read_to_its_end(command, archive, tmp_path):
    (tmp_path / "good").write_bytes(DATA[:500])
    words = command.split() + (["-1"] if command in ("compress", "report", "score") else [])
    words += ["--json"] if command in ("list", "report", "score") else []
    words += ["--like", str(tmp_path / "good"), "-"] if command == "score" else []
    packing = command in ("compress", "report", "score")
    program = lmzip.cli.lmzcat if command == "cat" else lmzip.cli.main
    with streams(slowly(DATA if packing else archive), everything) as found:
        assert program(words[1:] if command == "cat" else words) == 0
    output = found[0]
    if command == "compress":
        assert output == archive
    elif command in ("decompress", "cat"):
        assert output == DATA
    elif command in ("list", "report", "score"):
        told = json.loads(output)
        size = {"list": "raw_size", "report": "data_bytes", "score": "bytes"}[command]
        assert (told if command == "report" else told[0])[size] == len(DATA)


@posix
def test_a_name_of_standard_input_is_read_to_its_end_too(archive):
    with streams(slowly(archive), everything) as found:
        assert lmzip.cli.main(["decompress", "-c", f"/dev/fd/{sys.stdin.fileno()}"]) == 0
    assert found[0] == DATA


@posix
@pytest.mark.parametrize("command", [["--man"], ["compress", "--help"]])
def test_text_is_written_whole_to_a_reader_that_is_slow(command):
    with streams(lambda number: None, everything) as found:
        assert lmzip.cli.main(command) == 0
    with streams(lambda number: None, everything) as again:
        lmzip.cli.main(command)
    assert found == again and len(found[0]) > 1000 and found[0].endswith(b"\n")


@posix
@pytest.mark.parametrize(
    "command", ["compress -1", "decompress", "-dc", "--man", "list --json", "compress --help"]
)
@pytest.mark.parametrize("program", ["main", "lmzcat"])
def test_a_disk_that_is_full_halfway_is_an_error(command, program, archive, tmp_path):
    """Without a buffer of Python's, where a write takes what there is room for."""
    if program == "lmzcat" and command != "decompress":
        pytest.skip("lmzcat has one command")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    call = f"import sys, lmzip.cli; sys.exit(lmzip.cli.{program}(sys.argv[1:]))"
    words = [] if program == "lmzcat" else command.split()
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run(
            [sys.executable, "-u", "-c", call, *words],
            input=DATA if words[:1] == ["compress"] else archive,
            stdout=out,
            stderr=subprocess.PIPE,
            preexec_fn=limit,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"lmzip: standard output: no output can be written: ")
    assert done.stderr.count(b"\n") == 1
    assert (tmp_path / "out").stat().st_size <= 100


@posix
def test_the_streams_are_put_back():
    before = sys.stdin, sys.stdout, sys.stderr
    lmzip.cli.main(["--version"])
    assert (sys.stdin, sys.stdout, sys.stderr) == before
