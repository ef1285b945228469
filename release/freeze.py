"""Freezes the codec as a generation of its own, which every later lmzip has.

    python release/freeze.py RELEASE        # such as 1.0.0, the first release that has it

Copies `lmzip/codec` to `lmzip/generations/gN`, and the golden archives to `tests/golden/gN`, and
adds a line to `lmzip/generations/released.txt`. Learned weights are not copied: they stay where
they are as long as a generation has them. Refuses if the golden archives are not what the codec
writes, or if nothing has changed since the last generation. What it adds is to be committed, and
never changed again.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from lmzip.generations import RELEASED, Generation, newest, released, sources
from lmzip.generations.code_hash import STAMP, code_hash
from release.stamp import stamp

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests/golden"


class RefusedToFreezeError(Exception):
    """Nothing was changed, and why."""


def check(release: str) -> Generation:
    """The codec that is to be frozen. Raises RefusedToFreezeError."""
    if re.fullmatch(r"\d+\.\d+\.\d+", release) is None:
        raise RefusedToFreezeError(f"{release!r} is no version such as 1.0.0")
    last = newest()
    if last.release:
        raise RefusedToFreezeError(
            f"this is {last}: no bit can have changed, so the release needs no other"
        )
    if not STAMP.exists() or STAMP.read_text(encoding="ascii") != stamp():
        raise RefusedToFreezeError("run `python release/stamp.py` first: the codec was edited")
    golden = [sys.executable, "-m", "pytest", "-q", "tests/test_golden.py"]
    if subprocess.run(golden, cwd=ROOT).returncode:
        raise RefusedToFreezeError("the golden archives are not what this codec writes and reads")
    return last


def freeze(last: Generation, release: str, generations: Path, golden: Path) -> Path:
    """Copy what makes up a generation; returns its package.

    generations: the folder of them; golden: that of the golden archives.
    """
    package = generations / f"g{last.number}"
    package.mkdir()  # never over one that is there
    names = []
    for name, data in sources():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(data)
        names.append(name)
    frozen = code_hash((name, (package / name).read_bytes()) for name in names)
    if frozen != last.code_hash:
        raise AssertionError(f"the copy has the code hash {frozen.hex()}")
    archives = golden / package.name
    archives.mkdir()
    for path in [*golden.glob("*.lmz"), *golden.glob("*.lmp"), golden / "manifest.txt"]:
        shutil.copy(path, archives)
    with (generations / RELEASED.name).open("a", encoding="ascii") as lines:
        lines.write(f"{last.number} {release} {last.code_hash.hex()}\n")
    return package


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        last = check(sys.argv[1])
    except RefusedToFreezeError as error:
        print(f"freeze: {error}", file=sys.stderr)
        return 1
    package = freeze(last, sys.argv[1], RELEASED.parent, GOLDEN)
    released.cache_clear()
    newest.cache_clear()
    size = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
    print(f"{newest()}: {package.relative_to(ROOT)}, {size:,} bytes; commit it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
