"""Range coder, integers only (Martin 1979; carry handling as in LZMA).

Invariants, before and after every call:

    0 <= low < 2^56          2^48 <= range <= 2^56          low + range <= 2^57

A symbol with cumulative frequency `start` and frequency `size` out of a total 2^bits,

    0 <= start < start + size <= 2^bits          1 <= bits <= 24

narrows the interval to [low + r*start, low + r*(start + size)) with r = range >> bits,
and r >= 2^24 keeps the loss by rounding below 2^-24 of a symbol's cost. When the range falls
below 2^48 the top byte of `low` leaves; a carry out of bit 56 is added to the bytes that
left before. The decoder holds `code - low` instead of `low`; both walk the same ranges.

Whatever the state, no index leaves the buffer and every loop ends; nothing more is promised where
the invariants do not hold, as after an interruption.

The state is an int64 array, so that the same functions serve as compiled kernels and as
plain Python. Layout: [low or code - low, range, cursor into the buffer].
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel

LOW, RANGE, CURSOR = 0, 1, 2

TOP = 1 << 56
BOTTOM = 1 << 48


def encoder_state() -> np.ndarray:
    """State of an encoder that has written nothing: int64[3]."""
    return np.array([0, TOP, 0], dtype=np.int64)


def decoder_state(payload: np.ndarray) -> np.ndarray:
    """State of a decoder at the start of `payload` (uint8 array): int64[3]."""
    first = payload[:7].tobytes().ljust(7, b"\0")
    return np.array([int.from_bytes(first, "big"), TOP, 7], dtype=np.int64)


@kernel
def next_byte(state, payload):
    """Next byte of the payload; zeros follow its end (the encoder cuts trailing zeros)."""
    cursor = state[CURSOR]
    state[CURSOR] = cursor + 1
    if 0 <= cursor < payload.shape[0]:
        return np.int64(payload[cursor])
    return np.int64(0)


@kernel
def encode(state, buffer, start, size, bits):
    """Code a symbol: append what is settled to `buffer` (uint8; 8 free bytes are enough)."""
    step = state[RANGE] >> bits
    low = state[LOW] + step * start
    width = max(step * size, 1)
    cursor = min(max(state[CURSOR], 0), buffer.shape[0])
    if low >= TOP:
        low -= TOP
        back = cursor - 1
        while back > 0 and buffer[back] == 255:
            buffer[back] = 0
            back -= 1
        buffer[back] += 1
    while width < BOTTOM:
        if cursor < buffer.shape[0]:
            buffer[cursor] = low >> 48
            cursor += 1
        low = (low & (BOTTOM - 1)) << 8
        width <<= 8
    state[LOW] = low
    state[RANGE] = width
    state[CURSOR] = cursor


@kernel
def decode_target(state, bits):
    """Which of the 2^bits parts of the range the code lies in, even for a damaged code."""
    step = max(state[RANGE] >> bits, 1)
    return min(max(state[LOW] // step, 0), (1 << bits) - 1)


@kernel
def decode(state, payload, start, size, bits):
    """Narrow to the symbol that `decode_target` led to; mirror of `encode`."""
    step = state[RANGE] >> bits
    low = state[LOW] - step * start
    width = max(step * size, 1)
    while width < BOTTOM:
        low = (low << 8) | next_byte(state, payload)
        width <<= 8
    state[LOW] = low
    state[RANGE] = width


def finish(state: np.ndarray, buffer: np.ndarray) -> int:
    """Write the fewest bytes that lie in the final interval; return the payload's length.

    Trailing zero bytes are cut: the decoder reads zeros past the end.
    """
    low, width, cursor = (int(value) for value in state)
    for kept in range(8):
        unit = 1 << (56 - 8 * kept)
        value = (low + unit - 1) // unit * unit
        if value < low + width:
            break
    if value >= TOP:
        value -= TOP
        back = cursor - 1
        while buffer[back] == 255:
            buffer[back] = 0
            back -= 1
        buffer[back] += 1
    for index in range(kept):
        buffer[cursor + index] = (value >> (48 - 8 * index)) & 255
    cursor += kept
    while cursor and buffer[cursor - 1] == 0:
        cursor -= 1
    return cursor
