"""Next versions of files behind the ones before: `--after OLD` beside zstd's patches.

    python benchmarks/versions.py FILE [FILE ...] [--pair OLD NEW] [--bytes 100000] [--level 5]

Of the first `--bytes` bytes of each FILE three next versions are made, by a generator with a seed:

    same     nothing is changed
    moved    a tenth of the paragraphs (where there are few: of the groups of eight lines) stand
             elsewhere, two at a time
    edited   that, five passages of 400 bytes from another place are inserted, and of a hundred
             words two are others of the file

`--pair` compares two versions that exist. Needs the command zstd. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import lmzip

PASSAGES, PASSAGE = 5, 400
"""Passages that are inserted, and their bytes."""


def parts_of(text: bytes) -> list[bytes]:
    """Paragraphs with what ends them, or groups of eight lines where there are few."""
    parts = re.findall(rb".+?(?:\n\s*\n|\Z)", text, re.DOTALL)
    if len(parts) < 20:
        lines = text.splitlines(keepends=True)
        parts = [b"".join(lines[i : i + 8]) for i in range(0, len(lines), 8)]
    return parts


def moved(text: bytes, dice: random.Random) -> bytes:
    """A tenth of the parts stand elsewhere, two at a time."""
    parts = parts_of(text)
    for _ in range(max(len(parts) // 20, 1)):
        start, to = (dice.randrange(len(parts) - 1) for _ in range(2))
        pair = parts[start : start + 2]
        del parts[start : start + 2]
        parts[to:to] = pair
    return b"".join(parts)


def same(text: bytes, dice: random.Random) -> bytes:
    """Nothing is changed."""
    return text


def edited(text: bytes, dice: random.Random) -> bytes:
    """That, passages inserted, and words replaced."""
    made = bytearray(moved(text, dice))
    for _ in range(PASSAGES):
        start, to = dice.randrange(len(text) - PASSAGE), dice.randrange(len(made))
        made[to:to] = text[start : start + PASSAGE]
    words = re.findall(rb"\w+", text)
    return re.sub(
        rb"\w+", lambda found: dice.choice(words) if dice.random() < 0.02 else found[0], bytes(made)
    )


def patch(old: bytes, new: bytes) -> int:
    """Bytes of a patch by zstd -19."""
    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place, name) for name in ("old", "new", "patch")]
        for path, data in zip(paths, (old, new), strict=False):
            path.write_bytes(data)
        command = ["zstd", "-19", "-qq", f"--patch-from={paths[0]}", str(paths[1]), "-o"]
        subprocess.run([*command, str(paths[2])], check=True)
        return paths[2].stat().st_size


def row(name: str, version: str, old: bytes, new: bytes, level: int) -> str:
    """A line of the table. Restores what it has made, too."""
    packed = lmzip.compress(new, level=level, after=old)
    assert lmzip.decompress(packed, after=old) == new
    by_zstd, alone = patch(old, new), len(lmzip.compress(new, level=level))
    sizes = f"{len(new):,} | {len(packed):,} | {by_zstd:,} | {len(packed) / by_zstd:.2f}"
    return f"| {name} | {version} | {sizes} | {alone:,} |"


def main() -> int:
    """Entry point of the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--pair", nargs=2, action="append", type=Path, default=[])
    parser.add_argument("--bytes", type=int, default=100_000)
    parser.add_argument("--level", type=int, default=5)
    options = parser.parse_args()
    print("| file | version | bytes | lmzip --after | zstd --patch-from | of zstd | lmzip alone |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for path in options.files:
        old = path.read_bytes()[: options.bytes]
        for make in (same, moved, edited):
            new = make(old, random.Random(1))
            print(row(path.name, make.__name__, old, new, options.level), flush=True)
    for before, after in options.pair:
        old, new = before.read_bytes(), after.read_bytes()
        print(row(after.name, "real", old, new, options.level), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
