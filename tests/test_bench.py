"""The benchmark's figures are those of the files it names."""

from __future__ import annotations

import bz2
import json
import subprocess
import sys

import lmzip
from lmzip.bench import coders, measure, table


def test_sizes_are_the_archives(tmp_path, text):
    (tmp_path / "a").write_bytes(text)
    results = {result.coder: result for result in measure([str(tmp_path / "a")], [1])}
    assert list(results) == coders([1])
    assert results["lmzip -1"].size == len(lmzip.compress(text, level=1))
    assert results["bz2 -9"].size == len(bz2.compress(text, 9))
    assert all(result.raw_size == len(text) for result in results.values())
    assert results["lmzip -1"].peak_memory > 1 << 20
    lines = list(table(results.values()))
    assert len(lines) == len(results) + 2
    assert len({line.count("|") for line in lines}) == 1


def test_json(tmp_path, text):
    (tmp_path / "a").write_bytes(text)
    command = ["bench", "--levels", "2", "--json", str(tmp_path / "a")]
    done = subprocess.run([sys.executable, "-m", "lmzip", *command], capture_output=True)
    assert [row["coder"] for row in json.loads(done.stdout)] == coders([2])
