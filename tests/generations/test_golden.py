"""The golden archives of every generation that was released: opened, and written, as they were."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from make_golden import GOLDEN, beginning, old_of
from reference_decoder import decode as decode_by_reference

import lmzip
from lmzip.codec.engine import NAMES
from lmzip.generations import Generation, known, newest
from lmzip.interface import EngineError

QUICK = {"level-1-text", "level-2-csv", "scratch-1", "prior-after-1"}
"""What the slow engines decode, and the second decoder."""


def manifest(one: Generation) -> list[list[str]]:
    lines = (folder(one) / "manifest.txt").read_text().splitlines()
    return [line.split() for line in lines]


def folder(one: Generation) -> Path:
    return GOLDEN / f"g{one.number}"


def prior(one: Generation) -> bytes:
    return (folder(one) / "small.lmp").read_bytes()


CASES = [
    pytest.param(one, name, packed, data, id=f"g{one.number}-{name}")
    for one in known()
    if one != newest()  # whose archives are those of `tests/test_golden.py`
    for packed, data, name in manifest(one)
]


@pytest.mark.skipif(not newest().release, reason="the codec has not been released")
def test_those_of_the_newest_are_as_they_were_when_it_was_released():
    for path in folder(newest()).iterdir():
        assert path.read_bytes() == (GOLDEN / path.name).read_bytes()


@pytest.mark.parametrize(("one", "name", "packed", "data"), CASES)
def test_they_are_opened_and_written(one, name, packed, data):
    archive = (folder(one) / f"{name}.lmz").read_bytes()
    assert hashlib.sha256(archive).hexdigest() == packed
    given = beginning(name, prior(one))
    restored = lmzip.decompress(archive, **given)
    assert hashlib.sha256(restored).hexdigest() == data
    if name != "concatenated":
        start = {"level": archive[5] & 15, "from_scratch": bool(archive[5] >> 4 & 1)}
        assert lmzip.compress(restored, **start, **given, generation=one.number) == archive


@pytest.mark.parametrize("engine", [name for name in NAMES if name != "cpu"])
@pytest.mark.parametrize(
    ("one", "name", "packed", "data"), [case for case in CASES if case.values[1] in QUICK]
)
def test_every_engine_opens_them(one, name, packed, data, engine, monkeypatch):
    monkeypatch.setenv("LMZIP_ENGINE", engine)
    archive = (folder(one) / f"{name}.lmz").read_bytes()
    try:
        restored = lmzip.decompress(archive, **beginning(name, prior(one)))
    except EngineError as error:
        pytest.skip(str(error))
    assert hashlib.sha256(restored).hexdigest() == data


@pytest.mark.parametrize(
    ("one", "name", "packed", "data"), [case for case in CASES if case.values[1] in QUICK]
)
def test_the_second_decoder_opens_them(one, name, packed, data):
    archive = (folder(one) / f"{name}.lmz").read_bytes()
    begins = prior(one) if "prior" in name else b""
    restored = decode_by_reference(archive, old_of(name), begins)
    assert hashlib.sha256(restored).hexdigest() == data
