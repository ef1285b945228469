"""What tests/foreign.sh runs on both machines.

    python tests/foreign.py here FOLDER             # writes data and archives of this machine
    python3 tests/foreign.py there FOLDER LEVEL...  # compares with what a foreign one makes

`there` needs Python and NumPy for the reference decoder, which opens the archives of the levels
named; where Numba is, the codec itself opens them before, and writes them again: that is quick, and
the reference decoder is not. Exit status: 0, or 1 if a single bit differs.
"""

from __future__ import annotations

import platform
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))


def here(folder: Path) -> int:
    from make_golden import LONG, OLD, beginning
    from test_golden import PINNED, of_today, prior_of_today

    import lmzip

    (folder / "small.lmp").write_bytes(prior_of_today())
    (folder / "old").write_bytes(OLD)
    for name in PINNED:
        if name == LONG:  # the reference decoder takes minutes for its OLD
            continue
        archive = of_today(name)
        (folder / f"{name}.lmz").write_bytes(archive)
        data = lmzip.decompress(archive, **beginning(name, prior_of_today()))
        (folder / f"{name}.data").write_bytes(data)
    return 0


def levels_of(path: Path) -> set[int]:
    """The levels of the archives in a file."""
    from lmzip.scan import scan

    with path.open("rb") as file:
        return {info.level for info in scan(file)}


class Comparison:
    """Counts what differs, and says what it compares."""

    def __init__(self) -> None:
        self.start, self.different = time.perf_counter(), 0

    def __call__(self, what: str, same: bool) -> None:
        now = time.perf_counter()
        print(f"{now - self.start:8.1f} s  {what}: {'equal' if same else 'DIFFERENT'}", flush=True)
        self.start, self.different = now, self.different + (not same)


def there(folder: Path, levels: set[int]) -> int:
    from reference_decoder import decode

    print(f"{platform.machine()}, {sys.byteorder}-endian, {8 * np.intp(0).itemsize} bits, ", end="")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}", flush=True)
    compare = Comparison()
    pairs = {path: path.with_suffix(".data").read_bytes() for path in sorted(folder.glob("*.lmz"))}
    pairs = {path: data for path, data in pairs.items() if levels_of(path) <= levels}
    old, prior = ((folder / name).read_bytes() for name in ("old", "small.lmp"))
    if find_spec("numba") is None:
        print("no Numba: the codec itself does not run")
    else:
        import numba

        import lmzip

        print(f"Numba {numba.__version__}; the first times include its compilation", flush=True)
        from make_golden import beginning

        for path, data in pairs.items():
            archive, given = path.read_bytes(), beginning(path.stem, prior)
            compare(f"{path.stem}, decoded", lmzip.decompress(archive, **given) == data)
            if len(levels_of(path)) == 1:
                start = {"level": archive[5] & 15, "from_scratch": bool(archive[5] >> 4 & 1)}
                start |= given
                again = lmzip.compress(data, **start)
                compare(f"{path.stem}, encoded", again == archive)
    for path, data in pairs.items():
        after, begun = (
            (old if "after" in path.stem else b""),
            (prior if "prior" in path.stem else b""),
        )
        compare(f"{path.stem}, reference decoder", decode(path.read_bytes(), after, begun) == data)
    return bool(compare.different or not pairs)


if __name__ == "__main__":
    role, folder = sys.argv[1], Path(sys.argv[2])
    sys.exit(here(folder) if role == "here" else there(folder, set(map(int, sys.argv[3:]))))
