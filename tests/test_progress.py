"""What is told while work goes on."""

from __future__ import annotations

import pytest

from lmzip.codec.native.watch import compiling
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


def test_afterwards_nobody_is_told(capsys):
    with progress_bar(True, "name", 10):
        pass
    capsys.readouterr()
    compiling("kernel")
    assert capsys.readouterr().err == ""
