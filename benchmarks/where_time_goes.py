"""Where the time of one byte goes, part by part: `where_time_goes.py FILE [LEVEL]`.

Microseconds per byte on one core, each part alone and with warm caches (together they share the
cache and are slower), and the multiply-adds per second of those that are products.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from numba import njit

from lmzip.codec.coder import range_coder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.codec.loop import Codec
from lmzip.codec.memory import slots
from lmzip.codec.memory.slots import HISTORY
from lmzip.codec.transformer.kernels import arithmetic, forward
from lmzip.codec.transformer.weights import matrix_shapes


def best_of(work: Callable[[], object], repeats: int = 30) -> float:
    """Seconds of the fastest of some runs."""
    work()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


@njit(nogil=True, _nrt=False)
def position_by_position(state, segment, text):
    """The forward pass as the decoder runs it, and its slots."""
    for at in range(segment):
        slots.look_up(state.slots, 0, at)
        forward.forward(state, 0, segment, at, 1)
        slots.read(state.slots, 0, np.int64(text[HISTORY + at]))


def product_peak() -> float:
    """Multiply-adds per second of the blocked product kernel, operands in the cache."""
    a, b = np.ones((64, 256), dtype=np.float32), np.ones((256, 256), dtype=np.float32)
    y = np.zeros((64, 256), dtype=np.float32)
    return a.size * b.shape[1] / best_of(lambda: arithmetic.product(a, b, y))


def main(file: str, level: int) -> None:
    data = Path(file).read_bytes()[:200_000]
    codec = Codec(level, threads=1)
    codec.encode(data[:5000])
    engine, segment = codec.engine, codec.preset.segment
    engine.start_block(1)
    text = np.zeros((1, HISTORY + segment), dtype=np.uint8)
    text[0, HISTORY:] = np.frombuffer(data[:segment], dtype=np.uint8)
    left = np.array([segment])
    macs = sum(rows * columns for rows, columns in matrix_shapes(codec.preset).values())

    bits = empty_bits(codec.preset, len(data))
    freq = np.full((len(data), 256), 1 << 16, dtype=np.int64)
    buffer, coder = np.zeros(3 * len(data) + 16, dtype=np.uint8), range_coder.encoder_state()
    symbols = np.frombuffer(data, dtype=np.uint8).copy()
    start = perf_counter()
    code_bytes(bits, freq, symbols, coder, buffer, False)
    last_stage = (perf_counter() - start) / len(data)

    parts = (
        ("forward, a segment at once", best_of(lambda: engine.predict(text, left)) / segment, macs),
        (
            "... of which the slots",
            best_of(lambda: slots.read_segment(engine.state.slots, segment, text, left)) / segment,
            0,
        ),
        (
            "forward, byte by byte",
            best_of(lambda: position_by_position(engine.state, segment, text[0])) / segment,
            macs,
        ),
        ("learning", best_of(lambda: engine.learn(text)) / segment, 2 * macs),
        ("memory, mixing, range coder", last_stage, 0),
    )
    peak = product_peak()
    print(f"level {level}: {macs:,} weights; product kernel {peak / 1e9:.1f} GMAC/s\n")
    print("| part | us/byte | GMAC/s | of the kernel's peak |")
    print("|---|---:|---:|---:|")
    for name, seconds, count in parts:
        rate = f"{count / seconds / 1e9:.1f} | {count / seconds / peak:.0%}" if count else "- | -"
        print(f"| {name} | {seconds * 1e6:.1f} | {rate} |")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else DEFAULT_LEVEL)
