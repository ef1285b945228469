"""Section 8 of docs/FORMAT.md: levels and constants. A test compares the two."""

from __future__ import annotations

from typing import NamedTuple


class Level(NamedTuple):
    """What a level fixes."""

    width: int
    layers: int
    heads: int
    window: int
    segment: int
    learned: int
    """Layers whose feed-forward matrices learn, counted from the last."""
    contexts: int
    sets: int
    buckets: int
    slots: int
    risk_digit: int
    risk_text: int
    risk: int
    network: str = ""
    """The file that the network begins with, or none."""
    mixer: str = ""
    """The file that the mixer begins with."""
    home: str = "codec"
    """Where, in lmzip, the learned weights of its generation are named."""
    recent: int = 1 << 16
    """Bytes of a text that are read as if they were coded: RECENT, or all."""
    lanes: int = 4
    """Payloads of a file of learned weights."""
    risk_grows: bool = True
    """No risk is above half as many as bytes have been read."""
    whole_fields: bool = True
    """Contexts 13 and 18 know the fields above whole."""
    samples: bool = True
    """Bytes that are samples have contexts of their own."""
    jpeg: bool = True
    """Scans of JPEG pictures are coded otherwise."""
    factors: bool = True
    """What a prior adds to the network is of all tensors, as products of two factors."""
    rates: tuple[float, ...] = ()
    """Of matrices, the head and the final mixers, where they are not those below."""


LEVELS = {
    1: Level(128, 1, 4, 128, 128, 1, 8, 3, 16, 15, 512, 131072, 8192, "small", "mixer8"),
    2: Level(128, 1, 4, 128, 128, 1, 12, 5, 16, 15, 256, 4096, 2048, "small", "mixer12"),
    3: Level(128, 1, 4, 128, 128, 1, 16, 8, 17, 16, 256, 4096, 2048, "small", "mixer16"),
    4: Level(128, 1, 4, 128, 128, 1, 24, 12, 18, 17, 256, 4096, 2048, "small", "mixer24"),
    5: Level(128, 6, 4, 128, 128, 3, 38, 19, 18, 18, 256, 8192, 2048, "medium", "mixer38"),
    6: Level(128, 6, 4, 128, 128, 3, 44, 19, 18, 18, 256, 8192, 2048, "medium", "mixer44"),
    7: Level(128, 6, 4, 128, 128, 3, 58, 19, 18, 18, 256, 8192, 2048, "medium", "mixer58"),
    8: Level(192, 8, 6, 128, 128, 2, 58, 19, 19, 18, 256, 8192, 2048, "large", "mixer58large"),
    9: Level(192, 8, 6, 128, 128, 4, 58, 19, 19, 18, 256, 8192, 2048, "large", "mixer58large"),
}


def at_home(home: str) -> dict[int, Level]:
    """Levels of an earlier generation: the network of 5 to 7 at 8 and 9 too, higher rates, one risk
    for all bytes from the first on, texts are read, neither whole fields nor samples nor JPEG are
    known, and priors add to what learns only."""
    high = LEVELS[7]._replace(buckets=19)
    levels = LEVELS | {8: high, 9: high._replace(learned=6)}
    before = {}
    for number, level in levels.items():
        risk, rates = 2048, (3e-4, 6e-4, 150)
        if number > 4:
            risk, rates = 3072, (1.5e-4, 4e-4, 60)
        level = level._replace(risk_digit=risk, risk_text=risk, risk=risk, rates=rates)
        level = level._replace(
            home=home,
            recent=1 << 24,
            lanes=1,
            risk_grows=False,
            whole_fields=False,
            samples=False,
            jpeg=False,
            factors=False,
        )
        before[number] = level
    return before


GENERATIONS = {1: at_home("generations/g1"), 2: at_home("generations/g2"), 3: LEVELS}
"""Number -> levels, of the generations (1.1) that this decoder knows."""

BETA1 = 0.9
BETA2 = 0.99
EPSILON = 1e-8
MATRIX_RATE = (0.00018, 0.00009)
HEAD_RATE = (0.00036, 0.00024)
TABLE_RATE = (0.003, 0.001)
WORTH = (0, 1, 2, 3, 4, 5, 7, 10, 16, 30, 60, 120)

BOUND = (40, 21, 10, 7, 6, 5)
SHORTEST = (12, 5)
STATE_LIMIT = 1000
RUN_LIMIT = 1000
DIRECT_LIMIT = 255
MATCH_LIMIT = 1000
MAP_LIMIT = 255
MAP_COUNT = 20

EXPECTED_RATE = 400
EXPECTED_LIMIT = 1000
EXPECTED_WEIGHT = 26000

RECENT = 65536
AGAIN = 16384

RATE = (75, 40)
FALLING_RATE = (983, 690)
FALL = 512
FINAL_RATE = 150, 96
FINAL_FALLING_RATE = 600, 300
FINAL_FALL = 256

CONTEXT_WEIGHTS = (54851, 0, 30476)
OTHER_WEIGHT = 11796
TRANSFORMER_WEIGHTS = (19661, 11796)
TOTAL_WEIGHT = 877659

SET_ROWS = (208, 256, 2048, 1024, 200, 1280, 256, 512, 2056, 200, 4096, 832, 2048, 2048, 2048) + (
    256,
) * 4
FINAL_ROWS = (256, 208, 2048, 512, 2048, 2056, 256, 256)
LEARNED_USES = 512
SAMPLE_WEIGHT = 4096

JPEG_WEIGHTS = 100000
JPEG_LIMIT = 1000
JPEG_RATE = 300
JPEG_FALLING_RATE = 1000
JPEG_FALL = 512
JPEG_FINAL_RATE = 75
JPEG_FINAL_FALLING_RATE = 600
JPEG_FINAL_FALL = 256
