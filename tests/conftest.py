"""Inputs that the tests share: small, of several kinds, made without files."""

from __future__ import annotations

import random

import pytest

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
