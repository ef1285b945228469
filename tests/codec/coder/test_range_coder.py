"""The range coder's invariants, and its round trip at its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmzip.codec.coder import range_coder as rc

ENCODE, DECODE, TARGET = (
    getattr(function, "py_func", function) for function in (rc.encode, rc.decode, rc.decode_target)
)


def round_trip(symbols: list[tuple[int, int, int]]) -> int:
    """Code (start, size, bits) with the plain-Python kernels, invariants asserted; bytes used."""
    buffer = np.zeros(4 * len(symbols) + 16, dtype=np.uint8)
    state = rc.encoder_state()
    for start, size, bits in symbols:
        ENCODE(state, buffer, start, size, bits)
        assert 0 <= state[rc.LOW] < rc.TOP
        assert rc.BOTTOM <= state[rc.RANGE] <= rc.TOP
    length = rc.finish(state, buffer)
    payload = buffer[:length].copy()
    state = rc.decoder_state(payload)
    for start, size, bits in symbols:
        assert 0 <= state[rc.LOW] < state[rc.RANGE]
        target = TARGET(state, bits)
        assert start <= target < start + size
        DECODE(state, payload, start, size, bits)
    return length


@st.composite
def coded_symbols(draw):
    bits = draw(st.integers(1, 24))
    total = 1 << bits
    start = draw(st.integers(0, total - 1))
    return start, draw(st.integers(1, total - start)), bits


@given(st.lists(coded_symbols(), max_size=40))
def test_round_trip_of_any_symbols(symbols):
    round_trip(symbols)


def test_certain_symbols_cost_nothing():
    assert round_trip([(0, 1 << 24, 24)] * 1000) == 0


@pytest.mark.parametrize("start", [0, 1, (1 << 24) - 1])
def test_rarest_symbols_cost_24_bits(start):
    length = round_trip([(start, 1, 24)] * 100)
    assert 0 <= length <= 301
    if start:
        assert length >= 299


def test_carries_run_through_many_bytes():
    # The top of the interval again and again leaves bytes of 255 for a carry to run through.
    top = [((1 << 24) - 1, 1, 24)] * 20
    for tail in (0, 1 << 23, (1 << 24) - 2):
        round_trip([((1 << 24) - 2, 2, 24), *top, (tail, 1, 24)])


def test_compiled_and_plain_kernels_agree():
    rng = np.random.default_rng(1)
    freq = np.ones((200, 256), dtype=np.int64)
    for row in freq:
        row += rng.multinomial((1 << 24) - 256, rng.dirichlet(np.full(256, 0.05)))
    symbols = rng.integers(0, 256, 200).astype(np.uint8)
    ends = np.cumsum(freq, axis=1)
    payloads = []
    for encode in (rc.encode, ENCODE):
        buffer, state = np.zeros(1000, dtype=np.uint8), rc.encoder_state()
        for row, symbol in enumerate(symbols):
            size = freq[row, symbol]
            encode(state, buffer, ends[row, symbol] - size, size, 24)
        payloads.append(buffer[: rc.finish(state, buffer)].copy())
    assert np.array_equal(*payloads)
    for decode, target in ((rc.decode, rc.decode_target), (DECODE, TARGET)):
        decoded, state = np.zeros(200, dtype=np.uint8), rc.decoder_state(payloads[0])
        for row in range(200):
            symbol = np.searchsorted(ends[row], target(state, 24), side="right")
            size = freq[row, symbol]
            decode(state, payloads[0], ends[row, symbol] - size, size, 24)
            decoded[row] = symbol
        assert np.array_equal(decoded, symbols)


def test_coded_length_is_the_information_content():
    rng = np.random.default_rng(2)
    share = np.array([0.5, 0.25, 0.125, 0.125])
    sizes = (share * (1 << 24)).astype(int)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    symbols = rng.choice(4, size=4000, p=share)
    bits = float(-np.log2(share[symbols]).sum())
    length = round_trip([(int(starts[s]), int(sizes[s]), 24) for s in symbols])
    assert abs(length * 8 - bits) < 16


@pytest.mark.parametrize("part", range(10))
def test_a_thousand_random_distributions(part):
    """100 in each part: of 2 to 256 symbols, flat to certain, in totals of 2^8 to 2^24."""
    rng = np.random.default_rng(part)
    for _ in range(100):
        count = int(rng.integers(2, 257))
        bits = int(rng.integers(max(8, count.bit_length()), 25))
        shape = rng.dirichlet(np.full(count, 10.0 ** rng.uniform(-2, 2)))
        sizes = 1 + rng.multinomial((1 << bits) - count, shape)
        assert sizes.min() >= 1 and sizes.sum() == 1 << bits
        starts = np.cumsum(sizes) - sizes
        # Half of the symbols as they are distributed, half of them rare ones.
        symbols = [*rng.choice(count, 20, p=sizes / sizes.sum()), *rng.integers(0, count, 20)]
        length = round_trip([(int(starts[s]), int(sizes[s]), bits) for s in symbols])
        cost = float(np.sum(bits - np.log2(sizes[symbols])))
        assert cost - 8 <= 8 * length <= cost + 16


WILD = [0, 1, -1, 255, rc.BOTTOM - 1, rc.TOP, -rc.TOP, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("width", WILD)
@pytest.mark.parametrize("low", WILD)
def test_no_state_leads_out_of_the_buffer_or_into_an_endless_loop(low, width):
    """As if another thread had changed it; a fence stands around the buffer."""
    for cursor in (0, 3, 8, 9, 2**62, -5):
        fenced = np.full(24, 255, dtype=np.uint8)
        state = np.array([low, width, cursor], dtype=np.int64)
        assert 0 <= rc.decode_target(state, 22) < 1 << 22
        rc.decode(state, fenced[8:16], 5, 7, 22)
        state = np.array([low, width, cursor], dtype=np.int64)
        rc.encode(state, fenced[8:16], 5, 7, 22)
        assert 0 <= state[rc.CURSOR] <= 8
        assert fenced[:8].min() == fenced[16:].min() == 255
