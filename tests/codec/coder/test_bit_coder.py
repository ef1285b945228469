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
from lmzip.codec.coder.bit_coder import LONGEST_BYTE
from lmzip.codec.engine import NAMES
from lmzip.codec.foresight.expect import CERTAIN
from lmzip.codec.mixer import mixer

PROGRAM = """
import json, os, sys
import numpy as np
from lmzip.codec.coder import range_coder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.levels import PRESETS
data = np.frombuffer(bytes.fromhex(sys.stdin.read()), dtype=np.uint8).copy()
bits = empty_bits(PRESETS[9], 60)
freq = np.full((len(data), 256), 1 << 16, dtype=np.int32)
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
    """The same source without the compiler: every table and every bit are the same.

    Plain Python takes 0.1 s for a byte; these reach what 200 bytes of text and records did, line
    by line, and more: words, quotes, brackets, fields, records whose length is found, a match.
    """
    text, records = prose(24) + b'The "End" (of it).\n', b"1,22,3\n4,55,6\n" + b"ab:\n" * 7
    data = text + records + b"xyxyxyxy" + noise(5)
    compiled, plain = code(data), code(data, NUMBA_DISABLE_JIT="1")
    assert compiled.pop("compiled") and not plain.pop("compiled")
    assert compiled == plain


ENGINES = """
import json, os, sys
from lmzip.codec.engine import NAMES
from lmzip.codec.loop import Codec
from lmzip.errors import EngineError
data, found = sys.stdin.buffer.read(), {}
for name in NAMES:
    os.environ["LMZIP_ENGINE"] = name
    try:
        found[name] = Codec(2).encode(data).hex()
    except EngineError as error:
        found[name] = f"refused: {error}"
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def by_engine() -> list[dict[str, str]]:
    """What every engine makes of a text, compiled and as plain Python: a process for each way."""
    found = []
    for settings in ({}, {"NUMBA_DISABLE_JIT": "1"}):
        done = subprocess.run(
            [sys.executable, "-c", ENGINES],
            input=prose(70),
            env={**os.environ, **settings},
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_twins_agree_through_every_engine(name, by_engine):
    compiled, plain = by_engine
    if compiled[name].startswith("refused"):
        pytest.skip(compiled[name])
    assert compiled[name] == plain[name] == compiled["cpu"]
    assert len(bytes.fromhex(plain[name])) > 9


def test_the_costliest_bytes_fit_the_bound():
    """A byte costs at most LONGEST bytes, however wrong the prediction: kernels check no bounds."""
    assert mixer.LEAST << mixer.LONGEST == 1 << 22
    state, buffer = range_coder.encoder_state(), np.zeros(17 * 50 + 16, dtype=np.uint8)
    for _ in range(8 * 50):
        range_coder.encode(state, buffer, 0, mixer.LEAST, 22)
    assert range_coder.finish(state, buffer) <= 17 * 50 + 7
    wrong = ((1 << 22) // ((1 << 22) - CERTAIN)).bit_length() - 1
    assert 8 * mixer.LONGEST + wrong <= 8 * LONGEST_BYTE
