"""The same archive on every instruction set, math library mode, thread count and engine."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys

import numpy as np
from conftest import need_torch, noise, prose
from differences import differences
from jpegs import jpeg
from make_golden import machine_code

from lmzip.codec import processor
from lmzip.codec.learned.weights_file import coded
from lmzip.codec.levels import preset_of
from lmzip.codec.loop import Codec
from lmzip.codec.mixer.first_weights import formula, pack_differences

RUN = b"-" * 150
"""Most of it is foreseen, and what follows it is foreseen wrongly."""
PICTURE = jpeg(16, 16, sampling=((1, 1),))
DATA = prose(200) + RUN + prose(600) + noise(150) + bytes(250) + machine_code(40) + PICTURE
"""The zeros tell that what follows is no text: operands of machine code are looked for."""
DECODED = DATA[: 320 + len(RUN)]
"""Decoding asks the model for every byte alone, a hundred times as slowly as encoding. Each byte
takes all products; two segments to learn from, and what sees a full window of 128, are enough: they
are of bytes that were asked for, 320 and a third of the run at least."""

# One process codes with all engines and three thread counts, and decodes what another
# machine wrote: stdin carries {"data": hex, "payload": hex or null}, the payload being that of
# the first `size` bytes. Then it codes those with a prior, of parts that stdin carries too.
PROGRAM = """
import json, os, sys
from lmzip.codec import loop
from lmzip.codec.learned.prior import Differences
from lmzip.codec.loop import Codec
from lmzip.errors import EngineError
job = json.load(sys.stdin)
data = bytes.fromhex(job["data"])
result = {}
loop.RECENT = 64  # what a text has before that primes the memory
for engine in job["engines"]:
    os.environ["LMZIP_ENGINE"] = engine
    try:
        Codec(2)
    except EngineError:
        result[engine] = "refused by its self-test"
        continue
    for threads in (1, 2, 3):
        codec = Codec(2, threads=threads)
        result[f"{engine}-{threads}"] = f"{codec.canary():08x}" + codec.encode(data).hex()
    network, mixer, text = (bytes.fromhex(part) for part in job["prior"])
    codec = Codec(2, prior=Differences(network, mixer), threads=2)
    codec.read(text, job["size"])
    result[f"{engine}-prior"] = codec.encode(data[: job["size"]]).hex()
    if job["payload"]:
        back = Codec(2, threads=1).decode(bytes.fromhex(job["payload"]), job["size"])
        result[f"{engine}-decodes"] = back == data[: job["size"]]
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


WAYS = ("vnni", "avx2", "dot", "plain")
"""Instructions that multiply codes: those that a processor lacks are refused."""


def parts_of_a_prior() -> tuple[bytes, bytes, bytes]:
    """Differences of the network and of the mixer, and a text."""
    preset, random = preset_of(2), np.random.default_rng(1)
    _, network = differences(preset)
    mixer = formula(preset.contexts, preset.sets)
    added = [
        (np.arange(9), coded(random.normal(0, 3000, (9, table.shape[1])), 20))
        for table in (mixer.sets, mixer.finals)
    ]
    return network, pack_differences(*added), prose(200, seed=3)


PRIOR = parts_of_a_prior()


def payload_of(data: bytes) -> str:
    return Codec(2).encode(data).hex()


def run(settings: dict[str, str], payload: str | None, engines: list[str]) -> dict:
    job = {"data": DATA.hex(), "payload": payload, "size": len(DECODED), "engines": engines}
    job["prior"] = [part.hex() for part in PRIOR]
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


def way_settings(way: str, cache: str) -> dict[str, str]:
    """Other ways than this machine's have a cache of their own, kept from run to run: Numba's
    holds kernels of one way at a time, and other tests look for those of today's in it."""
    own = {} if way == processor.way() else {"NUMBA_CACHE_DIR": cache}
    return {"LMZIP_PRODUCTS": way, **own}


def test_one_archive_over_the_whole_matrix(request):
    need_torch()
    matrix = [settings for settings in MATRIX if settings["ATEN_CPU_CAPABILITY"] in had()]
    first = run({}, None, ["cpu", "int8", "float32"])
    reference, with_prior = first["float32-1"], first["float32-prior"]
    assert with_prior != payload_of(DECODED)
    payload = payload_of(DECODED)
    # The settings are torch's: the kernels know nothing of them.
    results = [run(settings, payload, ["int8", "float32"]) for settings in matrix]
    digests = set()
    for settings, result in zip([{}, *matrix], [first, *results], strict=True):
        for name, outcome in result.items():
            if outcome == "refused by its self-test":
                assert name == "int8", f"{name} refused under {settings}"
            elif name.endswith("decodes"):
                assert outcome, f"{name} fails under {settings}"
            elif name.endswith("prior"):
                assert outcome == with_prior, f"{name} differs under {settings}"
            else:
                digests.add(hashlib.sha256(outcome.encode()).hexdigest())
                assert outcome == reference, f"{name} differs under {settings}"
    assert len(digests) == 1
    cache = str(request.config.cache.mkdir("ways"))
    ways = [run(way_settings(way, cache), payload, ["cpu"]) for way in WAYS]
    assert ways[-1]["cpu-1"] == reference
    for way, result in zip(WAYS, ways, strict=True):
        if result != {"cpu": "refused by its self-test"}:
            counts = dict.fromkeys(("cpu-1", "cpu-2", "cpu-3"), reference)
            assert result == {**counts, "cpu-prior": with_prior, "cpu-decodes": True}, way
