"""Inputs that the tests share: small, of several kinds, made without files; and the command."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import settings

import lmzip
import lmzip.cli
from lmzip import model
from lmzip.codec.levels import Preset
from lmzip.instruments.lengths import Block, Report

# Examples per property: LMZIP_EXAMPLES=1000 or 10000 for the long runs, 100 otherwise.
for examples in (100, 1_000, 10_000):
    settings.register_profile(str(examples), max_examples=examples, deadline=None)
settings.load_profile(os.environ.get("LMZIP_EXAMPLES", "100"))

# Under nohup, or in the background of a script, signals are ignored, by children too.
for name, usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if getattr(signal, name, None) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), usual)

TINY = Preset(
    width=32, layers=2, heads=2, window=32, segment=16, learning=1, rates=(1e-3, 1e-3, 1e-2),
    learned="", mixer="",
    contexts=8, sets=3, log_buckets=8, log_slots=6, risks=(1024, 8192, 4096),
)  # fmt: skip
"""A level so small that many blocks and segments fit into a test."""

COMMAND = [sys.executable, "-m", "lmzip"]

WORDS = b"the quick brown fox jumps over a lazy dog while rain falls on old stone bridges".split()


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting the model is an error: whatever is found is found before."""

    def refuse(*options: object) -> None:
        raise AssertionError("the model was started")

    monkeypatch.setattr(model, "new_codec", refuse)


def report_of(costs: Sequence[float], level: int = 1, from_scratch: bool = False) -> Report:
    """A report whose bytes cost so many bits each."""
    return Report(
        data=bytes(len(costs)),
        level=level,
        model_costs=np.array(costs),
        blocks=(Block(0, len(costs), len(costs), False),) if costs else (),
        tiers=(),
        parts={},
        archive_size=len(costs),
        seconds=1.0,
        others={},
        from_scratch=from_scratch,
    )


def prose(size: int, seed: int = 1) -> bytes:
    """Text of `size` bytes with words that repeat, as text does."""
    rng = random.Random(seed)
    text = b""
    while len(text) < size:
        text += rng.choice(WORDS) + (b".\n" if rng.random() < 0.1 else b" ")
    return text[:size]


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def spawn(*arguments: object, stdin: bytes = b"", **settings: str) -> subprocess.CompletedProcess:
    """Run the command in a process of its own, `settings` being environment variables."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, **settings},
    )


def run(
    *arguments: object, stdin: bytes = b"", program=lmzip.cli.main, **settings: str
) -> subprocess.CompletedProcess:
    """The same in this process, which has the model's libraries loaded: ten times as fast.

    Standard input, output and error are files.
    """
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(stdin)
        files[0].seek(0)
        for name, file in zip(("stdin", "stdout", "stderr"), files, strict=True):
            duplicate = os.fdopen(os.dup(file.fileno()), "r" if name == "stdin" else "w")
            patch.setattr(sys, name, stack.enter_context(duplicate))
        for name, value in settings.items():
            patch.setenv(name, value)
        status = program(list(map(str, arguments)))
        for file in (sys.stdout, sys.stderr):
            file.flush()
        for file in files:
            file.seek(0)
        return subprocess.CompletedProcess(arguments, status, files[1].read(), files[2].read())


def need_torch() -> None:
    """Skip the test, or the module that is being imported, where torch cannot be used."""
    try:
        import torch  # noqa: F401
    except Exception as error:
        pytest.skip(f"torch cannot be imported: {error}", allow_module_level=True)


@pytest.fixture(scope="session")
def text() -> bytes:
    return prose(3000)


@pytest.fixture(scope="session")
def packed(text) -> bytes:
    return lmzip.compress(text, level=1)
