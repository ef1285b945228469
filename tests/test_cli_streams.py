"""Standard streams that are closed or full, as a shell hands them to the command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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
