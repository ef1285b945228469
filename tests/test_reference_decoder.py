"""The decoder written from docs/FORMAT.md: it needs nothing of lmzip, and agrees with it."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import noise, prose
from layout import of_another_code, put_together
from make_bad_files import stored
from reference import constants
from reference.codec import Codec as ReferenceCodec
from reference_decoder import Damaged, UnknownGeneration, decode
from test_golden import PINNED

from lmzip.codec.loop import Codec
from lmzip.generations import known, newest
from lmzip.header import Header
from lmzip.instruments.trace import FORESEEN_RIGHT, FORESEEN_WRONG, traced

TESTS = Path(__file__).parent
FORMAT = (TESTS.parent / "docs/FORMAT.md").read_text(encoding="utf-8")


def rows(first_cell: str) -> list[list[str]]:
    """Cells of the tables of FORMAT.md whose rows begin so."""
    found = re.findall(rf"^\| ({first_cell} \|.*) \|$", FORMAT, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in found]


def test_its_constants_are_those_of_the_document():
    section = FORMAT.index("## 8. Levels and constants")
    levels = {
        int(row[0]): (*map(int, row[1:-2]), *row[-2:]) for row in rows(r"\d") if len(row) == 16
    }
    told = constants.Level._fields.index("home")  # what follows tells generations apart
    assert levels == {number: level[:told] for number, level in constants.LEVELS.items()}
    named = {row[0]: ast.literal_eval(row[1]) for row in rows("[A-Z][A-Z0-9_]+")}
    assert named == {
        name: value
        for name, value in vars(constants).items()
        if name.isupper() and name not in ("LEVELS", "GENERATIONS")
    }
    used = set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z_]+\b", FORMAT[:section]))
    assert used <= named.keys(), "named in the text, but without a value"


def test_it_imports_neither_lmzip_nor_its_libraries():
    program = "import sys, reference_decoder; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=TESTS, capture_output=True, text=True, check=True
    )
    assert "numpy" in done.stdout.split()
    assert not {"torch", "numba", "lmzip"} & set(done.stdout.split())


def test_it_goes_on_from_block_to_block_and_learns_from_stored_ones_as_the_codec_does():
    blocks = [prose(200), noise(70), prose(150, seed=2), b""]
    codec, reference = Codec(1), ReferenceCodec(constants.LEVELS[1])
    for number, block in enumerate(blocks[:3]):
        assert reference.canary() == codec.canary()
        payload = codec.encode(block)
        if number == 1:
            reference.learn(block)
        else:
            assert reference.decode(payload, len(block)) == block


def test_it_foresees_what_the_codec_foresees():
    block = prose(60) * 8 + bytes(300) + b"x" + bytes(20) + noise(20)
    payload, trace = traced(Codec(1), block)
    ways = np.bincount(trace.ways, minlength=3)
    assert ways[FORESEEN_RIGHT] > 100 and ways[FORESEEN_WRONG] > 0
    assert ReferenceCodec(constants.LEVELS[1]).decode(payload, len(block)) == block


@pytest.mark.parametrize("sizes", [(1 << 20,), (1 << 20, 1 << 20), (1 << 20, 5), (5,), ()])
def test_it_knows_where_an_archive_ends(sizes):
    datas = [noise(size, seed) for seed, size in enumerate(sizes)]
    archive = put_together(Header(1, newest().code), stored(*datas))
    assert decode(archive + bytes(3)) == b"".join(datas)
    assert decode(archive * 2) == b"".join(datas) * 2
    for damaged in (archive[:-1], archive + archive[-12:]):
        with pytest.raises(Damaged):
            decode(damaged)


def test_as_a_command_it_writes_the_data_or_says_what_is_wrong(tmp_path):
    path = tmp_path / "archive.lmz"

    def run() -> subprocess.CompletedProcess:
        command = [sys.executable, TESTS / "reference_decoder.py", path]
        return subprocess.run(command, capture_output=True)

    archive = (TESTS / "golden/concatenated.lmz").read_bytes()
    path.write_bytes(archive)
    assert hashlib.sha256(run().stdout).hexdigest() == PINNED["concatenated"][1]
    path.write_bytes(archive[:40] + b"?" + archive[41:])
    done = run()
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"CRC-32 of the archive" in done.stderr


def test_it_says_which_generations_it_knows():
    assert [*constants.GENERATIONS] == [one.number for one in known()]
    archive = of_another_code((TESTS / "golden/level-1-text.lmz").read_bytes(), b"\xee\1\2\3")
    told = ", ".join(str(one.number) for one in known())
    with pytest.raises(UnknownGeneration, match=f"generation 238, and known here are: {told}$"):
        decode(archive)


@pytest.mark.parametrize("damage", [lambda a: a[:-1], lambda a: a + b"x", lambda a: b""])
def test_it_reports_what_is_missing_or_too_much(damage):
    archive = (TESTS / "golden/empty.lmz").read_bytes()
    with pytest.raises(Damaged):
        decode(damage(archive))
