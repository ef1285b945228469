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

from lmzip.codec.coder import range_coder
from lmzip.codec.coder.bit_coder import code_bytes, empty_bits
from lmzip.codec.entry import entry
from lmzip.codec.foresight.expect import look_ahead
from lmzip.codec.foresight.tables import SIZE, empty_foresight
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.codec.loop import Codec
from lmzip.codec.memory import slots
from lmzip.codec.processor import way
from lmzip.codec.transformer.kernels import forward, products
from lmzip.codec.transformer.weights import learned_names, matrix_shapes


def best_of(work: Callable[[], object], repeats: int = 30) -> float:
    """Seconds of the fastest of some runs."""
    work()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


@entry
def position_by_position(state, number, text):
    """The forward pass as the decoder runs it, and its slots."""
    for at in range(text.shape[0]):
        slots.look_up(state.slots, number % 2 * text.shape[0] + at)
        forward.forward(state, number, at, 1)
        slots.read(state.slots, np.int64(text[at]))


@entry
def multiply_often(a, b, y, times):
    """The same product of two activations again and again, row by row as in attention."""
    for _ in range(times):
        for row in range(a.shape[0]):
            products.row_product(a[row], b, y[row])


@entry
def multiply_matrix_often(a, b, raised, y, times):
    """The same product with a matrix that does not learn again and again."""
    for _ in range(times):
        products.stream_product(a, b, raised, 1, y)


def product_rates(rows: int, inner: int, columns: int) -> tuple[float, float]:
    """Multiply-adds per second of [rows, inner] by [inner, columns]: a matrix, or activations."""
    a = np.ones((rows, inner), dtype=np.int8)
    codes = np.ones((columns, inner), dtype=np.int8)
    matrix, b, raised = products.pack_matrix(codes), products.pack(codes), -128 * codes.sum(1)
    raised, y = raised.astype(np.int32), np.zeros((rows, columns), dtype=np.int32)
    times = max(1, 20_000_000 // (rows * inner * columns))
    count = times * a.size * columns
    return (
        count / best_of(lambda: multiply_matrix_often(a, matrix, raised, y, times)),
        count / best_of(lambda: multiply_often(a, b, y, times)),
    )


def main(file: str, level: int) -> None:
    data = Path(file).read_bytes()[:200_000]
    codec = Codec(level, threads=1)
    engine, segment = codec.engine, codec.preset.segment
    codec.encode(data[: 12 * segment])
    engine.start_block()
    text = np.frombuffer(data[:segment], dtype=np.uint8)
    shapes = matrix_shapes(codec.preset)
    macs = sum(rows * columns for rows, columns in shapes.values())
    learned = [shapes[name] for name in learned_names(codec.preset) if name in shapes]
    learning = 2 * sum(rows * columns for rows, columns in learned)
    number = 10  # a segment whose window is full

    bits = empty_bits(codec.preset, len(data))
    freq = np.full((len(data), 256), 1 << 16, dtype=np.int32)
    buffer, coder = np.zeros(3 * len(data) + 16, dtype=np.uint8), range_coder.encoder_state()
    symbols = np.frombuffer(data, dtype=np.uint8).copy()
    start = perf_counter()
    code_bytes(bits, freq, symbols, coder, buffer, 0)
    last_stage = (perf_counter() - start) / len(data)

    parts = (
        ("forward, a segment at once", lambda: engine.predict(number, text), macs),
        ("... of which the slots", lambda: read_all(engine.state.slots, text), 0),
        ("forward, byte by byte", lambda: position_by_position(engine.state, number, text), macs),
        ("learning", lambda: engine.learn(number, text), learning),
    )
    rows = [(name, best_of(work) / segment, count) for name, work, count in parts]
    rows.append(("memory, mixing, range coder", last_stage, 0))
    foresight, wanted = empty_foresight(codec.preset), len(data)
    chance, expected = np.zeros(wanted, dtype=np.int32), np.zeros(wanted, dtype=np.int16)
    start, done = perf_counter(), 0
    while done < wanted:
        look_ahead(foresight, 0, symbols[done:], chance[done:], expected[done:])
        done += int(foresight.at[SIZE])
    rows.append(("foresight, of every byte", (perf_counter() - start) / wanted, 0))
    run = Codec(level, threads=1)
    run.encode(bytes(10_000))
    start = perf_counter()
    run.encode(bytes(wanted))
    rows.append(("all of a byte that is foreseen", (perf_counter() - start) / wanted, 0))
    print(f"level {level}: {macs:,} weights in matrices; products by {way()}\n")
    print("| product, GMAC/s | with a matrix | of activations |\n|---|---:|---:|")
    for shape in ((1, 128, 384), (1, 128, 512), (1, 512, 128), (64, 128, 512), (64, 512, 128)):
        rates = " | ".join(f"{rate / 1e9:.0f}" for rate in product_rates(*shape))
        print(f"| {' x '.join(map(str, shape))} | {rates} |")
    print()
    print("| part | us/byte | GMAC/s |")
    print("|---|---:|---:|")
    for name, seconds, count in rows:
        rate = f"{count / seconds / 1e9:.1f}" if count else "-"
        print(f"| {name} | {seconds * 1e6:.1f} | {rate} |")


@entry
def read_all(state, text):
    """The slots of a segment."""
    slots.read_segment(state, 0, text)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else DEFAULT_LEVEL)
