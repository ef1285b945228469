"""A new user's first session: the wheel, a fresh environment, a terminal, pipes.

The environment is fresh but for the libraries that lmzip needs, which it borrows from the one
that runs the tests, and the compiled kernels, which are copied to save a minute.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from random import Random

import pytest
from conftest import prose

from lmzip import codec

pexpect = pytest.importorskip("pexpect", exc_type=ImportError)
PROJECT = Path(__file__).parent.parent
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """A virtual environment with lmzip installed from its wheel."""
    place = tmp_path_factory.mktemp("user")
    sources = place / "sources"
    for name in ("lmzip", "share"):
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, sources / name, ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, sources / name)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, place], cwd=sources, stdout=subprocess.PIPE, check=True
    )
    wheel = place / done.stdout.decode().split()[-1]
    venv.create(place / "venv", with_pip=False, symlinks=True)
    python = place / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "-q", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    (library,) = (place / "venv/lib").glob("python*/site-packages")
    (library / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    kernels = Path(codec.__file__).parent
    for file in kernels.rglob("__pycache__/*.nb?"):
        cache = library / "lmzip/codec" / file.parent.relative_to(kernels)
        cache.mkdir(exist_ok=True)
        shutil.copy(file, cache)
    return place / "venv"


@pytest.fixture
def shell(environment, tmp_path):
    """bash on a terminal, in an empty directory with two files, lmzip on its path."""
    (tmp_path / "book.txt").write_bytes(prose(4000))
    (tmp_path / "long.txt").write_bytes(Random(1).randbytes(1 << 20))  # nothing is foreseen
    path = os.pathsep.join((str(environment / "bin"), os.environ["PATH"]))
    settings = {**os.environ, "PATH": path, "PS1": "ready> ", "TERM": "xterm", "LMZIP_LEVEL": "1"}
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    terminal = pexpect.spawn(
        bash,
        ["--norc", "--noprofile"],
        cwd=str(tmp_path),
        env=settings,
        encoding="utf-8",
        timeout=300,
        dimensions=(40, 100),
    )
    terminal.expect("ready> ")
    terminal.sendline("bind 'set enable-bracketed-paste off'; stty -echo")
    terminal.expect("ready> ")
    yield terminal
    terminal.close(force=True)


def ask(terminal, line: str) -> str:
    """Type a line; return what appears until the next prompt, with the exit status."""
    terminal.sendline(line + "; echo status $?")
    terminal.expect("ready> ")
    return terminal.before


def test_the_wheel_brings_everything(environment):
    assert {"lmzip", "lmzcat"} <= set(os.listdir(environment / "bin"))
    for name in ("share/man/man1/lmzip.1", "share/mime/packages/lmzip.xml", "share/lmzip/magic"):
        assert (environment / name).is_file()
    program = "import lmzip; print(lmzip.__file__)"
    command = [environment / "bin/python", "-c", program]
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=environment, check=True)
    package = Path(done.stdout.decode().strip()).parent
    assert package.is_relative_to(environment)
    assert (package / "py.typed").is_file()


def test_a_session_on_a_terminal(shell, tmp_path):
    help_ = ask(shell, "lmzip")
    assert "Commands:" in help_ and "lmzip d book.txt.lmz" in help_
    assert "no archive is written to a terminal" in ask(shell, "lmzip -c book.txt")
    assert "no archive is read from a terminal" in ask(shell, "lmzip -d")

    shown = ask(shell, "lmzip book.txt")
    assert "%|" in shown and "status 0" in shown, "there is a progress bar"
    assert (tmp_path / "book.txt").exists()
    assert "-f" in ask(shell, "lmzip book.txt")
    shown = ask(shell, "lmzip list book.txt.lmz")
    assert re.search(r"4,000 .* book\.txt\.lmz", shown)
    shown = ask(shell, "lmzip d --no-progress -v book.txt.lmz -o again.txt")
    assert re.search(r"book\.txt\.lmz: [\d,]+ -> 4,000 bytes", shown) and "%|" not in shown
    assert "status 0" in ask(shell, "cmp again.txt book.txt")
    assert "status 0" in ask(shell, "lmzcat book.txt.lmz | cmp - book.txt")
    shown = ask(shell, "lmzcat book.txt.lmz")
    assert "the" in shown and "%|" not in shown, "no bar between the lines of the text"
    assert "status 1" in ask(shell, "lmzip d boook.txt.lmz")


def test_changing_ones_mind(shell, tmp_path):
    shell.sendline("for name in long.txt book.txt; do lmzip $name; done")
    shell.expect(r"[1-9][\d.]*k/")
    shell.sendintr()
    shell.expect(r"interrupted \(SIGINT\): no partial file was left")
    shell.expect("ready> ")
    assert "status 130" in ask(shell, "(exit $?)")
    assert sorted(os.listdir(tmp_path)) == ["book.txt", "long.txt"]


def test_completion_in_the_shell(shell, tmp_path):
    (tmp_path / "book.txt.lmz").touch()
    ask(shell, 'eval "$(lmzip --completion bash)"; stty echo')
    shell.send("lmzip decom\tbook.txt.l\t")
    shell.expect_exact("lmzip decompress book.txt.lmz")
