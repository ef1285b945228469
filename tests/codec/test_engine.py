"""Engines are interchangeable, and one that cannot be had is refused with what to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import prose

from lmzip.codec import engine
from lmzip.codec.levels import PRESETS
from lmzip.codec.loop import Codec
from lmzip.errors import EngineError


def test_every_engine_writes_the_same_archive_and_reads_the_others(monkeypatch):
    data = prose(1500)
    payloads = set()
    for name in engine.NAMES:
        monkeypatch.setenv("LMZIP_ENGINE", name)
        payloads.add(Codec(1).encode(data))
    assert len(payloads) == 1
    for name in engine.NAMES:
        monkeypatch.setenv("LMZIP_ENGINE", name)
        assert Codec(1).decode(next(iter(payloads)), len(data)) == data


def test_an_unknown_engine_is_refused_with_what_to_do():
    with pytest.raises(EngineError, match="LMZIP_ENGINE"):
        engine.make_engine(PRESETS[1], "abacus")


def test_without_numba_torch_takes_over(monkeypatch):
    monkeypatch.setattr(engine, "HAVE_NUMBA", False)
    assert type(engine.make_engine(PRESETS[1])).__name__ == "TorchEngine"
    with pytest.raises(EngineError, match="numba"):
        engine.make_engine(PRESETS[1], "cpu")


def test_with_neither_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(engine, "HAVE_NUMBA", False)
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="install numba"):
        engine.make_engine(PRESETS[1])


UNUSABLE = """
import sys
class Unusable:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ImportError("libcudart.so: cannot open shared object file")
sys.meta_path.insert(0, Unusable())
import lmzip
data = b"without torch, " * 20
archive = lmzip.compress(data, level=1)
print(len(archive) < len(data) and lmzip.decompress(archive) == data)
"""


def test_a_torch_that_cannot_be_imported_is_no_error_while_numba_is_at_hand():
    command = [sys.executable, "-c", UNUSABLE]
    settings = {name: value for name, value in os.environ.items() if name != "LMZIP_ENGINE"}
    done = subprocess.run(command, env=settings, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"True\n"
