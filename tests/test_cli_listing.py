"""`lmzip list`: what archives say about themselves, as a table and as JSON."""

from __future__ import annotations

import hashlib
import json

from conftest import noise, run

import lmzip
from lmzip.generations import newest


def test_json_has_every_figure(tmp_path, text, packed):
    (tmp_path / "a.lmz").write_bytes(
        packed + lmzip.compress(noise(100), level=2, from_scratch=True)
    )
    (listed,) = json.loads(run("list", "--json", tmp_path / "a.lmz").stdout)
    size = (tmp_path / "a.lmz").stat().st_size
    assert listed["name"] == str(tmp_path / "a.lmz")
    assert (listed["size"], listed["raw_size"], listed["blocks"]) == (size, len(text) + 100, 2)
    assert listed["ratio"] == size / (len(text) + 100)
    assert listed["bpb"] == 8 * listed["ratio"]
    first, second = listed["archives"]
    assert (first["level"], second["level"]) == (1, 2)
    assert (first["from_scratch"], second["from_scratch"]) == (False, True)
    assert (first["stored_blocks"], second["stored_blocks"]) == (0, 1)
    assert first["size"] + second["size"] == size
    assert first["code"] == newest().code.hex()
    assert first["digest"] == hashlib.sha256(text).hexdigest()[:8]


def test_the_table_has_one_line_per_file(tmp_path, text, packed):
    (tmp_path / "a.lmz").write_bytes(packed)
    (tmp_path / "empty.lmz").write_bytes(lmzip.compress(b"", level=9, from_scratch=True))
    (tmp_path / "bad.lmz").write_bytes(packed[:40])
    done = run("list", *(tmp_path / f"{name}.lmz" for name in ("a", "bad", "empty")))
    assert done.returncode == 2 and b"bad.lmz: the archive is incomplete" in done.stderr
    head, first, empty = (line.split() for line in done.stdout.decode().splitlines())
    row = dict(zip(head, first, strict=True))
    assert row["archive"] == f"{len(packed):,}" and row["data"] == f"{len(text):,}"
    assert row["level"] == "1" and row["code"] == newest().code.hex()
    assert row["check"] == hashlib.sha256(text).hexdigest()[:8]
    assert row["from"] == "learned"
    row = dict(zip(head, empty, strict=True))
    assert row["ratio"] == "-" and row["from"] == "scratch"


def test_a_pipe_or_file_on_standard_input(packed):
    assert run("list", stdin=packed).stdout.endswith(b"standard input\n")
