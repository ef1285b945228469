"""Golden archives: what was written once is opened, and written, bit for bit, ever after."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from layout import of_another_code, put_together, take_apart
from make_golden import LONG, beginning, old_of
from reference_decoder import decode as decode_by_reference

import lmzip
from lmzip.codec.engine import NAMES, make_engine
from lmzip.codec.levels import PRESETS
from lmzip.errors import EngineError
from lmzip.generations import newest
from lmzip.priors.parts import Parts
from lmzip.scan import scan

GOLDEN = Path(__file__).parent / "golden"
LINES = [line.split() for line in (GOLDEN / "manifest.txt").read_text().splitlines()]
PINNED = {name: (archive, data) for archive, data, name in LINES}
OF_LEVELS = {name: int(name[6]) for name in PINNED if name.startswith("level-")}
SLOW = {LONG, *(f"prose-{level}" for level in PRESETS if level > 1)}
QUICK = ["scratch-1", "prior-after-1", *(name for name, level in OF_LEVELS.items() if level <= 3)]

CHANGED = (
    "the bits of archives have changed, so that those made before do not open. If that is not "
    "intended, undo it. If it is, run `python tests/make_golden.py --write`, and say why in the "
    "commit; once lmzip has been released, move the format version too."
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stored(name: str) -> bytes:
    return (GOLDEN / f"{name}.lmz").read_bytes()


def of_today(name: str) -> bytes:
    """The archives under today's code hash: these tests ask for the same bits of what is coded,
    not for the same code."""
    out, archives = b"", stored(name)
    for info in scan(io.BytesIO(archives)):
        archive = archives[len(out) :][: info.size]
        if info.prior is None:
            out += of_another_code(archive, newest().code)
        else:
            header, blocks = take_apart(archive)
            digest = lmzip.Prior(prior_of_today()).digest
            out += put_together(replace(header, prior=digest), blocks)
    return out


@cache
def prior_of_today() -> bytes:
    """The golden prior as if it had been learned for today's code."""
    parts = Parts.unpack((GOLDEN / "small.lmp").read_bytes())
    return replace(parts, code=newest().code).pack()


@pytest.mark.parametrize("level", [1, 5])
def test_some_bytes_of_them_are_foreseen_rightly_and_wrongly(level):
    report = lmzip.report(lmzip.decompress(of_today(f"foreseen-{level}")), level=level)
    asked, right, wrong = (tier.count for tier in report.tiers)
    assert asked > 3 * PRESETS[level].segment and right > 300 and wrong > 0


def test_there_is_one_for_every_level_and_the_manifest_pins_them_all():
    assert sorted(OF_LEVELS.values()) == sorted(PRESETS)
    assert sorted(path.stem for path in GOLDEN.glob("*.lmz")) == sorted(PINNED)
    for name, (archive, _) in PINNED.items():
        assert sha256(stored(name)) == archive, f"{name}.lmz is not what was made; check it out"


@pytest.mark.parametrize(
    ("name", "engine"),
    # The torch engines are slow, and of one code for all levels.
    [(name, engine) for name in PINNED for engine in NAMES if engine == "cpu" or name in QUICK],
)
def test_every_engine_and_number_of_threads_opens_and_writes_them(name, engine, monkeypatch):
    try:
        archive = of_today(name)
    except lmzip.LMZError as error:
        pytest.fail(f"{name}: {error}: {CHANGED}")
    monkeypatch.setenv("LMZIP_ENGINE", engine)
    try:
        make_engine(PRESETS[1])
    except EngineError as error:
        pytest.skip(str(error))
    given = beginning(name, prior_of_today())
    try:
        data = lmzip.decompress(archive, **given)
    except lmzip.LMZError as error:
        pytest.fail(f"{name}: {error}: {CHANGED}")
    assert sha256(data) == PINNED[name][1]
    if name == "concatenated":
        return
    for threads in (1, 2):
        start = {"level": archive[5] & 15, "from_scratch": bool(archive[5] >> 4 & 1), **given}
        again = lmzip.compress(data, **start, threads=threads)
        assert again == archive, f"{name}, {threads} threads: {CHANGED}"


# Prose is for the compiled kernels, see `test_contraction.py`; at high levels it takes 15 s each.
# A long OLD takes minutes: `test_after.py` has short ones, of which as much primes the memory.
@pytest.mark.parametrize("name", [name for name in PINNED if name not in SLOW])
def test_the_reference_decoder_opens_them(name):
    prior = (GOLDEN / "small.lmp").read_bytes() if "prior" in name else b""
    data = decode_by_reference(stored(name), old_of(name), prior)
    assert sha256(data) == PINNED[name][1], "docs/FORMAT.md and the decoder do not agree"
