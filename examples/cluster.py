"""Sort texts by what a compressor thinks of them: nobody tells it a language.

The files in examples/texts, or those that are named, are joined two groups at a time, the nearest
first (UPGMA), until no two have anything in common: a distance of 1.
"""

import sys
from pathlib import Path

from lmzip.instruments.likeness import distances

NOTHING = 1.0

names = sys.argv[1:] or sorted((Path(__file__).parent / "texts").iterdir())
paths = [Path(name) for name in names]
apart = distances([path.read_bytes() for path in paths], level=1)


def between(one: list[int], other: list[int]) -> float:
    """Mean distance of the files of two groups."""
    return sum(apart[i, j] for i in one for j in other) / (len(one) * len(other))


def line(group: list[int]) -> str:
    return " ".join(sorted(paths[i].name for i in group))


groups = [[i] for i in range(len(paths))]
while len(groups) > 1:
    pairs = [(between(a, b), a, b) for k, a in enumerate(groups) for b in groups[:k]]
    nearest, a, b = min(pairs)
    if nearest >= NOTHING:
        break
    groups = [group for group in groups if group not in (a, b)] + [a + b]
    print(f"{nearest:.3f} joins {line(a)} and {line(b)}")

print("groups:")
for text in sorted(map(line, groups)):
    print(text)
