"""The same archive on every instruction set, math library mode, thread count and engine."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys

from conftest import need_torch, noise, prose

DATA = prose(800) + noise(150)

# One process codes with all engines and both thread counts, and decodes what another
# machine wrote: stdin carries {"data": hex, "payload": hex or null}.
PROGRAM = """
import json, os, sys, zlib
import torch
from lmzip.codec.loop import Codec
from lmzip.errors import EngineError
job = json.load(sys.stdin)
data = bytes.fromhex(job["data"])
result = {}
for engine in job["engines"]:
    os.environ["LMZIP_ENGINE"] = engine
    try:
        Codec(2)
    except EngineError:
        result[engine] = "refused by its self-test"
        continue
    for threads in (1, 2):
        codec = Codec(2, threads=threads)
        result[f"{engine}-{threads}"] = f"{codec.canary():08x}" + codec.encode(data).hex()
    if job["payload"]:
        back = Codec(2, threads=1).decode(bytes.fromhex(job["payload"]), len(data))
        result[f"{engine}-decodes"] = back == data
print(json.dumps(result))
"""

ATEN = ("default", "avx2", "avx512")
ONEDNN = ("SSE41", "AVX2", "AVX512_CORE_VNNI")
MKL = ("COMPATIBLE", "AVX2", "AUTO")
MATRIX = [
    {
        "ATEN_CPU_CAPABILITY": ATEN[aten],
        "ONEDNN_MAX_CPU_ISA": ONEDNN[onednn],
        "MKL_CBWR": MKL[(aten + onednn) % 3],
    }
    for aten, onednn in itertools.product(range(3), repeat=2)
]
"""A Latin square: every two of these values occur together."""


WAYS = [{"LMZIP_PRODUCTS": name} for name in ("vnni", "avx2", "dot", "plain")]
"""Instructions that multiply codes: those that a processor lacks are refused."""


def run(settings: dict[str, str], payload: str | None, engines: list[str]) -> dict:
    job = {"data": DATA.hex(), "payload": payload, "engines": engines}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(job),
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def had() -> set[str]:
    """What this processor has: of another, torch would try to run the instructions."""
    import torch

    best = torch.backends.cpu.get_cpu_capability().lower()
    return {"default", *({"avx2"} if best != "default" else {}), best}


def test_one_archive_over_the_whole_matrix():
    need_torch()
    matrix = [settings for settings in MATRIX if settings["ATEN_CPU_CAPABILITY"] in had()]
    first = run({}, None, ["cpu", "int8", "float32"])
    reference = first["float32-1"]
    payload = reference[8:]
    # The settings are torch's: the kernels know nothing of them.
    results = [run(settings, payload, ["int8", "float32"]) for settings in matrix]
    digests = set()
    for settings, result in zip([{}, *matrix], [first, *results], strict=True):
        for name, outcome in result.items():
            if outcome == "refused by its self-test":
                assert name == "int8", f"{name} refused under {settings}"
            elif name.endswith("decodes"):
                assert outcome, f"{name} fails under {settings}"
            else:
                digests.add(hashlib.sha256(outcome.encode()).hexdigest())
                assert outcome == reference, f"{name} differs under {settings}"
    assert len(digests) == 1
    ways = [run(way, payload, ["cpu"]) for way in WAYS]
    assert ways[-1]["cpu-1"] == reference
    for way, result in zip(WAYS, ways, strict=True):
        if result != {"cpu": "refused by its self-test"}:
            assert result == {"cpu-1": reference, "cpu-2": reference, "cpu-decodes": True}, way
