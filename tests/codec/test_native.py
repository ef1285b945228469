"""Machine code that is called by words and kept in files."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from lmzip.codec.entry import entry
from lmzip.codec.jit import kernel
from lmzip.codec.native import machine_code
from lmzip.codec.native.intrinsics import prefetch
from lmzip.codec.native.structs import Struct, matrix
from lmzip.interface import watched


@dataclass(frozen=True, eq=False)
class Inner(Struct):
    """A struct within a struct."""

    numbers: np.ndarray
    grid: np.ndarray


@dataclass(frozen=True, eq=False)
class Outer(Struct):
    """Every kind of field."""

    first: np.ndarray
    inner: Inner
    pair: tuple[np.ndarray, np.ndarray]
    last: np.ndarray


def outer(grid_order: str = "C") -> Outer:
    grid = np.asarray(np.arange(12, dtype=np.float32).reshape(3, 4), order=grid_order)
    inner = Inner(np.arange(5, dtype=np.int64), grid)
    pair = (np.full(2, 7, dtype=np.int64), np.full(3, 9, dtype=np.int64))
    return Outer(np.ones(4, dtype=np.int32), inner, pair, np.zeros(8, dtype=np.float64))


@entry
def read_ahead(table, out):
    """Ask for every element, and for what lies around the array, before any is read."""
    for i in range(-100_000, 100_000, 7):
        prefetch(table, i)
    for i in range(table.shape[0]):
        out[0] += table[i, i]


def test_prefetching_changes_nothing_and_may_ask_for_what_is_not_there():
    table, out = np.arange(16, dtype=np.float64).reshape(4, 4), np.zeros(1)
    read_ahead(table, out)
    assert out[0] == 0 + 5 + 10 + 15
    assert (table == np.arange(16).reshape(4, 4)).all()


@entry
def read_all(s, factor, out):
    """Write what each field says, so that a wrong place or stride is seen."""
    rows, columns = s.inner.grid.shape
    out[0] = s.first[3] * factor
    out[1] = s.inner.numbers[4]
    out[2] = s.pair[0][1] * 100 + s.pair[1][2]
    for r in range(rows):
        for c in range(columns):
            out[3] += s.inner.grid[r, c] * (r + 1) * (c + 2)
    block = matrix(s.last, 2, 3)
    block[1, 2] = factor
    out[4] = s.last[5] + s.last.shape[0] + block.shape[1]


@entry
def never_called(x):
    """For a test that compiles it in a process of its own."""
    for i in range(x.shape[0]):
        x[i] += 1


@kernel
def square(x):
    """Called with a number."""
    return x * x


@entry
def with_numbers(out):
    """Calls a kernel with numbers of the source."""
    out[0] = square(2) + square(3) + square(np.int64(out[1]))


@pytest.mark.parametrize("order", ["C", "F"])
def test_fields_arrive_as_they_are(order):
    s, out, plain = outer(order), np.zeros(5), np.zeros(5)
    read_all(s, 3, out)
    read_all.py_func(outer(order), 3, plain)
    assert out.tolist() == plain.tolist()
    assert s.last[5] == 3


def test_a_replaced_field_is_read_from_its_new_place():
    s, out = outer(), np.zeros(5)
    read_all(s, 1, out)
    read_all(s._replace(first=np.full(4, 50, dtype=np.int32)), 1, out)
    assert out[0] == 50


def test_other_types_are_other_machine_code():
    kinds = {outer("C").kind, outer("F").kind}
    assert len(kinds) == 2
    names = {machine_code.path("f", kind, options) for kind in kinds for options in ("", "x")}
    assert len(names) == 4


def test_numbers_of_the_source_do_not_make_versions():
    out = np.array([0, 4], dtype=np.int64)
    with_numbers(out)
    assert out[0] == 4 + 9 + 16
    # None if the machine code of its caller was kept by an earlier run.
    assert len(square.called.overloads) < 2


PROGRAM = """
import sys
import numpy as np
sys.path.insert(0, {tests!r})
from test_native import never_called
from lmzip.interface import watched
told = []
x = np.zeros(3)
with watched(told.append):
    never_called(x)
assert x.tolist() == [1, 1, 1]
print(told, "numba" in sys.modules)
"""


def in_new_process(cache) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(tests=os.path.dirname(__file__))],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_kept_code_runs_without_numba_and_damaged_code_is_made_again(tmp_path):
    compiled, loaded = "['never_called'] True", "[] False"
    assert in_new_process(tmp_path) == compiled
    assert in_new_process(tmp_path) == loaded
    (file,) = (tmp_path / "lmzip").glob("*.code")
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"", b"\n", b"{}\nx"):
        file.write_bytes(damaged)
        assert in_new_process(tmp_path).endswith("True")
        assert in_new_process(tmp_path) == loaded


def test_code_that_asks_for_an_unknown_function_is_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert machine_code.save("a.code", "f", b"no object", ["lmzip_nowhere"])
    assert machine_code.load("a.code", 0) is None


def test_where_nothing_can_be_kept_it_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert not machine_code.save("a.code", "f", b"", [])


def test_watchers_are_told_while_they_watch():
    told: list[str] = []
    from lmzip import interface

    with watched(told.append):
        interface.compiling("a")
    interface.compiling("b")
    assert told == ["a"]


def test_another_process_compiles_what_this_one_waits_for(tmp_path, monkeypatch):
    from lmzip.codec.coder import bit_coder
    from lmzip.codec.native import ahead

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    process = ahead.start("lmzip.codec.levels:memory_bytes")  # fails: it takes an argument
    assert process is not None
    ahead.wait(process)
    assert process.returncode == 1
    coder = type(bit_coder.encode_segment)(never_called.function)
    monkeypatch.setattr(ahead, "start", lambda caller: process)
    x = np.zeros(1)
    coder.compile_ahead("module:name", x)
    coder(x)  # what the other process has not left is made here
    assert x[0] == 1


def test_nothing_is_compiled_ahead_where_it_is_kept(tmp_path, monkeypatch):
    from lmzip.codec.native import ahead

    monkeypatch.setattr(ahead, "start", lambda caller: pytest.fail("a process was started"))
    out = np.zeros(5)
    read_all(outer(), 3, out)
    read_all.compile_ahead("module:name", outer(), 3, out)


def test_arguments_of_the_bit_coder_are_of_the_kinds_that_the_codec_has():
    from lmzip.codec.coder.bit_coder import encode_segment, one_byte
    from lmzip.codec.entry import kind_of
    from lmzip.codec.loop import Codec

    kinds = []
    Codec(1, threads=1).encode(b"ab" * 40, lambda *work: kinds.append(list(map(kind_of, work))))
    assert kinds and all(kind == list(map(kind_of, one_byte())) for kind in kinds)
    assert encode_segment.compile_ahead  # an entry
