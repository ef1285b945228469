"""Pins the size of archives of small inputs, so that a change of ratio shows in a commit's diff.

    python tests/make_sizes.py             # what would change
    python tests/make_sizes.py --update    # change golden/sizes.txt

The inputs are made here, of the kinds of data that people compress, 0.5 to 3 kB each.
"""

from __future__ import annotations

import difflib
import json
import struct
import sys
from pathlib import Path

from make_golden import Dice

import lmzip

SIZES = Path(__file__).parent / "golden" / "sizes.txt"
LEVELS = (1, 2, 5, 9)

NOUNS = ("river", "harbour", "winter", "miller", "lantern", "orchard", "letter", "bridge", "stone")
VERBS = ("carried", "remembered", "left", "found", "crossed", "mended", "followed")
PLACES = ("in the valley", "behind the church", "at dusk", "before the thaw", "by the old road")
NAMES = ("count", "total", "index", "buffer", "offset", "result", "limit")


def prose(dice: Dice) -> bytes:
    """Sentences of one pattern, in paragraphs."""
    text = ""
    for number in range(34):
        article = dice.pick("The", "The", "A", "His", "Her")
        text += f"{article} {dice.pick(*NOUNS)} {dice.pick(*VERBS)} the {dice.pick(*NOUNS)}"
        text += f" {dice.pick(*PLACES)}{dice.pick('.', '.', '.', '!')}"
        text += "\n\n" if number % 9 == 8 else " "
    return text.encode()


def code(dice: Dice) -> bytes:
    """Functions in C."""
    text = "#include <stddef.h>\n"
    for number in range(9):
        a, b = dice.pick(*NAMES), dice.pick(*NAMES)
        text += f"\nstatic int {a}_{number}(const int *{b}, size_t n)\n{{\n    int sum = 0;\n"
        text += f"    for (size_t i = 0; i < n; i++) {{\n        if ({b}[i] > {dice.below(90)})\n"
        text += f"            sum {dice.pick('+=', '-=', '^=')} {b}[i];\n    }}\n"
        text += "    return sum;\n}\n"
    return text.encode()


def table(dice: Dice) -> bytes:
    """Comma-separated values with a heading."""
    lines = ["date,station,degrees,rain,wind"]
    for day in range(52):
        station = dice.pick("Bergen", "Oslo", "Bodo")
        degrees, wind = dice.below(300) / 10 - 9, dice.pick("N", "NE", "S", "SW")
        lines.append(f"2024-{1 + day // 28:02}-{1 + day % 28:02},{station},{degrees:.1f},0,{wind}")
    return "\n".join(lines).encode()


def log(dice: Dice) -> bytes:
    """Lines of a server's log."""
    text = ""
    for second in range(26):
        path = dice.pick("/", "/index.html", "/api/items", "/api/items/7", "/favicon.ico")
        text += f"10.0.{dice.below(4)}.{dice.below(20)} - - [07/Mar/2024:11:02:{second + 10}] "
        text += (
            f'"GET {path} HTTP/1.1" {dice.pick("200", "200", "304", "404")} {dice.below(9000)}\n'
        )
    return text.encode()


def objects(dice: Dice) -> bytes:
    """JSON, indented."""
    items = [
        {
            "id": 1000 + number,
            "name": f"{dice.pick(*NOUNS)} {dice.pick(*NOUNS)}",
            "price": dice.below(5000) / 100,
            "tags": [dice.pick("new", "sale", "last") for _ in range(2)],
            "in_stock": dice.below(2) == 1,
        }
        for number in range(11)
    ]
    return json.dumps(items, indent=2).encode()


def markup(dice: Dice) -> bytes:
    """XML."""
    rows = "".join(
        f'  <row key="{number}" kind="{dice.pick("a", "b")}">\n'
        f"    <name>{dice.pick(*NOUNS)}</name>\n"
        f"    <value>{dice.below(1000)}</value>\n  </row>\n"
        for number in range(20)
    )
    return f'<?xml version="1.0"?>\n<rows>\n{rows}</rows>\n'.encode()


def records(dice: Dice) -> bytes:
    """Little-endian structs: counters, flags, floats."""
    return b"".join(
        struct.pack("<IHBBf", 70000 + 3 * n, dice.below(500), dice.below(4), 0, n / 8)
        for n in range(120)
    )


def samples(dice: Dice) -> bytes:
    """16-bit samples of a walk, as of sound."""
    level, data = 0, b""
    for _ in range(700):
        level += dice.below(61) - 30
        data += struct.pack("<h", level)
    return data


def many_scripts(dice: Dice) -> bytes:
    """Words of several scripts in UTF-8."""
    words = ("день", "ночь", "вода", "été", "naïve", "Straße", "über", "光の中", "你好", "λόγος")
    return " ".join(dice.pick(*words) for _ in range(190)).encode()


def repeated(dice: Dice) -> bytes:
    """One passage again and again, a byte of it changed now and then."""
    data = bytearray(prose(dice)[:230] * 12)
    for place in range(300, len(data), 411):
        data[place] = 97 + dice.below(26)
    return bytes(data)


def runs(dice: Dice) -> bytes:
    """Runs of few values, as of a picture."""
    return b"".join(bytes([dice.below(4) * 60]) * (1 + dice.below(70)) for _ in range(60))


def digits(dice: Dice) -> bytes:
    """Digits without order."""
    return "".join(str(dice.below(10)) for _ in range(1000)).encode()


def noise(dice: Dice) -> bytes:
    """Bytes without order."""
    return bytes(dice.below(256) for _ in range(600))


INPUTS = (
    prose, code, table, log, objects, markup, records, samples, many_scripts, repeated, runs,
    digits, noise,
)  # fmt: skip


def sizes() -> str:
    """The table: for each input its bytes, and those of its archive at each level."""
    lines = [f"{'':12} {'bytes':>6}" + "".join(f"{f'-{level}':>6}" for level in LEVELS)]
    for seed, make in enumerate(INPUTS):
        data = make(Dice(seed))
        packed = (len(lmzip.compress(data, level=level)) for level in LEVELS)
        lines.append(f"{make.__name__:12} {len(data):6}" + "".join(f"{n:6}" for n in packed))
    return "\n".join(lines) + "\n"


def main() -> int:
    pinned, now = SIZES.read_text() if SIZES.exists() else "", sizes()
    sys.stdout.writelines(difflib.unified_diff(pinned.splitlines(True), now.splitlines(True), n=0))
    if "--update" in sys.argv[1:]:
        SIZES.write_text(now)
        return 0
    return int(now != pinned)


if __name__ == "__main__":
    sys.exit(main())
