"""The last stage: tables that are inverse to each other, kernels that are plain Python's twins."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import noise, prose

from lmzip.codec.coder import range_coder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.engine import NAMES
from lmzip.codec.levels import PRESETS
from lmzip.codec.memory.bit_histories import state_tables
from lmzip.codec.memory.tables import CONTEXTS
from lmzip.codec.mixer import mixer
from lmzip.codec.mixer.logistic import FARTHEST, squash_table, stretch_table
from lmzip.codec.mixer.sets import ROWS

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


def test_stretch_is_the_inverse_of_squash():
    squash, stretch = squash_table().astype(np.int64), stretch_table().astype(np.int64)
    assert squash[0] > 0 and squash[-1] < 1 << 22
    assert (np.diff(squash) >= 0).all() and (np.diff(stretch) >= 0).all()
    middle = np.abs(np.arange(-2000, 2001))
    back = stretch[squash[np.arange(-2000, 2001) + FARTHEST + 1] >> 6]
    assert np.abs(back - np.arange(-2000, 2001))[middle < 1000].max() <= 1


def test_bit_histories_remember_the_last_bit_and_never_overflow():
    following, counts = state_tables()
    state = 0
    for _ in range(300):
        state = int(following[2 * state + 1])
    assert counts[state][0] == 0 and counts[state][1] >= 30
    state = int(following[2 * state])
    assert counts[state][0] == 1 and counts[state][1] < 10, "contradicted evidence is forgotten"


def test_sums_and_steps_stay_within_an_int32():
    largest_input, units = 3071, 1 << 8
    inputs = len(mixer.empty_mixer(CONTEXTS, len(ROWS)).inputs)
    assert mixer.BOUND * largest_input < 2**31
    assert mixer.BOUND * largest_input // units * inputs < 2**31
    for rates in (
        *zip(mixer.RATE, mixer.FALLING_RATE, strict=True),
        (mixer.FINAL_RATE, mixer.FINAL_FALLING_RATE),
    ):
        assert largest_input * ((1 << 22) * sum(rates) >> 14) + (1 << 15) < 2**31


def test_a_level_uses_the_first_contexts_and_sets():
    for contexts, sets in ((2, 2), (10, 4), (CONTEXTS, len(ROWS))):
        preset = dataclasses.replace(PRESETS[1], contexts=contexts, sets=sets)
        bits = empty_bits(preset, 3000)
        assert bits.mixer.row.shape == (sets,) and bits.memory.slot.shape == (contexts,)
        data = np.frombuffer(prose(3000), dtype=np.uint8).copy()
        freq = np.full((len(data), 256), 1 << 16, dtype=np.int64)
        buffer, coder = np.zeros(9000, dtype=np.uint8), range_coder.encoder_state()
        code_bytes(bits, freq, data, coder, buffer, False)
        assert np.abs(bits.mixer.weights).max() <= mixer.BOUND
        assert range_coder.finish(coder, buffer) < len(data) / 5


def test_buckets_are_whole_cache_lines():
    bits = empty_bits(PRESETS[1], 100_000)
    for table in (bits.memory.cells, bits.memory.direct_p):
        assert table.ctypes.data % 64 == 0


def test_small_data_get_small_tables():
    assert empty_bits(PRESETS[9], 100).memory.cells.nbytes < 1 << 19


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
            pytest.skip(f"{name} is not exact on this machine")
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
