"""What was released is found by what archives name, never changes, and needs nothing else."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import prose, run
from layout import of_another_code

import lmzip
from lmzip import codec, generations, interface
from lmzip.codec.levels import BLOCK_SIZE, MAX_LEVEL, MIN_LEVEL
from lmzip.generations import Generation, known, newest, numbered, released, written_by
from lmzip.generations.code_hash import code_hash
from lmzip.generations.mending import RAISED_TOO_LATE
from lmzip.header import CODE_SIZE

PACKAGE = Path(lmzip.__file__).parent
FROZEN = [pytest.param(one, id=f"g{one.number}") for one in released()]
KNOWN = [pytest.param(one, id=f"g{one.number}") for one in known()]
"""Of these the newest is the codec itself, released or not: a frozen copy of it would be compiled
for nothing."""
TEXT = prose(300)
ALLOWED = {"lmzip.interface", "numpy", "numba", "llvmlite", "torch", *sys.stdlib_module_names}
ALLOWED.add("typing_extensions")  # for type checkers alone


def folder(one: Generation) -> Path:
    return PACKAGE / "generations" / f"g{one.number}"


def sources(root: Path) -> list[tuple[str, bytes]]:
    files = [*root.rglob("*.py"), root / "learned/weights.txt"]
    names = sorted(p.relative_to(root).as_posix() for p in files if p.parent.name != "__pycache__")
    return [(name, (root / name).read_bytes().replace(b"\r\n", b"\n")) for name in names]


def test_they_are_numbered_from_1_and_every_release_that_has_one_is_later():
    assert [one.number for one in released()] == list(range(1, len(released()) + 1))
    versions = [tuple(map(int, one.release.split("."))) for one in released()]
    assert versions == sorted(set(versions))


def test_every_package_is_that_of_a_release():
    there = {path.name for path in (PACKAGE / "generations").glob("g*") if path.is_dir()}
    assert there == {f"g{one.number}" for one in released()}


@pytest.mark.parametrize("one", FROZEN)
def test_what_was_released_is_as_it_was(one):
    assert code_hash(sources(folder(one))) == one.code_hash, "a frozen codec is never changed"


@pytest.mark.parametrize("one", FROZEN)
def test_it_imports_itself_and_the_interface_and_little_else(one):
    for path in folder(one).rglob("*.py"):
        depth = len(path.relative_to(folder(one)).parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level <= depth, f"{path}: what it names lies outside"
                names = [] if node.level else [node.module]
            for name in names:
                assert name in ALLOWED or name.partition(".")[0] in ALLOWED - {"lmzip"}, path


@pytest.mark.parametrize("one", KNOWN)
def test_it_codes_where_there_is_nothing_else_of_lmzip(one, tmp_path):
    """With `interface.py`, what that imports, the weights, and what mends it if it needs that: the
    rest is not there."""
    late = one.number in RAISED_TOO_LATE
    house = tmp_path / "lmzip"
    (house / "generations").mkdir(parents=True)
    for name in ("__init__.py", "generations/__init__.py"):
        (house / name).touch()
    path = one.package.split(".")[1:]
    mended = ["generations/mending.py"] if late else []
    for name in ("errors.py", "interface.py", "weights", "/".join(path), *mended):
        (house / name).symlink_to(PACKAGE / name)
    mend = (
        "from lmzip.generations.mending import mend\n"
        f"from {one.package}.transformer.kernels import products\n"
        "mend(products)\n"
    )
    program = (
        f"import sys, importlib, pkgutil\n{mend if late else ''}"
        f"from {one.package}.loop import Codec\n"
        "data = sys.stdin.buffer.read()\n"
        "payload = Codec(1, threads=1).encode(data)\n"
        "assert Codec(1, threads=1).decode(payload, len(data)) == data\n"
        f"package = importlib.import_module('{one.package}')\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    if 'reference' not in module.name:\n"
        "        importlib.import_module(module.name)\n"
        "ours = {name for name in sys.modules if name.partition('.')[0] == 'lmzip'}\n"
        f"print(*sorted(name for name in ours if not name.startswith('{one.package}')))\n"
        "sys.stdout.buffer.write(payload)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=TEXT,
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        timeout=300,  # for ever, if a compiler does not get done with it
    )
    assert done.returncode == 0, done.stderr.decode()
    others, _, payload = done.stdout.partition(b"\n")
    within = {"lmzip", "lmzip.errors", "lmzip.interface"}
    within |= {"lmzip.generations.mending"} if late else set()
    assert set(others.decode().split()) - {"lmzip.generations"} == within
    assert payload == one.new_codec(1, threads=1).encode(TEXT)


@pytest.mark.parametrize("one", KNOWN)
def test_the_container_fits_all(one):
    levels = one._module("levels")
    assert (levels.BLOCK_SIZE, levels.MIN_LEVEL, levels.MAX_LEVEL) == (
        BLOCK_SIZE,
        MIN_LEVEL,
        MAX_LEVEL,
    )
    assert one.memory_bytes(1) < one.memory_bytes(9)
    assert len(one.code) == CODE_SIZE and one.code[0] == one.number


def test_every_file_of_weights_is_that_of_a_generation_and_is_there_once():
    named = {
        interface.path_of(name, digest)
        for one in known()
        for name, digest in one.learned_files().items()
    }
    assert set(interface.WEIGHTS.glob("*.weights")) == named
    for one in known():
        for name, digest in one.learned_files().items():
            interface.learned_file(name, digest)


def test_the_newest_is_the_codec_itself():
    assert newest().package == codec.__name__ and newest() in known()
    assert newest().code_hash == code_hash(sources(PACKAGE / "codec"))
    assert [one.number for one in known()] == list(range(1, newest().number + 1))


@pytest.mark.parametrize("one", KNOWN)
def test_each_writes_and_opens_its_own_archives(one):
    archive = lmzip.compress(TEXT, level=1, generation=one.number)
    assert archive[6:10] == one.code
    assert lmzip.decompress(archive) == TEXT
    assert written_by(one.code) == one == numbered(one.number)


def test_no_two_generations_write_the_same_bits():
    payloads = [lmzip.compress(TEXT, level=5, generation=one.number)[10:] for one in known()]
    assert len(set(payloads)) == len(payloads)


def test_the_newest_writes_unless_another_is_asked_for():
    assert lmzip.compress(TEXT, level=1)[6:10] == newest().code


@pytest.mark.parametrize("number", [0, -1, newest().number + 1])
def test_a_generation_that_there_is_not_is_refused(number):
    with pytest.raises(ValueError, match="this lmzip has the generations 1 to"):
        lmzip.compress(TEXT, level=1, generation=number)
    done = run("c", "-1", "--generation", number, "-", stdin=TEXT)
    assert done.returncode == 1 and b"this lmzip has the generations 1 to" in done.stderr


def test_the_command_writes_as_the_one_that_is_asked_for():
    for one in known():
        done = run("c", "-1", "--generation", one.number, "-", stdin=TEXT)
        assert done.stdout == lmzip.compress(TEXT, level=1, generation=one.number)
        assert run("d", "-", stdin=done.stdout).stdout == TEXT
    told = run("--version").stdout.decode()
    assert re.search(rf"generation {newest().number}, code {newest().code.hex()}", told)


def test_an_archive_of_a_newer_generation_asks_for_a_newer_lmzip():
    later = bytes([newest().number + 1]) + b"\1\2\3"
    archive = of_another_code(lmzip.compress(TEXT, level=1), later)
    with pytest.raises(lmzip.UnsupportedError) as raised:
        lmzip.decompress(archive)
    assert raised.value.what.endswith(f"{later.hex()}, generation {newest().number + 1}")
    assert f"{newest().code.hex()}, generation {newest().number}," in raised.value.why
    assert "newer lmzip" in raised.value.remedy
    done = run("d", "-", stdin=archive)
    assert done.returncode == 2 and b"use a newer lmzip" in done.stderr


@pytest.mark.parametrize("code", [bytes([newest().number]) + b"\1\2\3", bytes(4)])
def test_an_archive_of_a_state_between_two_releases_asks_for_what_wrote_it(code):
    archive = of_another_code(lmzip.compress(TEXT, level=1), code)
    with pytest.raises(lmzip.UnsupportedError, match=f"written by the code {code.hex()}"):
        lmzip.decompress(archive)
    assert next(iter(lmzip.scan.scan(io.BytesIO(archive)))).code == code.hex()


def test_a_prior_is_for_one_generation(monkeypatch):
    from samples import learned_from, records

    prior = learned_from(records(40), 6000)
    archive = lmzip.compress(TEXT, level=1, prior=prior)
    other = Generation(newest().number + 1, "", bytes(32), codec.__name__)
    monkeypatch.setattr(generations, "known", lambda: (*released(), newest(), other))
    with pytest.raises(lmzip.PriorError, match=f"is for generation {newest().number} of"):
        lmzip.compress(TEXT, level=1, prior=prior, generation=other.number)
    assert lmzip.decompress(archive, prior=prior) == TEXT


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_weights_that_are_missing_or_damaged_are_told(harm, tmp_path, monkeypatch):
    monkeypatch.setattr(interface, "WEIGHTS", tmp_path)
    digest = newest().learned_files()["mixer8"]
    if harm == "damaged":
        interface.path_of("mixer8", digest).write_bytes(b"something else")
    with pytest.raises(interface.EngineError, match="install lmzip anew"):
        interface.learned_file("mixer8", digest)
