"""Bit histories: what a state remembers, and what it forgets."""

from __future__ import annotations

from lmzip.codec.memory.bit_histories import state_tables


def test_bit_histories_remember_the_last_bit_and_never_overflow():
    following, counts = state_tables()
    state = 0
    for _ in range(300):
        state = int(following[2 * state + 1])
    assert counts[state][0] == 0 and counts[state][1] >= 30
    state = int(following[2 * state])
    assert counts[state][0] == 1 and counts[state][1] < 10, "contradicted evidence is forgotten"
