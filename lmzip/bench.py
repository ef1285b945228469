"""`lmzip bench`: levels beside other compressors, each in a process of its own.

A process of its own gives every figure its own peak memory. Kernels are loaded before the
clock starts: the figures are speeds, not start-up times. Every result is decoded and compared.
"""

from __future__ import annotations

import bz2
import json
import lzma
import os
import signal
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from lmzip.errors import RefusedError
from lmzip.names import shown

Coder = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]


@dataclass(frozen=True)
class Result:
    """What one coder did to one file."""

    file: str
    coder: str
    raw_size: int
    size: int
    compress_seconds: float
    decompress_seconds: float
    peak_memory: int
    """Bytes, of the whole process."""

    def row(self) -> tuple[str, ...]:
        """The figures as text: bytes, bits per byte, kB/s both ways, MiB."""
        bits = 8 * self.size / self.raw_size if self.raw_size else 0.0
        return (
            shown(self.file),
            self.coder,
            f"{self.size:,}",
            f"{bits:.3f}",
            _speed(self.raw_size, self.compress_seconds),
            _speed(self.raw_size, self.decompress_seconds),
            f"{self.peak_memory / 2**20:,.0f}",
        )


HEAD = ("file", "coder", "bytes", "bpb", "kB/s in", "kB/s out", "MiB")


def coders(levels: Iterable[int]) -> list[str]:
    """Names of what is measured: the levels, then what is importable of other compressors."""
    others = ["zlib -9", "bz2 -9", "lzma -9e"]
    others += [name for name in ("zstandard -22", "brotli -11") if find_spec(name.split()[0])]
    return [f"lmzip -{level}" for level in levels] + others


def measure(files: Iterable[str], levels: Iterable[int]) -> Iterator[Result]:
    """Measure every coder on every file. Raises OSError, subprocess.CalledProcessError."""
    names = coders(levels)
    for file in files:
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise RefusedError(
                f"{file}: is not measured",
                "it is no regular file, but has to be read several times",
                "copy what is in it to a file",
            )
        with open(file, "rb"):  # what cannot be read is reported here, not by a child
            pass
        for coder in names:
            done = subprocess.run(
                [sys.executable, "-m", "lmzip.bench", file, coder],
                stdout=subprocess.PIPE,
                check=True,
            )
            yield Result(**json.loads(done.stdout))


def table(results: Iterable[Result]) -> Iterator[str]:
    """Lines of a Markdown table, one by one as the results come."""
    yield _line(HEAD)
    yield "|" + "|".join(["---", "---"] + ["---:"] * (len(HEAD) - 2)) + "|"
    for result in results:
        yield _line(result.row())


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _speed(size: int, seconds: float) -> str:
    return f"{size / 1e3 / seconds:,.1f}" if seconds > 0 else "-"


def coder_of(name: str) -> Coder:
    """Both directions of a coder that `coders` names."""
    kind, level = name.split(" -")
    if kind == "lmzip":
        import lmzip

        return lambda data: lmzip.compress(data, int(level)), lmzip.decompress
    if kind == "zlib":
        return lambda data: zlib.compress(data, 9), zlib.decompress
    if kind == "bz2":
        return lambda data: bz2.compress(data, 9), bz2.decompress
    if kind == "lzma":
        preset = 9 | lzma.PRESET_EXTREME
        return lambda data: lzma.compress(data, preset=preset), lzma.decompress
    if kind == "zstandard":
        import zstandard

        return zstandard.ZstdCompressor(22).compress, zstandard.ZstdDecompressor().decompress
    import brotli

    return lambda data: brotli.compress(data, quality=11), brotli.decompress


def _peak_memory() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure_here(file: str, name: str) -> Result:
    """Measure one coder on one file, in this process. Raises RuntimeError if it is not exact."""
    data = Path(file).read_bytes()
    compress, decompress = coder_of(name)
    decompress(compress(bytes(range(64)) * 4))
    start = perf_counter()
    packed = compress(data)
    middle = perf_counter()
    if decompress(packed) != data:
        raise RuntimeError(f"{name} does not restore {file}")
    end = perf_counter()
    return Result(
        file=Path(file).name,
        coder=name,
        raw_size=len(data),
        size=len(packed),
        compress_seconds=middle - start,
        decompress_seconds=end - middle,
        peak_memory=_peak_memory(),
    )


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # it goes to the parent too, which says so
    print(json.dumps(asdict(measure_here(sys.argv[1], sys.argv[2]))))
