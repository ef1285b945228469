"""Signals clean up and end the command, wherever they come."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from lmzip.cli import signals

SETUP = "import os, signal; from lmzip.cli.signals import ending\n"


def run(program: str) -> subprocess.CompletedProcess:
    """Run a program in a fresh Python."""
    return subprocess.run([sys.executable, "-c", SETUP + program], capture_output=True, text=True)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU"])
def test_signals_clean_up_and_the_process_dies_of_them(name):
    number = getattr(signal, name)
    done = run(
        "with ending(lambda: print('cleaned', flush=True), lambda: print('up', flush=True)):\n"
        f"    os.kill(os.getpid(), {number:d}); print('not reached')"
    )
    assert done.stdout == "cleaned\nup\n"
    assert done.stderr == f"lmzip: interrupted ({name}): no partial file was left; start again\n"
    assert done.returncode == -number


def test_a_second_signal_does_not_disturb_the_cleaning_up():
    done = run(
        "def clean_up():\n"
        "    os.kill(os.getpid(), signal.SIGHUP); print('cleaned up', flush=True)\n"
        "with ending(clean_up): os.kill(os.getpid(), signal.SIGTERM)"
    )
    assert (done.stdout, done.stderr.count("\n"), done.returncode) == ("cleaned up\n", 1, -15)


def test_a_signal_is_not_lost_in_a_callback():
    """An exception would be: Python prints those of `__del__`, and goes on."""
    done = run(
        "class Callback:\n"
        "    def __del__(self): os.kill(os.getpid(), signal.SIGTERM)\n"
        "with ending(): Callback(); print('not reached')"
    )
    assert (done.stdout, done.returncode) == ("", -15)


def test_where_no_signal_can_kill_the_status_says_which_it_was():
    """The first process of a container does not die of signals that it sends itself."""
    done = run(
        "signal.raise_signal = lambda number: None\n"
        "with ending(): os.kill(os.getpid(), signal.SIGTERM)"
    )
    assert done.returncode == 143


def test_an_ignored_signal_stays_ignored():
    done = run(
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with ending(): os.kill(os.getpid(), signal.SIGHUP); print('still here')"
    )
    assert done.stdout == "still here\n"


def test_afterwards_signals_do_what_they_did():
    before = signal.getsignal(signal.SIGTERM)
    with signals.ending():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
