"""The code hash moves when bits can, and only then."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

from lmzip import codec
from lmzip.generations import code_hash as hashing
from lmzip.generations import newest
from lmzip.generations.code_hash import STAMP, code_hash, stamped, written
from release.stamp import stamp

SOURCE = '''
"""A module."""
from __future__ import annotations
import numpy as np

RATE = 3
"""Of learning."""


@kernel
def step(x, y):
    """Move x."""
    for i in range(x.shape[0]):
        x[i] += RATE * y[i]  # as it was
    return f"{x!r:>{RATE}} of" " it"
'''

SAME = {
    "comments": SOURCE.replace("# as it was", "# as it is"),
    "no comment": SOURCE.replace("  # as it was", ""),
    "docstrings": SOURCE.replace('"""Move x."""', '"""Move it."""'),
    "no docstring": SOURCE.replace('    """Move x."""\n', "").replace('"""A module."""\n', ""),
    "of a constant": SOURCE.replace('"""Of learning."""\n', ""),
    "formatting": SOURCE.replace("x[i] += RATE * y[i]", "x[i]+=(RATE*\n    y[i])"),
    "quotes": SOURCE.replace('" it"', "' it'"),
    "line ends": SOURCE.replace("\n", "\r\n"),
    "hints of arguments": SOURCE.replace("step(x, y)", "step(x: np.ndarray, y: list[int]) -> str"),
    "for types only": SOURCE.replace(
        "RATE = 3", "if TYPE_CHECKING:\n    from other import Thing\n\nRATE = 3"
    ),
    "how a number is written": SOURCE.replace("RATE = 3", "RATE = 0b11"),
    "how text is cut": SOURCE.replace('of" " it"', 'of it"'),
}
OTHER = {
    "a number": SOURCE.replace("RATE = 3", "RATE = 4"),
    "its type": SOURCE.replace("RATE = 3", "RATE = 3.0"),
    "an operator": SOURCE.replace("RATE * y", "RATE + y"),
    "an order": SOURCE.replace("RATE * y[i]", "y[i] * RATE"),
    "a name": SOURCE.replace("RATE", "RATES"),
    "a decorator": SOURCE.replace("@kernel", "@exact_sum_kernel"),
    "a decorator less": SOURCE.replace("@kernel\n", ""),
    "an import": SOURCE.replace("import numpy as np", "import numba as np"),
    "text": SOURCE.replace('" it"', '" that"'),
    "a format": SOURCE.replace(":>{", ":<{"),
    "the other branch": SOURCE.replace(
        "RATE = 3", "if TYPE_CHECKING:\n    RATE = 2\nelse:\n    RATE = 3"
    ),
}


def hash_of(source: str, name: str = "a.py") -> bytes:
    return code_hash([(name, source.encode())])


@pytest.mark.parametrize("change", SAME)
def test_what_cannot_change_bits_leaves_it(change):
    assert SAME[change] != SOURCE
    assert hash_of(SAME[change]) == hash_of(SOURCE)


@pytest.mark.parametrize("change", OTHER)
def test_what_can_change_bits_moves_it(change):
    assert OTHER[change] != SOURCE
    assert hash_of(OTHER[change]) != hash_of(SOURCE)


def test_a_hint_may_go_from_a_field_but_its_name_and_value_count():
    fields = "class A:\n    width: int\n    size: int = 3\n"
    assert hash_of(fields) == hash_of(fields.replace("int", "float | None"))
    for other in (("width", "depth"), ("3", "4"), ("    width: int\n", "")):
        assert hash_of(fields) != hash_of(fields.replace(*other))


def test_numbers_of_different_types_and_text_are_different():
    assert len({hash_of(f"x = {value}") for value in ("1", "1.0", "True", "'1'", "b'1'")}) == 5


def test_names_of_files_count_and_so_does_every_byte_of_what_is_not_python():
    assert hash_of(SOURCE, "a.py") != hash_of(SOURCE, "b.py")
    assert hash_of("# one\n", "a.txt") != hash_of("# two\n", "a.txt")
    two = [("a.py", b"x = 1\n"), ("b.py", b"")]
    assert code_hash(two) != code_hash([("a.py", b""), ("b.py", b"x = 1\n")])


def test_the_pieces_of_an_f_string_are_joined_as_no_version_of_python_cuts_them():
    """Trees of the same text as versions of Python make them, by hand."""
    name = ast.FormattedValue(ast.Name("x", ast.Load()), -1, None)
    cut = [ast.Constant("a"), ast.Constant("b"), name, ast.Constant("")]
    whole = [ast.Constant("ab"), name]
    assert written(ast.JoinedStr(cut)) == written(ast.JoinedStr(whole))


def test_the_hash_that_is_kept_is_that_of_the_sources():
    assert STAMP.read_text() == stamp(), "the codec was edited: run python release/stamp.py"


def test_what_is_kept_for_other_sources_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(hashing, "STAMP", tmp_path / "stamp")
    sources = [("a.py", b"x = 1\n")]
    assert stamped(bytes(32), sources) == code_hash(sources)
    hashing.STAMP.write_text(f"{bytes(32).hex()} {b'1' * 32!r}\n")
    assert stamped(b"2" * 32, sources) == code_hash(sources)
    hashing.STAMP.write_text(f"{bytes(32).hex()} {(b'1' * 32).hex()}\n")
    assert stamped(bytes(32), sources) == b"1" * 32


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_it_is_the_same_in_every_python(version, tmp_path):
    """By nothing but the file itself, and the codec's sources."""
    python = shutil.which(f"python{version}")
    runs = python and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0
    if not runs:
        pytest.skip(f"there is no Python {version} here")
    shutil.copy(hashing.__file__, tmp_path / "hashing.py")
    program = (
        "import hashing, pathlib, sys; root = pathlib.Path(sys.argv[1]); "
        "sources = [(name, (root / name).read_bytes()) for name in sys.argv[2:]]; "
        "print(hashing.code_hash(sources).hex())"
    )
    names = [codec.source_name(path) for path in codec.source_files()]
    done = subprocess.run(
        [python, "-c", program, str(Path(codec.__file__).parent), *names],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == newest().code_hash.hex(), done.stderr
