"""No kernel fuses a product with a sum but the exact ones, and if one did it would be noticed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import contraction
import llvmlite.binding as llvm
import numba
import numpy as np
import pytest
from conftest import prose
from test_golden import PINNED, of_today

import lmzip
from lmzip.codec import jit
from lmzip.codec.entry import Entry
from lmzip.codec.native import machine_code

PROSE = [name for name in PINNED if name.startswith("prose-")]
EXACT = {name for name, kernel in contraction.kernels().items() if kernel.options.get("fastmath")}
"""The kernels whose every partial sum is an exact integer: these may fuse."""
SUMS = {
    "add_below", "add_rows", "dot", "magnitude", "negatives", "plain_matrix", "plain_mix",
    "plain_row", "plain_signed", "plain_stream", "plain_unsigned", "sum_of", "total",
}  # fmt: skip


def compiled(function, fastmath, *arguments) -> str:
    """The LLVM code of a function compiled for these arguments."""
    kernel = numba.njit(fastmath=fastmath, **jit._OPTIONS)(function)
    kernel(*arguments)
    return str(next(iter(kernel.overloads.values())).library._get_module_for_linking())


def multiply_and_add(x, y, z):
    for i in range(x.shape[0]):
        z[i] += x[i] * y[i]


VECTORS = [np.ones(64, np.float32) for _ in range(3)]


@pytest.mark.parametrize("machine", contraction.TRIPLES)
def test_a_contracted_kernel_is_seen_and_a_strict_one_is_not(machine):
    assert contraction.fused(compiled(multiply_and_add, {"contract"}, *VECTORS), machine)
    assert not contraction.fused(compiled(multiply_and_add, False, *VECTORS), machine)


def test_a_flagged_sum_of_an_unflagged_product_is_seen_which_aarch64_alone_fuses():
    add = numba.njit(fastmath=True, **jit._OPTIONS)(lambda a, b: a + b)

    def multiply_and_pass_on(x, y, z):
        for i in range(x.shape[0]):
            z[i] = add(z[i], x[i] * y[i])

    code = compiled(multiply_and_pass_on, False, *VECTORS)
    assert contraction.fused(code, "AArch64") and not contraction.fused(code, "x86")
    assert list(contraction.unrounded(code))


@pytest.fixture(scope="module")
def codes() -> dict[str, list[str]]:
    """The LLVM code of every kernel that coding at a level takes."""
    kernels = contraction.kernels()
    with pytest.MonkeyPatch.context() as patch:
        # Machine code that was kept does not tell, and Numba keeps what was last made by one way.
        patch.setattr(machine_code, "load", lambda file, count: None)
        for kernel in kernels.values():
            if isinstance(kernel, Entry):
                patch.setattr(kernel, "_functions", {})
        assert lmzip.decompress(lmzip.compress(prose(700), level=1))
    return {name: contraction.optimised(kernel) for name, kernel in kernels.items()}


def test_the_exact_sums_are_those_that_are_known_to_be():
    assert {name.rpartition(".")[2] for name in EXACT} == SUMS


def test_nothing_is_fused_outside_the_exact_sums(codes):
    strict = {
        name: code
        for name, versions in codes.items()
        for code in versions
        if name not in EXACT and not contraction.flagged(code) and " fmul " in code
    }
    assert len(strict) > 9  # the others multiply no floating-point numbers
    for machine in contraction.TRIPLES:
        for name, code in strict.items():
            if "@llvm.x86." in code and machine != "x86":
                continue  # by an instruction of this processor, which that machine never compiles
            assert not contraction.fused(code, machine), f"{name} is fused on {machine}"


def test_no_product_that_is_rounded_reaches_an_exact_sum(codes):
    """Today's exact sums add integers, so that nothing of them is flagged in the kernels into which
    they are compiled; the test above shows that it would be seen."""
    flagged = {n: c for n, versions in codes.items() for c in versions if contraction.flagged(c)}
    for name, code in flagged.items():
        assert not list(contraction.unrounded(code)), f"{name} would be fused on AArch64"
        assert not contraction.FUSED_BY_SOURCE.search(code), name


def fuses() -> bool:
    machine = platform.machine().lower()
    return machine in ("aarch64", "arm64") or llvm.get_host_cpu_features().get("fma", False)


@pytest.mark.skipif(not fuses(), reason="this machine has no fused multiply-add")
def test_golden_archives_notice_a_fused_multiply_add(request, tmp_path):
    """The control of `test_golden.py`: with strict kernels that may fuse, no prose opens.

    All levels share the same machine code, which is kept from run to run, apart from the user's.
    """
    for name in [*PROSE, "concatenated"]:
        (tmp_path / name).write_bytes(of_today(name))
    settings = {**os.environ, "NUMBA_CACHE_DIR": str(request.config.cache.mkdir("contracted"))}
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "LMZIP_ENGINE"):
        settings.pop(name, None)
    done = subprocess.run(
        [sys.executable, str(Path(contraction.__file__)), *PROSE, "concatenated"],
        env={**settings, "PYTHONPATH": str(Path(lmzip.__file__).parent.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    opened = json.loads(done.stdout)
    assert opened.pop("concatenated"), "archives of 120 bytes are too short to notice"
    assert sorted(opened) == sorted(PROSE) and len(PROSE) == 9
    unnoticed = [name for name in PROSE if opened[name]]
    assert not unnoticed, f"{unnoticed} would not notice: choose other prose in make_golden.py"
