"""Kernels where machine code can be kept nowhere, or not where it was to be kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lmzip

PROGRAM = (
    "import os, warnings\n"
    "from lmzip.loading import codec_class\n"
    "with warnings.catch_warnings(record=True) as caught:\n"
    "    warnings.simplefilter('always')\n"
    "    name = codec_class().__name__\n"
    "print(name, os.environ.get('NUMBA_CACHE_DIR', '-'))\n"
    "print(*[w.message for w in caught if w.category is RuntimeWarning])\n"
)


def load(package: Path, **environment: str) -> subprocess.CompletedProcess:
    """Load the codec of a copy of the package; decorating its kernels compiles nothing."""
    return subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(package.parent), **environment},
        cwd=package.parent,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package beside which nothing can be written, not even by root."""
    copy = tmp_path / "lmzip"
    source = Path(lmzip.__file__).parent
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "codec" / "__pycache__").write_bytes(b"a file where the directory would be")
    return copy


NOWHERE = {"HOME": "/dev/null/x", "XDG_CACHE_HOME": "/dev/null/x", "NUMBA_CACHE_DIR": "/dev/null/x"}


def test_a_directory_of_the_process_serves_and_is_removed(package, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = load(package, **NOWHERE, TMPDIR=str(scratch))
    assert done.returncode == 0, done.stderr
    result, warning = done.stdout.splitlines()
    assert result.startswith(f"Codec {scratch}/lmzip-kernels-")
    assert "NUMBA_CACHE_DIR" in warning
    assert list(scratch.iterdir()) == []


def test_the_users_cache_serves_without_a_word(package, tmp_path):
    done = load(package, **NOWHERE | {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert done.stdout.splitlines() == ["Codec /dev/null/x", ""]


def test_where_nothing_can_be_written_the_error_says_what_to_do(package):
    program = "import tempfile; tempfile.mkdtemp = lambda **k: open('/dev/null/x')\n"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program + PROGRAM],
        env={**os.environ, "PYTHONPATH": str(package.parent), **NOWHERE},
        cwd=package.parent,
        capture_output=True,
        text=True,
    )
    assert "EngineError: the kernels cannot be compiled" in done.stderr
    assert "NUMBA_CACHE_DIR" in done.stderr
