"""Engines are interchangeable, and one that cannot be had is refused with what to do."""

from __future__ import annotations

import sys

import pytest
from conftest import need_torch, prose

from lmzip.codec import engine
from lmzip.codec.levels import PRESETS
from lmzip.codec.loop import Codec
from lmzip.errors import EngineError


def test_every_engine_writes_the_same_archive_and_reads_the_others(monkeypatch):
    need_torch()
    data = prose(700)  # five segments: each but the first is predicted with what was learned
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
    need_torch()
    monkeypatch.setattr(engine, "HAVE_NUMBA", False)
    assert type(engine.make_engine(PRESETS[1])).__name__ == "TorchEngine"
    with pytest.raises(EngineError, match="numba"):
        engine.make_engine(PRESETS[1], "cpu")


def test_a_small_share_of_the_processors_does_not_last(monkeypatch):
    need_torch()
    import torch

    before = torch.get_num_threads()
    monkeypatch.setattr(engine, "HAVE_NUMBA", False)
    monkeypatch.setattr(engine, "threads_of_torch", lambda: 3)
    try:
        for share, threads in ((1, 1), (2, 2), (8, 3)):
            monkeypatch.setattr(engine, "processors", lambda share=share: share)
            engine.make_engine(PRESETS[1])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_with_neither_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(engine, "HAVE_NUMBA", False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineError, match=r"Numba is not installed, and torch .*; install numba"):
        engine.make_engine(PRESETS[1])


def test_torch_that_is_asked_for_and_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineError, match=r"'int8' cannot run: torch .*; unset LMZIP_ENGINE"):
        engine.make_engine(PRESETS[1], "int8")
    assert type(engine.make_engine(PRESETS[1])).__name__ == "CpuEngine"
