"""Baseline JPEG files (ITU T.81) of a made-up picture, the same bytes on every machine.

Past the dice nothing depends on floating point: the picture, its cosine transform and the
division by the quantisation table are all done in integers.
"""

from __future__ import annotations

import numpy as np
from make_golden import Dice

Sampling = tuple[tuple[int, int], ...]
Block = list[int]  # 64 quantised coefficients, in the order of the zigzag

DIAGONALS = [[at for at in range(64) if at // 8 + at % 8 == number] for number in range(15)]
ZIGZAG = [at for number, way in enumerate(DIAGONALS) for at in way[:: 1 if number % 2 else -1]]

# Annex K.1, two rows a line, for component 0; and K.2 for the others, which ends in 32 times 99.
LUMINANCE = (
    "16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55 "
    "14 13 16 24 40 57 69 56  14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92 "
    "49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99"
)
CHROMINANCE = (
    "17 18 24 47 99 99 99 99  18 21 26 66 99 99 99 99 "
    "24 26 56 99 99 99 99 99  47 66 99 99 99 99 99 99 " + "99 " * 32
)
STEPS = tuple([int(step) for step in text.split()] for text in (LUMINANCE, CHROMINANCE))

# Annex K.3: how many codes there are of each length from 1 to 16, for component 0 and the others.
DC_COUNTS = (
    bytes.fromhex("00010501010101010100000000000000"),
    bytes.fromhex("00030101010101010101010000000000"),
)
AC_COUNTS = (
    bytes.fromhex("0002010303020403050504040000017d"),
    bytes.fromhex("00020102040403040705040400010277"),
)
DC_SYMBOLS = bytes(range(12))
# The symbols with codes of fewer than 16 bits; those of 16 follow in ascending order.
AC_SHORT = (
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282",
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f1",
)
AC_ALL = {0, 0xF0, *(16 * run + size for run in range(16) for size in range(1, 11))}
AC_SYMBOLS = tuple(
    bytes.fromhex(short) + bytes(sorted(AC_ALL - set(bytes.fromhex(short)))) for short in AC_SHORT
)

# cos(k pi / 16) times 2**12, for k from 0 to 8.
COSINES = (4096, 4017, 3784, 3406, 2896, 2276, 1567, 799, 0)


def jpeg(
    width: int,
    height: int,
    *,
    seed: int = 1,
    sampling: Sampling = ((1, 1), (1, 1), (1, 1)),
    restart: int = 0,
    quality: int = 2,
    before: bytes = b"",
    progressive: bool = False,
) -> bytes:
    """A file of one interleaved scan, with `before` as it is behind its first segment.

    `sampling` has (h, v) of each component. The quantisation tables are `quality` quarters of
    those of Annex K.1: the higher, the coarser. With `progressive` only the marker says that the
    file is progressive, which is enough for a reader of baseline files to refuse it.
    """
    assert 1 <= len(sampling) <= 4
    assert len(sampling) == 1 or sum(h * v for h, v in sampling) <= 10  # T.81, B.2.3
    both = [[min(255, max(1, step * quality // 4)) for step in steps] for steps in STEPS]
    planes = picture(width, height, seed, sampling)
    # A scan of one component has one block after the other (T.81, A.2.2).
    shape = list(sampling) if len(sampling) > 1 else [(1, 1)]
    across = -(-width // (8 * max(h for h, _ in shape)))
    down = -(-height // (8 * max(v for _, v in shape)))
    grids = [
        quantised(plane, across * h, down * v, both[min(number, 1)])
        for number, (plane, (h, v)) in enumerate(zip(planes, shape, strict=True))
    ]
    places = [(n, x, y, h, v) for n, (h, v) in enumerate(shape) for y in range(v) for x in range(h)]
    units = [
        [(n, grids[n][row * v + y][column * h + x]) for n, x, y, h, v in places]
        for row in range(down)
        for column in range(across)
    ]
    frame = bytes([8]) + height.to_bytes(2, "big") + width.to_bytes(2, "big")
    frame += bytes([len(sampling)])
    order = bytes([len(sampling)])
    for number, (h, v) in enumerate(sampling):
        frame += bytes([1 + number, 16 * h + v, min(number, 1)])
        order += bytes([1 + number, 17 * min(number, 1)])
    data = b"\xff\xd8" + segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0") + before
    for table, steps in enumerate(both):
        data += segment(0xDB, bytes([table] + [steps[at] for at in ZIGZAG]))
    data += segment(0xC2 if progressive else 0xC0, frame)
    for table in (0, 1):
        data += segment(0xC4, bytes([table]) + DC_COUNTS[table] + DC_SYMBOLS)
        data += segment(0xC4, bytes([16 + table]) + AC_COUNTS[table] + AC_SYMBOLS[table])
    if restart:
        data += segment(0xDD, restart.to_bytes(2, "big"))
    data += segment(0xDA, order + b"\0\x3f\0")
    return data + scan(units, restart or len(units)) + b"\xff\xd9"


def segment(marker: int, payload: bytes) -> bytes:
    """As it stands in a file; `marker` is its second byte, such as 0xE1."""
    return bytes([0xFF, marker]) + (2 + len(payload)).to_bytes(2, "big") + payload


def picture(width: int, height: int, seed: int, sampling: Sampling) -> list[np.ndarray]:
    """A plane of bytes for each component: waves, discs and noise.

    All components have the same shapes, as those of a photograph do, but each in its own strength.
    """
    dice = Dice(seed)
    waves = [(dice.below(25) - 12, dice.below(25) - 12, dice.below(1024)) for _ in range(4)]
    discs = [
        (dice.below(width), dice.below(height), 4 + dice.below(max(width, height) // 3 + 1))
        for _ in range(5)
    ]
    most_h, most_v = max(h for h, _ in sampling), max(v for _, v in sampling)
    planes = []
    for number, (h, v) in enumerate(sampling):
        x = np.arange(-(-width * h // most_h), dtype=np.int64)[None, :] * most_h // h
        y = np.arange(-(-height * v // most_v), dtype=np.int64)[:, None] * most_v // v
        plane = np.full((y.size, x.size), 128, np.int64)
        for right, low, start in waves:
            phase = right * x + low * y + start & 1023
            hump = (phase & 511) * (512 - (phase & 511))  # a parabola of 2**16, like half a sine
            strength = (12 + dice.below(30)) >> (number > 0)
            plane += strength * np.where(phase < 512, hump, -hump) >> 16
        for middle, centre, radius in discs:
            strength = (dice.below(81) - 40) >> (number > 0)
            plane += strength * ((x - middle) ** 2 + (y - centre) ** 2 < radius**2)
        noise = [dice.below(5) - 2 for _ in range(plane.size)]
        plane += np.array(noise, np.int64).reshape(plane.shape)
        planes.append(np.clip(plane, 0, 255))
    return planes


def quantised(plane: np.ndarray, across: int, down: int, steps: list[int]) -> list[list[Block]]:
    """Rows of blocks; what the plane lacks to fill them is as its last row and column."""
    room = ((0, 8 * down - plane.shape[0]), (0, 8 * across - plane.shape[1]))
    full = np.pad(plane, room, mode="edge") - 128
    blocks = full.reshape(down, 8, across, 8).swapaxes(1, 2)
    turn = np.array([[cosine(u, x) for x in range(8)] for u in range(8)], np.int64)
    flat = (turn @ blocks @ turn.T).reshape(down, across, 64)
    whole = np.array(steps, np.int64) << 26  # twice 12 bits of cosines, and a quarter
    coefficients = np.sign(flat) * ((np.abs(flat) + whole // 2) // whole)
    found: list[list[Block]] = coefficients[:, :, ZIGZAG].tolist()
    return found


def cosine(u: int, x: int) -> int:
    """Of wave `u` at sample `x`, times 2**12, and by the square root of 2 less if `u` is 0."""
    if u == 0:
        return COSINES[4]
    turn = (2 * x + 1) * u % 32
    turn = min(turn, 32 - turn)
    return COSINES[turn] if turn <= 8 else -COSINES[16 - turn]


def scan(units: list[list[tuple[int, Block]]], restart: int) -> bytes:
    """The MCUs, each a list of blocks with the numbers of their components, and the markers."""
    dc = [codes(counts, DC_SYMBOLS) for counts in DC_COUNTS]
    ac = [codes(*table) for table in zip(AC_COUNTS, AC_SYMBOLS, strict=True)]
    data = b""
    for start in range(0, len(units), restart):
        if start:
            data += bytes([0xFF, 0xD0 + (start // restart - 1) % 8])
        last = [0] * 4
        bits = []
        for unit in units[start : start + restart]:
            for number, block in unit:
                table = min(number, 1)
                bits.append(coded(block, last[number], dc[table], ac[table]))
                last[number] = block[0]
        text = "".join(bits)
        text += "1" * (-len(text) % 8)
        data += int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    return data


def coded(block: Block, last: int, dc: dict[int, str], ac: dict[int, str]) -> str:
    """The bits of a block, as a text; `last` is the first coefficient of the one before."""
    size, rest = amplitude(block[0] - last)
    bits = dc[size] + rest
    run = 0
    for value in block[1:]:
        if value == 0:
            run += 1
            continue
        size, rest = amplitude(value)
        bits += ac[0xF0] * (run // 16) + ac[16 * (run % 16) + size] + rest
        run = 0
    return bits + ac[0] if run else bits


def amplitude(value: int) -> tuple[int, str]:
    """How many bits follow the code of a value, and which."""
    size = abs(value).bit_length()
    return size, f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def codes(counts: bytes, symbols: bytes) -> dict[int, str]:
    """The canonical code of each symbol, as a text of bits (T.81, Annex C)."""
    found = {}
    code = used = 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[used : used + count]:
            found[symbol] = f"{code:0{length}b}"
            code += 1
        used += count
        code <<= 1
    return found
