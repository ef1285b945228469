"""The mixer: its numbers stay within their types, whatever the level."""

from __future__ import annotations

import dataclasses

import numpy as np
from conftest import prose

from lmzip.codec.coder import range_coder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.levels import PRESETS
from lmzip.codec.memory.tables import CONTEXTS
from lmzip.codec.mixer import mixer
from lmzip.codec.mixer.sets import ROWS


def test_sums_and_steps_stay_within_an_int32():
    largest_input, units = 3071, 1 << 8
    inputs = len(mixer.empty_mixer(CONTEXTS, len(ROWS)).inputs)
    assert mixer.BOUND * largest_input < 2**31
    assert mixer.BOUND * largest_input // units * inputs < 2**31
    for rates in (
        *zip(mixer.RATE, mixer.FALLING_RATE, strict=True),
        *zip(mixer.FINAL_RATE, mixer.FINAL_FALLING_RATE, strict=True),
    ):
        assert largest_input * ((1 << 22) * sum(rates) >> 14) + (1 << 15) < 2**31


def test_a_level_uses_the_first_contexts_and_sets():
    for contexts, sets in ((2, 2), (10, 4), (CONTEXTS, len(ROWS))):
        preset = dataclasses.replace(PRESETS[1], learned="", contexts=contexts, sets=sets)
        bits = empty_bits(preset, 3000)
        assert bits.mixer.row.shape == (sets,) and bits.memory.slot.shape == (contexts,)
        data = np.frombuffer(prose(3000), dtype=np.uint8).copy()
        freq = np.full((len(data), 256), 1 << 16, dtype=np.int32)
        buffer, coder = np.zeros(9000, dtype=np.uint8), range_coder.encoder_state()
        code_bytes(bits, freq, data, coder, buffer, False)
        assert np.abs(bits.mixer.weights).max() <= mixer.BOUND
        assert range_coder.finish(coder, buffer) < len(data) / 5
