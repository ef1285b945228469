"""The code hash: a SHA-256 that moves if and only if a codec's bits can move.

Comments, docstrings, formatting and type hints do not count (docs/FORMAT.md, 1.1, has the
rule). Hashed is the abstract syntax tree (Python's `ast`), written in a way of our own, as
`ast.dump` is another in every version of Python. Reading all sources takes a fifth of a second: so
the hash of the newest codec is kept in `newest.txt`, for sources of one `source_hash`.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

STAMP = Path(__file__).with_name("newest.txt")
"""source_hash and code hash of the newest codec, in hexadecimal."""

# What says nothing of what is computed, or is not in every version's tree.
_LEFT_OUT = frozenset({"annotation", "returns", "type_comment", "type_params", "type_ignores"})
_LEFT_OUT |= {"ctx", "kind", "simple"}


def code_hash(sources: Iterable[tuple[str, bytes]]) -> bytes:
    """SHA-256 (32 bytes) of a codec's sources, (name, bytes) in the order of their names.

    Over the name, a zero byte, the length (8 bytes, little-endian) and the bytes of each, those of
    a Python file being its tree as `written`.
    """
    digest = hashlib.sha256()
    for name, data in sources:
        if name.endswith(".py"):
            data = written(ast.parse(data.decode("utf-8")))
        digest.update(name.encode() + b"\0" + len(data).to_bytes(8, "little") + data)
    return digest.digest()


def stamped(source_hash: bytes, sources: Iterable[tuple[str, bytes]]) -> bytes:
    """The code hash of the newest codec: as it was kept for these sources, or else anew."""
    kept = STAMP.read_text(encoding="ascii").split() if STAMP.exists() else []
    if len(kept) == 2 and kept[0] == source_hash.hex():
        return bytes.fromhex(kept[1])
    return code_hash(sources)


def written(tree: ast.AST) -> bytes:
    """The tree as bytes: of each node its class, then its fields by name, in brackets."""
    return "".join(_tokens(tree)).encode("utf-8", "surrogatepass")


def _tokens(value: object) -> Iterator[str]:
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for field in sorted(value._fields):
            inner = getattr(value, field, None)
            if field in _LEFT_OUT or inner is None or inner == []:
                continue
            if isinstance(value, ast.JoinedStr):
                inner = _joined(inner)
            yield f" {field}="
            yield from _constant(inner) if isinstance(value, ast.Constant) else _tokens(inner)
        yield ")"
    elif isinstance(value, list):
        yield from chain("[", *(_tokens(item) for item in value if not _says_nothing(item)), "]")
    else:
        yield from _constant(value)


def _says_nothing(node: object) -> bool:
    """Whether it is a docstring, of a module, function, class or constant, or for types only."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If) and not node.orelse:
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Pass)


def _joined(parts: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, of which versions of Python cut the text differently."""
    out: list[ast.expr] = []
    for part in parts:
        if isinstance(part, ast.Constant):
            if out and isinstance(out[-1], ast.Constant):
                part = ast.Constant(out.pop().value + part.value)
            if part.value == "":
                continue
        out.append(part)
    return out


def _constant(value: object) -> Iterator[str]:
    """A number, text, or one of Python's names for nothing, with its type."""
    if isinstance(value, str):
        yield f"{len(value)}'{value}'"
    elif isinstance(value, bytes):
        yield f"b{value.hex()}"
    elif isinstance(value, float):
        yield value.hex()
    elif isinstance(value, bool) or value is None or value is ...:
        yield str(value)
    elif isinstance(value, int):
        yield f"{value:#x}"
    else:
        raise TypeError(f"a codec has no constants such as {value!r}")
