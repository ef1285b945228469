"""Freezing copies what determines the bits, no weights, and refuses what it must not freeze."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lmzip import codec
from lmzip.generations import RELEASED, newest
from lmzip.generations.code_hash import code_hash
from release import freeze as maintainer
from release.freeze import GOLDEN, RefusedToFreezeError, check, freeze

UNRELEASED = replace(newest(), release="")


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of generations and one of golden archives, as they are before."""
    generations, golden = tmp_path / "generations", tmp_path / "golden"
    generations.mkdir()
    shutil.copy(RELEASED, generations)
    shutil.copytree(GOLDEN, golden, ignore=shutil.ignore_patterns("g[0-9]*"))
    return generations, golden


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A codec that has not been released, and golden archives that it opens."""
    monkeypatch.setattr(maintainer, "newest", lambda: UNRELEASED)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: SimpleNamespace(returncode=0))


def test_a_frozen_codec_is_a_copy_without_the_weights(places):
    generations, golden = places
    package = freeze(UNRELEASED, "7.0.0", generations, golden)
    assert package.name == f"g{UNRELEASED.number}"
    names = sorted(p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file())
    assert names == [codec.source_name(path) for path in codec.source_files()]
    assert code_hash((name, (package / name).read_bytes()) for name in names) == newest().code_hash
    assert not list(package.rglob("*.weights"))


def test_it_is_written_down_and_its_golden_archives_kept(places):
    generations, golden = places
    before = (generations / RELEASED.name).read_text()
    package = freeze(UNRELEASED, "7.0.0", generations, golden)
    told = (generations / RELEASED.name).read_text()
    line = f"{UNRELEASED.number} 7.0.0 {UNRELEASED.code_hash.hex()}\n"
    assert told == before + line
    kept = {path.name: path.read_bytes() for path in (golden / package.name).iterdir()}
    assert kept == {
        path.name: path.read_bytes()
        for path in golden.iterdir()
        if path.suffix in (".lmz", ".lmp") or path.name == "manifest.txt"
    }


def test_nothing_is_frozen_twice(places):
    freeze(UNRELEASED, "7.0.0", *places)
    with pytest.raises(FileExistsError):
        freeze(UNRELEASED, "7.0.0", *places)


def test_a_sound_codec_may_be_frozen(sound):
    assert check("1.2.3") == UNRELEASED


@pytest.mark.parametrize("release", ["1", "1.0", "v1.0.0", "1.0.0rc1", ""])
def test_a_release_has_a_version_of_three_numbers(sound, release):
    with pytest.raises(RefusedToFreezeError, match="no version such as"):
        check(release)


def test_what_has_been_released_is_not_frozen_again(sound, monkeypatch):
    monkeypatch.setattr(maintainer, "newest", lambda: replace(UNRELEASED, release="6.0.0"))
    with pytest.raises(RefusedToFreezeError, match="no bit can have changed"):
        check("7.0.0")


def test_it_refuses_where_golden_archives_fail(sound, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: SimpleNamespace(returncode=1))
    with pytest.raises(RefusedToFreezeError, match="golden archives"):
        check("7.0.0")


def test_it_refuses_a_codec_that_was_edited_since_its_hash_was_kept(sound, monkeypatch, tmp_path):
    monkeypatch.setattr(maintainer, "STAMP", tmp_path / "newest.txt")
    with pytest.raises(RefusedToFreezeError, match=r"release/stamp\.py"):
        check("7.0.0")
