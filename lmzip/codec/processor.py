"""Which instruction multiplies codes here. All ways give the same integers.

`LMZIP_PRODUCTS` forces one. Compiled kernels are cached for the way that they were compiled for,
and a way is believed in only after its self-test (`products.py`).
"""

from __future__ import annotations

import os
import platform

from lmzip.interface import EngineError

NEEDS: dict[str, tuple[str, ...]] = {
    "vnni512": ("avx512vnni", "avx512bw"),
    "vnni": ("avxvnni", "avx2"),
    "avx2": ("avx2",),
    "dot": ("dotprod",),
    "plain": (),
}
"""Way -> what LLVM calls the features that it needs; the best first: AVX-512 VNNI, AVX-VNNI, AVX2,
the dot product of Armv8.2, and the plain loop."""

_way: str | None = None


def way() -> str:
    """The way that this process multiplies: the one that `LMZIP_PRODUCTS` names, or the best.

    "vnni" names either of AVX-512 and AVX-VNNI. Raises EngineError if the one named is unknown or
    this processor has it not.
    """
    global _way
    if _way is None:
        _way = choose(os.environ.get("LMZIP_PRODUCTS") or None, features())
    return _way


def choose(wanted: str | None, have: dict[str, bool]) -> str:
    """The way wanted, or the best, of a processor with these features. Raises EngineError."""
    names = {"vnni": ("vnni512", "vnni")}.get(wanted or "", (wanted,)) if wanted else tuple(NEEDS)
    for name in names:
        if name in NEEDS and all(have.get(feature, False) for feature in NEEDS[name]):
            return name
    if wanted in NEEDS:
        raise refusal(f"this processor lacks {' and '.join(NEEDS[wanted])}", wanted)
    raise refusal("it is unknown", wanted or "")


def features() -> dict[str, bool]:
    """What LLVM says this processor has, or what Numba is told that the one to compile for has (of
    a "generic" one nothing, if not told); nothing without Numba, which alone can use it."""
    try:
        from llvmlite import binding
    except ImportError:
        return {}
    unless_told = "" if os.environ.get("NUMBA_CPU_NAME", "").lower() == "generic" else None
    told = os.environ.get("NUMBA_CPU_FEATURES", unless_told)
    if told is not None:
        return {name[1:]: name[0] == "+" for name in told.split(",") if name}
    found: dict[str, bool] = dict(binding.get_host_cpu_features())
    if platform.machine() == "aarch64" and "dotprod" not in found:
        try:
            with open("/proc/cpuinfo") as file:
                found["dotprod"] = "asimddp" in file.read().split()
        except OSError:
            pass
    return found


def refusal(why: str, name: str = "") -> EngineError:
    """The error for a way, or for the one that is taken here, that cannot be had."""
    return EngineError(
        f"codes cannot be multiplied by {name or way()!r}",
        why,
        "set LMZIP_PRODUCTS to vnni, avx2, dot or plain, or unset it for the best of them",
    )
