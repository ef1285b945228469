"""Signals and standard streams, as the command's surroundings hand them to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

SETUP = "import os, sys, signal; from lmzip.process import *; "


def run(program: str, *shell: str) -> subprocess.CompletedProcess:
    """Run a program in a fresh Python, `shell` being redirections."""
    command = ["sh", "-c", f'"$0" -c "$1" {" ".join(shell)}', sys.executable, SETUP + program]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_clean_up_and_exit(name):
    number = getattr(signal, name)
    done = run(
        "end_cleanly_when_told(lambda: print('cleaned up', flush=True))\n"
        f"os.kill(os.getpid(), {number:d}); print('not reached')"
    )
    assert done.stdout == "cleaned up\n"
    assert done.stderr == "lmzip: interrupted; nothing was written\n"
    assert done.returncode == 128 + number


def test_a_signal_is_not_lost_in_a_callback():
    """An exception would be: Python prints those of `__del__`, and goes on."""
    done = run(
        "end_cleanly_when_told(lambda: None)\n"
        "class Callback:\n"
        "    def __del__(self): os.kill(os.getpid(), signal.SIGTERM)\n"
        "Callback(); print('not reached')"
    )
    assert (done.stdout, done.returncode) == ("", 143)


def test_an_ignored_signal_stays_ignored():
    done = run(
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); end_cleanly_when_told(lambda: None);"
        "os.kill(os.getpid(), signal.SIGHUP); print('still here')"
    )
    assert done.stdout == "still here\n"


@pytest.mark.parametrize(
    ("stream", "use"),
    [("0<&-", "sys.stdin.buffer.read(1)"), ("1>&-", "print('x', flush=True)")],
)
def test_a_stream_that_is_closed_fails_when_it_is_used(stream, use):
    done = run(f"occupy_closed_streams()\ntry: {use}\nexcept OSError: os._exit(7)", stream)
    assert done.returncode == 7


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    program = "occupy_closed_streams(); file = open(os.devnull); sys.exit(file.fileno())"
    for closed in ("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"):
        assert run(program, closed).returncode > 2


def test_output_that_nobody_takes_does_not_fail_the_exit():
    program = "print('x')\nif {}: discard_output()\nsys.exit(5)"
    assert run(program.format(False), ">/dev/full").returncode == 120
    assert run(program.format(True), ">/dev/full").returncode == 5
    assert run(program.format(True)).stdout == "x\n"
