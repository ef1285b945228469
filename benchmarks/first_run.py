"""How long the first run takes, and one with warm kernels: of one checkout, or of two at once.

    python benchmarks/first_run.py [CHECKOUT ..] [--file examples/sea.txt] [--warm 5]

Each checkout gets a fresh cache. Several compile at the same time, so that they meet the same
load; warm runs take turns. Prints seconds of wall clock and of processor for each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).resolve().parents[1]
CHILD = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, file=sys.stderr)
sys.exit(done.returncode)
"""


def run(checkout: Path, cache: Path, *arguments: str | Path) -> tuple[float, float]:
    """Run the command of a checkout; seconds of wall clock, and of processor."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "lmzip", *map(str, arguments)]
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *command],
        env=environment, cwd=checkout, check=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return perf_counter() - start, float(done.stderr)


def first(checkout: Path, cache: Path, file: Path) -> list[tuple[float, float]]:
    """First compress and first decompress."""
    archive, restored = cache / "archive", cache / "restored"
    times = [
        run(checkout, cache, "compress", "-o", archive, file),
        run(checkout, cache, "decompress", "-o", restored, archive),
    ]
    if restored.read_bytes() != file.read_bytes():
        raise SystemExit(f"{checkout}: restored other data")
    return times


def main() -> None:
    """Measure, and print a line for each checkout and kind of run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs="*", type=Path, default=[HERE])
    parser.add_argument("--file", type=Path, default=HERE / "examples" / "sea.txt")
    parser.add_argument("--warm", type=int, default=5)
    options = parser.parse_args()
    checkouts = [path.resolve() for path in options.checkouts]
    file = options.file.resolve()
    with tempfile.TemporaryDirectory() as place:
        caches = [Path(place) / str(i) for i in range(len(checkouts))]
        for cache in caches:
            cache.mkdir()
        with ThreadPoolExecutor(len(checkouts)) as pool:
            results = list(pool.map(first, checkouts, caches, [file] * len(checkouts)))
        warm: list[list[tuple[float, float]]] = [[] for _ in checkouts]
        for _ in range(options.warm):
            for i, (checkout, cache) in enumerate(zip(checkouts, caches, strict=True)):
                warm[i].append(run(checkout, cache, "compress", "-fo", cache / "archive", file))
    print(f"{'':20} {'wall':>8} {'processor':>10}")
    for i, checkout in enumerate(checkouts):
        print(checkout)
        medians = tuple(statistics.median(times) for times in zip(*warm[i], strict=True))
        for title, (wall, used) in (
            ("first compress", results[i][0]),
            ("first decompress", results[i][1]),
            ("warm, median", medians),
        ):
            print(f"  {title:18} {wall:8.2f} {used:10.2f}")


if __name__ == "__main__":
    main()
