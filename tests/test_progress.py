"""What is told while work goes on."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from lmzip import progress
from lmzip.interface import compiling
from lmzip.progress import progress_bar


@pytest.mark.parametrize("wanted", [False, True])
def test_compilation_is_announced_once_and_only_if_it_happens(wanted, capsys):
    with progress_bar(wanted, "name", 10):
        pass
    assert "compiling" not in capsys.readouterr().err
    with progress_bar(wanted, "name", 10):
        compiling("first")
        compiling("second")
    assert capsys.readouterr().err.count("lmzip: first run: compiling kernels") == 1


def test_a_quiet_command_does_not_announce_it(capsys):
    with progress_bar(False, "name", 10, announce=False):
        compiling("kernel")
    assert capsys.readouterr().err == ""


def test_the_bar_names_the_kernel_until_data_are_done(capsys):
    with progress_bar(True, "name", 10) as advance:
        compiling("kernel")
        assert "compiling kernel" in capsys.readouterr().err
        compiling("another")
        assert "compiling another" in capsys.readouterr().err
        advance(10)
    assert "compiling" not in capsys.readouterr().err


def test_the_bar_says_how_far_what_comes_first_is_read(capsys):
    """In steps of one in a hundred, until data are done."""
    with progress_bar(True, "name", 10) as bar:
        read = bar.reading("old", 1000)
        capsys.readouterr()
        for size in (4, 1, 1, 500):
            read(size)
        told = capsys.readouterr().err
        assert told.count("reading old: 0 %") == 1 and "reading old: 50 %" in told
        bar(10)
    assert "reading" not in capsys.readouterr().err
    with progress_bar(False, "name", 10) as bar:
        bar.reading("old", 5)(5)
    assert capsys.readouterr().err == ""


def test_afterwards_nobody_is_told(capsys):
    with progress_bar(True, "name", 10):
        pass
    capsys.readouterr()
    compiling("kernel")
    assert capsys.readouterr().err == ""


@pytest.fixture
def every_step(monkeypatch):
    """Bars are drawn at every call, not ten times a second at most."""
    tqdm = pytest.importorskip("tqdm")
    whole = tqdm.tqdm.__init__

    def begin(self, *arguments, **options) -> None:
        whole(self, *arguments, mininterval=0, miniters=0, **options)

    monkeypatch.setattr(tqdm.tqdm, "__init__", begin)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_is_seen_only_while_in_the_foreground(monkeypatch, every_step):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    front = False
    monkeypatch.setattr(progress, "in_foreground", lambda: front)
    with progress_bar(None, "file", 100) as update:
        update(10)
        assert terminal.getvalue() == ""
        front = True
        update(0)
        assert "10%" in terminal.getvalue()
        front = False
        before = terminal.getvalue()
        update(70)
        assert terminal.getvalue() == before
        front = True
        update(10)
        assert "90%" in terminal.getvalue()
        front = False
        before = terminal.getvalue()
    assert terminal.getvalue() == before, "nothing is wiped away either"


def test_a_bar_that_is_asked_for_is_shown_anyway(monkeypatch, capsys, every_step):
    monkeypatch.setattr(progress, "in_foreground", lambda: False)
    with progress_bar(True, "file", 100) as update:
        update(50)
    assert "50%" in capsys.readouterr().err
    with progress_bar(False, "file", 100) as update:
        update(50)
    with progress_bar(None, "file", 100) as update:
        update(50)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "setsid"), reason="no sessions here")
def test_a_job_in_the_background_of_a_terminal_knows_it():
    """A session on a terminal of its own, and in it a process that is put into a group of its
    own, which is then brought to the front."""
    program = """
import fcntl, os, signal, sys, termios
from lmzip.progress import in_foreground
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
main, side = os.openpty()
assert in_foreground(), "standard error is no terminal"
os.setsid()
fcntl.ioctl(side, termios.TIOCSCTTY, 0)
os.dup2(side, 2)
assert in_foreground()
if os.fork() == 0:
    os.setpgid(0, 0)
    behind = in_foreground()
    os.tcsetpgrp(side, os.getpgrp())
    os._exit(behind * 2 + in_foreground())
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE)
    assert done.returncode == 1, done.stderr
