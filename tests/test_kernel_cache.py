"""Whatever is wrong with the cache of compiled kernels, they run, and it is said once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lmzip
from lmzip import codec

SOURCES = Path(lmzip.__file__).parent.parent

KERNELS = """\
from lmzip.codec.jit import kernel

@kernel
def twice(x):
    return 2 * x

@kernel
def square(x):
    return x * x
"""
PROGRAM = """\
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import kernels
    print(kernels.twice(4), kernels.square(4), kernels.twice(0.5))
    print(*(hits for f in (kernels.twice, kernels.square) for hits in f.stats.cache_hits.values()))
print(*(warning.message for warning in caught), sep="\\n")
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """A directory with the kernels, and a cache of them."""
    place = tmp_path_factory.mktemp("kernels") / "place"
    place.mkdir()
    (place / "kernels.py").write_text(KERNELS)
    assert run(place) == (0, [])
    return place


@pytest.fixture
def place(tmp_path, filled) -> Path:
    """The same without the cache."""
    shutil.copy(filled / "kernels.py", tmp_path)
    return tmp_path


@pytest.fixture
def cached(filled) -> Iterator[Path]:
    """The same with the cache, in its place: that is part of what it is kept for."""
    shutil.copytree(filled / "cache", filled / "whole")
    yield filled
    shutil.rmtree(filled / "cache")
    (filled / "whole").rename(filled / "cache")


def run(place: Path, before: str = "", **environment: str | None) -> tuple[int, list[str]]:
    """Run the kernels in a process of their own; return cache hits, and what was warned of."""
    settings = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(place), str(SOURCES))),
        "NUMBA_CACHE_DIR": str(place / "cache"),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-B", "-c", before + PROGRAM],
        cwd=place,
        env={name: value for name, value in settings.items() if value is not None},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results, hits, *told = done.stdout.splitlines()
    assert results == "8 16 1.0"
    return sum(map(int, hits.split())), [line for line in told if line]


def test_a_cache_that_is_whole_serves_without_a_word(cached):
    assert run(cached) == (3, [])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) * 3 // 4] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("kind", "damage"),
    [("nbi", empty), ("nbi", cut), ("nbc", empty), ("nbc", flip)],
)
def test_damage_is_told_once_and_mended(kind, damage: Callable[[Path], None], cached):
    files = sorted((cached / "cache").rglob(f"*.{kind}"))
    assert len(files) == (2 if kind == "nbi" else 3)
    for file in files:
        damage(file)
    hits, (told,) = run(cached)
    assert hits == 0 and told.startswith(f"compiled kernels kept in {cached / 'cache'}")
    assert "are damaged" in told and "*.nbi" in told
    assert run(cached) == (3, [])


def test_what_cannot_be_mended_stops_nobody(cached):
    for file in (cached / "cache").rglob("*.nb?"):
        file.unlink()
        file.mkdir()
    hits, (told,) = run(cached)
    assert hits == 0 and "damaged" in told


def test_machine_code_of_other_kernels_is_not_believed(cached):
    """Two processes that compile at a time may give two kernels one file, which is no damage."""
    one, other = sorted((cached / "cache").rglob("kernels.twice-*.nbc"))
    shutil.copy(other, one)
    assert run(cached) == (2, [])
    assert run(cached) == (3, [])


def test_machine_code_of_other_sources_is_not_believed(place):
    """The index may be new, and the disk was full when the code was to be written."""
    stamp = "from lmzip.codec import jit\njit.source_hash = lambda: b'{}'\n"
    run(place, stamp.format("old"))
    old = {file: file.read_bytes() for file in (place / "cache").rglob("*.nbc")}
    run(place, stamp.format("new"))
    for file, data in old.items():
        file.write_bytes(data)
    hits, told = run(place, stamp.format("new"))
    assert hits == 0 and len(told) == 1


FULL = """\
import builtins, errno, os
true_open = builtins.open
def full(file, mode="r", *rest, **options):
    if ".tmp." in str(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return true_open(file, mode, *rest, **options)
builtins.open = full
"""


def test_a_full_disk_is_told_once_and_is_not_that_of_the_output(place):
    hits, (told,) = run(place, FULL)
    assert hits == 0
    assert told.startswith(f"the compiled kernels cannot be kept in {place / 'cache'}")
    assert "no space left on device" in told and "NUMBA_CACHE_DIR" in told


HOMELESS = {"HOME": None, "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
NOBODY = "import pwd\npwd.getpwuid = {}.__getitem__\n"
"""A user without an entry: `pwd.getpwuid` raises KeyError."""


@pytest.fixture
def read_only(place) -> Path:
    """Nothing can be written beside the kernels, not even by root."""
    (place / "__pycache__").write_bytes(b"a file where the directory would be")
    return place


@pytest.mark.skipif(os.name != "posix", reason="users of POSIX systems")
@pytest.mark.parametrize("environment", [{}, {"XDG_CACHE_HOME": "relative"}])
def test_without_a_home_nothing_is_kept_and_no_directory_made(environment, read_only):
    before = sorted(read_only.iterdir())
    hits, (told,) = run(read_only, NOBODY, **{**HOMELESS, **environment})
    assert hits == 0 and "kept nowhere" in told and "NUMBA_CACHE_DIR" in told
    assert sorted(read_only.iterdir()) == before


def test_a_home_serves_where_the_package_is_read_only(read_only):
    for hits in (0, 3):
        assert run(read_only, **{**HOMELESS, "XDG_CACHE_HOME": str(read_only / "c")}) == (hits, [])


COMMAND = """\
import os, sys
import lmzip.cli
os.access = lambda *arguments: False  # as if nothing could be written beside the package
sys.exit(lmzip.cli.main())
"""


@pytest.mark.skipif(os.name != "posix", reason="users of POSIX systems")
@pytest.mark.parametrize("option", ["-1", "-1q"])
def test_the_command_needs_no_home(option, tmp_path):
    """It looks for kept machine code in the places of a user too."""
    (tmp_path / "in").write_bytes(b"some text")
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    for name in HOMELESS:
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", NOBODY + COMMAND, option, "in"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert option == "-1" or done.stderr == b""
    assert sorted(os.listdir(tmp_path)) == ["in", "in.lmz"]


def test_the_command_says_what_is_wrong_in_a_line_of_its_own(tmp_path):
    program = (
        "import sys, lmzip.cli, lmzip.codec.native.kernel_cache as cache\n"
        "import lmzip.cli.jobs as jobs\n"
        "chunks = jobs.compress_chunks\n"
        "jobs.compress_chunks = lambda *rest: [cache.warn_of_no_place(), chunks(*rest)][1]\n"
        "sys.exit(lmzip.cli.main())"
    )
    (tmp_path / "in").write_bytes(b"some text")
    for option, lines in (("-1f", 1), ("-1fq", 0)):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, option, "in"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        told = done.stderr.splitlines()
        assert len(told) == lines, told
        assert all(line.startswith(b"lmzip: the compiled kernels can be") for line in told)


def test_the_codec_is_loaded_by_nobody_without_a_home(tmp_path):
    """A library it needs may want a home or a name, too."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)}
    done = subprocess.run(
        [sys.executable, "-B", "-c", NOBODY + "from lmzip.codec.loop import Codec"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path) == []
    assert codec.source_hash()
