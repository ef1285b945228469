"""What a model has read makes what is like it cheaper, and only that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import noise, prose

import lmzip
from lmzip import container
from lmzip.codec.loop import Codec
from lmzip.instruments.likeness import Reader, distances, scores, work

TEXTS = Path(__file__).parent.parent / "examples/texts"
NAMES = ["ring.c", "words.c", "queue.py", "wiki.py", "german_uhr.txt", "german_winter.txt"]


def test_from_scratch_the_cost_is_the_archives(monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", 1000)
    data = prose(2500)
    assert Reader(data, 1).bits == pytest.approx(lmzip.report(data, 1).bits, rel=0.01)


def test_asking_changes_nothing_and_goes_on_from_what_was_read():
    good, candidate = prose(1500), prose(700, 2)
    reader = Reader(good, 1, room=700)
    first = reader.cost(candidate)
    reader.cost(noise(500))
    assert reader.cost(candidate) == first
    codec = Codec(1)  # one model that reads both, and is never copied
    codec.encode(good)
    codec.canary()
    assert first == pytest.approx(8 * len(codec.encode(candidate)), rel=0.02)


def test_scores_prefer_what_is_alike():
    alike, other, random = prose(800, 2), (TEXTS / "german_uhr.txt").read_bytes()[:800], noise(300)
    found = list(scores(prose(3000), [other, alike, random, b""], 1))
    differences = [score.difference for score in found]
    assert differences[1] < -0.3 < 0 < min(differences[0], differences[2])
    assert differences[3] == 0
    assert [score.size for score in found] == [800, 800, 300, 0]
    assert found[1].primed_bits < found[1].scratch_bits


def test_distances_are_symmetric_and_do_not_depend_on_the_order():
    texts = [prose(800), noise(200), prose(500, 2), b"", b""]
    forth = distances(texts, 1)
    back = distances(texts[::-1], 1)
    assert np.array_equal(forth, forth.T)
    assert np.array_equal(forth, back[::-1, ::-1])
    assert forth[3, 4] == 0 and forth[0, 3] == 1
    assert forth[0, 0] < 0.1 and forth[0, 2] < 0.8 < forth[0, 1] < 1.1


def test_every_files_nearest_is_of_its_language():
    found = distances([(TEXTS / name).read_bytes() for name in NAMES], 1)
    np.fill_diagonal(found, np.inf)
    nearest = {NAMES[i]: NAMES[j] for i, j in enumerate(found.argmin(axis=1))}
    assert nearest == {name: NAMES[i + 1 if i % 2 == 0 else i - 1] for i, name in enumerate(NAMES)}


def test_progress_adds_up():
    texts, done = [prose(100), prose(300), prose(200)], []
    distances(texts, 1, progress=done.append)
    assert sum(done) == work(texts)
    done.clear()
    list(scores(texts[0], texts[1:], 1, progress=done.append))
    assert sum(done) == 100 + 2 * 500


def test_limits():
    with pytest.raises(ValueError, match="level must be"):
        distances([b"a", b"b"], 10)
    with pytest.raises(lmzip.LimitError):
        list(scores(b"a", [b"b"], 1, memory_limit=1 << 20))
