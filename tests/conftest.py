"""Inputs that the tests share: small, of several kinds, made without files."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import settings

from lmzip.codec.presets import Preset

# Examples per property: LMZIP_EXAMPLES=1000 or 10000 for the long runs, 100 otherwise.
for examples in (100, 1_000, 10_000):
    settings.register_profile(str(examples), max_examples=examples, deadline=None)
settings.load_profile(os.environ.get("LMZIP_EXAMPLES", "100"))

TINY = Preset(width=32, layers=1, heads=1, window=16, streams=3, segment=8, log_buckets=8)
"""A level so small that many blocks, streams and segments fit into a test."""

WORDS = b"the quick brown fox jumps over a lazy dog while rain falls on old stone bridges".split()


def prose(size: int, seed: int = 1) -> bytes:
    """Text of `size` bytes with words that repeat, as text does."""
    rng = random.Random(seed)
    text = b""
    while len(text) < size:
        text += rng.choice(WORDS) + (b".\n" if rng.random() < 0.1 else b" ")
    return text[:size]


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)


@pytest.fixture(scope="session")
def text() -> bytes:
    return prose(3000)
