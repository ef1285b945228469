"""The rooms of the house: who may import whom, how long a file may be, what the hash covers.

`docs/ARCHITECTURE.md` draws the order; these tests hold it.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

import lmzip
from lmzip import codec

PACKAGE = Path(lmzip.__file__).parent
ROOT = Path(__file__).parents[2]
FROZEN = re.compile(r"generations/g\d+/")
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not FROZEN.match(path.relative_to(PACKAGE).as_posix())
}
"""Frozen generations are none of them: they were, once (`tests/generations`)."""
LONGEST_FILE = 400

ROOMS = (
    "lmzip.errors",
    "lmzip.interface",
    "lmzip.codec.levels",
    "lmzip.codec",
    "lmzip.codec.processor",
    "lmzip.codec.beside",
    "lmzip.codec.native",
    "lmzip.codec.jit",
    "lmzip.codec.entry",
    "lmzip.codec.coder.range_coder",
    "lmzip.codec.learned",
    "lmzip.codec.memory",
    "lmzip.codec.mixer",
    "lmzip.codec.jpeg",
    "lmzip.codec.foresight",
    "lmzip.codec.priming",
    "lmzip.codec.coder",
    "lmzip.codec.transformer",
    "lmzip.codec.engine",
    "lmzip.codec.loop",
    "lmzip",
    "lmzip.cli",
)
"""From the ground up: a room imports from itself and from those before it."""

TRANSFORMER = (
    "lmzip.codec.transformer",
    "lmzip.codec.transformer.reference",
    "lmzip.codec.transformer.kernels",
)
"""Both ways to compute share what lies in the room itself; neither imports the other."""


def room_of(module: str, rooms: tuple[str, ...] = ROOMS) -> str:
    """The innermost room that a module lies in."""
    if module == "lmzip.__main__":
        return "lmzip.cli"
    inside = [room for room in rooms if module == room or module.startswith(f"{room}.")]
    room = max(inside, key=len)
    assert room != "lmzip.codec" or module == room, f"{module} is in no room: name it in ROOMS"
    return room


def imported(path: Path) -> set[str]:
    """The modules of lmzip that a file imports anywhere: at its top, late, or for types only."""
    found = set()
    inside = path.relative_to(PACKAGE.parent).parts[:-1]
    codec = inside[:2] == ("lmzip", "codec")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                assert codec, f"{path}: imports are absolute"
                outer = inside[: len(inside) - node.level + 1]
                assert len(outer) > 1, f"{path}: relative imports stay within the codec"
                module = ".".join([*outer, *filter(None, [module])])
            elif codec:
                assert not module.startswith("lmzip.codec"), (
                    f"{path}: the codec imports its own by relative names, so that it can be frozen"
                )
            for name in node.names:
                inner = f"{module}.{name.name}"
                found.add(inner if inner in MODULES else module)
        elif isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
    return {module for module in found if module in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module):
    floor = ROOMS.index(room_of(module))
    for other in imported(MODULES[module]):
        assert ROOMS.index(room_of(other)) <= floor, f"{module} imports {other}, which lies above"
        if ".codec.transformer" in module and ".codec.transformer." in other:
            mine, theirs = room_of(module, TRANSFORMER), room_of(other, TRANSFORMER)
            assert theirs in (mine, TRANSFORMER[0]), f"{module} imports {other}, beside it"


def test_no_module_leads_back_to_itself():
    """Within a room there is an order too."""
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module not in done:
            for other in imported(MODULES[module]):
                visit(other, (*way, module))
            done.add(module)

    for module in MODULES:
        if module.startswith("lmzip.codec."):
            visit(module, ())


def test_nothing_imports_the_command():
    for module, path in MODULES.items():
        if room_of(module) != "lmzip.cli":
            assert not [other for other in imported(path) if other.startswith("lmzip.cli")], module


def test_the_codec_needs_nothing_of_lmzip_but_the_interface():
    for module, path in MODULES.items():
        if module.startswith("lmzip.codec"):
            outside = {other for other in imported(path) if not other.startswith("lmzip.codec")}
            assert outside <= {"lmzip.interface"}, module


def test_no_file_is_long():
    for folder in ("lmzip", "tests", "training", "release", "benchmarks", "fuzz", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= LONGEST_FILE, f"{path.relative_to(ROOT)} has {lines} lines"


def test_every_module_says_what_it_is():
    for module, path in MODULES.items():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), module


def test_the_map_names_files_that_are_there_and_every_file_of_the_codec():
    text = (ROOT / "docs/ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    sources = {codec.source_name(path) for path in codec.source_files()}
    for name in named - sources:
        assert (PACKAGE / name).is_file() or (ROOT / name).is_file(), f"there is no {name}"
    missing = {
        name
        for name in sources - named
        if name.endswith(".py") and not name.endswith("__init__.py")
    }
    assert not missing, "the map leaves out files of the codec"


def test_the_source_hash_covers_every_source_and_no_leftover(tmp_path, monkeypatch):
    """Names are relative, with `/`; line ends and caches do not count, whatever else does."""
    house = tmp_path / "codec"
    shutil.copytree(Path(codec.__file__).parent, house)
    monkeypatch.setattr(codec, "__file__", str(house / "__init__.py"))
    monkeypatch.setattr(codec, "source_hash", codec.source_hash.__wrapped__)
    before = codec.source_hash()
    names = [codec.source_name(path) for path in codec.source_files()]
    assert names == sorted(names) and {"loop.py", "memory/tables.py"} <= set(names)

    cache = house / "memory" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "left.py").write_text("x = 1\n")
    (house / "memory" / "note.txt").write_text("no source\n")
    tables = house / "memory/tables.py"
    source = tables.read_bytes()
    tables.write_bytes(source.replace(b"\n", b"\r\n"))
    assert codec.source_hash() == before

    tables.write_bytes(source + b"#\n")
    assert codec.source_hash() != before
    tables.write_bytes(source)
    tables.rename(house / "mixer/tables.py")
    assert codec.source_hash() != before, "the room is part of a file's name"
