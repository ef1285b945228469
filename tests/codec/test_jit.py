"""Cached machine code is that of the sources as they are now."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lmzip
from lmzip.codec import jit, source_hash
from lmzip.codec.coder.range_coder import encode
from lmzip.codec.processor import way
from lmzip.codec.transformer.kernels.arithmetic import dot
from lmzip.codec.transformer.kernels.products import row_product

ROOT = Path(lmzip.__file__).parents[1]


def test_the_cache_is_stamped_with_the_source_hash():
    for compiled in (dot, row_product, encode):
        assert compiled._cache._cache_file._source_stamp == source_hash() + way().encode()


def test_an_edited_callee_in_another_file_is_noticed(tmp_path):
    """The cached caller must not go on with the old machine code of what it calls."""
    program = "import caller; print(caller.f(2))"
    (tmp_path / "stamp.py").write_text(
        "import pathlib\nfrom lmzip.codec import jit\n"
        "jit.source_hash = lambda: pathlib.Path(__file__).with_name('callee.py').read_bytes()\n"
    )
    (tmp_path / "caller.py").write_text(
        "import stamp\nfrom lmzip.codec.jit import kernel\nfrom callee import g\n"
        "@kernel\ndef f(x):\n    return g(x)\n"
    )
    results = []
    for number in (3, 4):
        (tmp_path / "callee.py").write_text(
            "import stamp\nfrom lmzip.codec.jit import kernel\n"
            f"@kernel\ndef g(x):\n    return x * {number}\n"
        )
        done = subprocess.run(
            [sys.executable, "-B", "-c", program],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        results.append(int(done.stdout))
    assert results == [6, 8]


def test_an_edited_kernel_outside_the_codec_is_noticed(tmp_path):
    """The code hash knows nothing of it: Numba's own stamp of its file stays."""
    results = []
    for body in ("x * 3", "x * 3 + 1"):
        (tmp_path / "instrument.py").write_text(
            "from lmzip.codec.jit import kernel\n@kernel\n"
            f"def f(x):\n    return {body}\nprint(f(2))\n"
        )
        done = subprocess.run(
            [sys.executable, "-B", "-c", "import instrument"],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        results.append(int(done.stdout))
    assert results == [6, 7]


def test_there_is_a_compiler_here():
    assert jit.HAVE_NUMBA


LOAD = (
    "import warnings\n"
    "with warnings.catch_warnings(record=True) as caught:\n"
    "    warnings.simplefilter('always')\n"
    "    from lmzip.codec.loop import Codec\n"
    "    from lmzip.codec.coder.range_coder import encode\n"
    "    encode.dispatcher, encode.called\n"
    "print(*[w.message for w in caught if w.category is RuntimeWarning])\n"
)
NOWHERE = {"HOME": "/dev/null/x", "XDG_CACHE_HOME": "/dev/null/x", "NUMBA_CACHE_DIR": "/dev/null/x"}


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package beside which nothing can be written, not even by root."""
    copy = tmp_path / "lmzip"
    source = Path(lmzip.__file__).parent
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in {path.parent for path in copy.rglob("*.py")}:
        (folder / "__pycache__").write_bytes(b"a file where the directory would be")
    return copy


def warned(package: Path, **environment: str) -> str:
    """What preparing a kernel in a copy of the package warns of; that compiles nothing."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", LOAD],
        env={**os.environ, "PYTHONPATH": str(package.parent), **NOWHERE, **environment},
        cwd=package.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_where_nothing_can_be_written_kernels_are_not_cached_and_it_says_so(package):
    warning = warned(package)
    assert "NUMBA_CACHE_DIR" in warning and warning.count("kept nowhere") == 1


def test_the_users_cache_serves_without_a_word(package, tmp_path):
    assert warned(package, XDG_CACHE_HOME=str(tmp_path / "cache")) == ""
