"""Learned initial weights as they are shipped: rows of few bits, entropy-coded.

A tensor is codes times one float16 scale a row. Of all tensors in their order (`tensor_shapes`),
the file holds, integers little-endian:

    byte         n: codes lie in [-n, n]
    2n+1 uint16  frequencies of the codes -n .. n, which sum to 2^14
    float16      scales, one a row (one for a tensor of one dimension)

and behind all these, the lengths (uint32) of four payloads but the last, and the payloads, of the
range coder with 14 bits. They hold the codes of all tensors, row by row but for rows whose scale is
0; of each tensor the rows lie in the payloads by turns. Four divisions, which decoding waits for,
so overlap: interleaved coders as in Giesen 2014.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lmzip.interface import learned_file

from ..coder.range_coder import (
    decode,
    decode_target,
    decoder_state,
    encode,
    encoder_state,
    finish,
)
from ..entry import entry

BITS = 14
"""Frequencies of a tensor's codes sum to 2^14."""
LANES = 4
"""Payloads."""

SHIPPED = Path(__file__).with_name("weights.txt")
"""SHA-256 and name of each file that is shipped."""

Shapes = dict[str, tuple[int, ...]]
Codes = tuple[int, np.ndarray, np.ndarray]
"""n, codes in [-n, n] (int64, rows of a tensor), and their scales (float16, one a row)."""


def levels_of(name: str) -> int:
    """The largest code of a tensor: coarser ones cost more bits than they save, 23 values an
    embedding, 31 a matrix (docs/experiments.md)."""
    return {"table": 127, "embedding": 11}.get(name, 15)


def coded(tensor: np.ndarray, levels: int) -> Codes:
    """Codes in [-levels, levels] and scales that come nearest to a tensor."""
    rows = tensor.reshape(math.prod(tensor.shape[:-1]), tensor.shape[-1]).astype(np.float64)
    scales = (np.abs(rows).max(axis=1, initial=0) / levels).astype(np.float16)
    divisors = np.maximum(scales, np.float16(2.0**-24)).astype(np.float64)
    codes = np.rint(rows / divisors[:, None]).clip(-levels, levels)
    codes[scales == 0] = 0
    return levels, codes.astype(np.int64), scales


def pack(tensors: dict[str, np.ndarray]) -> bytes:
    """The file of tensors (float32), in their order."""
    return pack_codes([coded(tensor, levels_of(name)) for name, tensor in tensors.items()])


def pack_codes(tensors: Iterable[Codes]) -> bytes:
    """The file of tensors that are codes already."""
    head, tables = b"", []
    for size, codes, scales in tensors:
        told = codes[scales != 0] + size
        freq = frequencies(np.bincount(told.reshape(-1), minlength=2 * size + 1))
        head += bytes([size]) + freq.astype("<u2").tobytes() + scales.astype("<f2").tobytes()
        tables.append((told, freq))
    payloads = [_payload(tables, lane) for lane in range(LANES)]
    lengths = np.array([len(payload) for payload in payloads[:-1]], dtype="<u4")
    return head + lengths.tobytes() + b"".join(payloads)


def _payload(tables: list[tuple[np.ndarray, np.ndarray]], lane: int) -> bytes:
    """Of codes, from 0 on, [rows, columns], and their frequencies: the rows of one lane."""
    coder = encoder_state()
    buffer = np.zeros(2 * sum(codes[lane::LANES].size for codes, _ in tables) + 16, dtype=np.uint8)
    for codes, freq in tables:
        encode_codes(codes[lane::LANES].reshape(-1), freq, np.cumsum(freq) - freq, coder, buffer)
    return buffer[: finish(coder, buffer)].tobytes()


def unpack(data: bytes, shapes: Shapes) -> dict[str, np.ndarray]:
    """The tensors (float32) of a file that was made of tensors of these shapes.

    Raises ValueError for data that cannot be such a file.
    """
    at = 0
    tables = []

    def take(dtype: str, count: int) -> np.ndarray:
        nonlocal at
        start, at = at, at + count * np.dtype(dtype).itemsize
        if at > len(data):
            raise ValueError(f"a weights file of {len(data)} bytes is too short")
        return np.frombuffer(data[start:at], dtype=dtype)

    for shape in shapes.values():
        size = int(take("<u1", 1)[0])
        freq = take("<u2", 2 * size + 1).astype(np.int64)
        scales = take("<f2", math.prod(shape[:-1])).astype(np.float32)
        if freq.sum() != 1 << BITS or size > 127 or not np.isfinite(scales).all():
            raise ValueError("a weights file has values that none has")
        tables.append((size, freq, scales))
    lengths = take("<u4", LANES - 1).tolist()
    lengths.append(len(data) - at - sum(lengths))
    if lengths[-1] < 0:
        raise ValueError("a weights file has less than it says")
    payloads = np.zeros((LANES, max(*lengths, 1)), dtype=np.uint8)
    for payload, length in zip(payloads, lengths, strict=True):
        payload[:length] = take("u1", length)  # zeros stand behind its end
    coders = np.stack([decoder_state(payload) for payload in payloads])
    tensors = {}
    for (name, shape), (size, freq, scales) in zip(shapes.items(), tables, strict=True):
        values = np.zeros((len(scales), shape[-1]), dtype=np.float32)
        symbols = np.repeat(np.arange(len(freq), dtype=np.uint8), freq)
        used = np.flatnonzero(scales)
        starts = np.cumsum(freq) - freq
        decode_rows(values, used, scales, size, freq, starts, symbols, coders, payloads)
        tensors[name] = values.reshape(shape)
    return tensors


def shipped() -> dict[str, str]:
    """Name -> SHA-256, in hexadecimal, of the files of learned weights."""
    lines = [line.split() for line in SHIPPED.read_text(encoding="ascii").splitlines()]
    return {name: digest for digest, name in lines}


def read(name: str) -> bytes:
    """The shipped file of this name. Raises EngineError if it is missing or damaged."""
    return learned_file(name, shipped()[name])


def frequencies(counts: np.ndarray) -> np.ndarray:
    """Frequencies that sum to 2^14 nearly as counts are, at least 1 for each."""
    total = 1 << BITS
    freq = np.maximum(counts * total // max(int(counts.sum()), 1), 1)
    freq[int(freq.argmax())] += total - int(freq.sum())
    return freq


@entry
def encode_codes(codes, freq, starts, coder, buffer):
    """Append codes, int64 [n], indices of freq."""
    for i in range(codes.shape[0]):
        code = codes[i]
        encode(coder, buffer, starts[code], freq[code], BITS)


@entry
def decode_rows(values, used, scales, size, freq, starts, symbols, coders, payloads):
    """Fill the rows `used` of values, float32 [rows, columns].

    symbols [2^14]: which code each part of the range belongs to; coders, int64 [4, 3], and
    payloads, uint8 [4, longest]: of each lane.
    """
    for first in range(0, used.shape[0], LANES):
        rows = min(LANES, used.shape[0] - first)
        for column in range(values.shape[1]):
            for lane in range(rows):
                coder, row = coders[lane], used[first + lane]
                code = np.int64(symbols[decode_target(coder, BITS)])
                decode(coder, payloads[lane], starts[code], freq[code], BITS)
                values[row, column] = np.float32(code - size) * scales[row]
