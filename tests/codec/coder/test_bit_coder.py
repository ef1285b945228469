"""Bits through mixer and range coder: the kernels are plain Python's twins, costs are bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import noise, prose

from lmzip.codec.coder import range_coder
from lmzip.codec.engine import NAMES
from lmzip.codec.mixer import mixer

PROGRAM = """
import json, os, sys
import numpy as np
from lmzip.codec.coder import range_coder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.levels import PRESETS
data = np.frombuffer(bytes.fromhex(sys.stdin.read()), dtype=np.uint8).copy()
bits = empty_bits(PRESETS[9], 60)
freq = np.full((len(data), 256), 1 << 16, dtype=np.int64)
buffer, coder = np.zeros(3 * len(data) + 16, dtype=np.uint8), range_coder.encoder_state()
code_bytes(bits, freq, data, coder, buffer, False)
print(json.dumps({
    "payload": buffer[: range_coder.finish(coder, buffer)].tobytes().hex(),
    "weights": float(np.abs(bits.mixer.weights).sum()),
    "cells": int(bits.memory.cells.astype(np.int64).sum()),
    "compiled": hasattr(code_bytes, "signatures"),
}))
"""


def code(data: bytes, **settings: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=data.hex(),
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_kernels_and_plain_python_are_twins():
    """The same source without the compiler: every table and every bit are the same."""
    data = prose(120) + b"1,22,333\n4,55,666\n" * 4 + noise(20)
    compiled, plain = code(data), code(data, NUMBA_DISABLE_JIT="1")
    assert compiled.pop("compiled") and not plain.pop("compiled")
    assert compiled == plain


@pytest.mark.parametrize("name", NAMES)
def test_the_twins_agree_through_every_engine(name):
    program = (
        "import sys; from lmzip.codec.loop import Codec;"
        "data = sys.stdin.buffer.read(); sys.stdout.write(Codec(2).encode(data).hex())"
    )
    results = []
    for settings in ({}, {"NUMBA_DISABLE_JIT": "1"}):
        environment = {**os.environ, "LMZIP_ENGINE": name, **settings}
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=prose(70),
            env=environment,
            capture_output=True,
        )
        if b"EngineError" in done.stderr:
            pytest.skip(done.stderr.decode().splitlines()[-1])
        assert done.returncode == 0, done.stderr
        results.append(done.stdout)
    assert results[0] == results[1] != b""


def test_the_costliest_bytes_fit_the_bound():
    """A byte costs at most LONGEST bytes, however wrong the prediction: kernels check no bounds."""
    assert mixer.LEAST << mixer.LONGEST == 1 << 22
    state, buffer = range_coder.encoder_state(), np.zeros(17 * 50 + 16, dtype=np.uint8)
    for _ in range(8 * 50):
        range_coder.encode(state, buffer, 0, mixer.LEAST, 22)
    assert range_coder.finish(state, buffer) <= 17 * 50 + 7
