"""The fuzzing harness holds for its own seeds, and for seeded changes of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lmzip import container, model
from lmzip.codec.levels import PRESETS


@pytest.fixture
def harness(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "fuzz")
    for owner, name in ((container, "BLOCK_SIZE"), (model, "new_codec")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setitem(PRESETS, 1, PRESETS[1])
    import archives
    import fuzz_decoder

    archives.shrink()
    return archives, fuzz_decoder


def test_seeds_and_changed_seeds(harness):
    archives, fuzz_decoder = harness
    rng = random.Random(1)
    seeds = archives.seeds()
    assert len(seeds) > 20
    for seed in seeds.values():
        fuzz_decoder.one_input(seed)
        for _ in range(10 if seed[0] & 2 else 1):
            changed = bytearray(seed)
            for _ in range(rng.randint(1, 4)):
                changed[rng.randrange(1, len(seed))] = rng.randrange(256)
            fuzz_decoder.one_input(bytes(changed))


def test_sealed_archives_reach_the_model(harness):
    archives, fuzz_decoder = harness
    sound = b"".join(bytes([kind, 9, 8, 0, 0, 0, 0, 0]) + b"payloads" for kind in (3, 1))
    stand_in = archives.EchoModel()
    model.new_codec = archives.EchoModel
    data = fuzz_decoder.outcome(fuzz_decoder.in_pieces, archives.sealed_archive(sound, stand_in))
    assert data == b"payloads".ljust(64, b"\0") + b"payloads".ljust(10, b"\0")
