"""Keeps the code hash of the newest codec, which takes a fifth of a second to make anew.

    python release/stamp.py

For whoever has edited `lmzip/codec`: if only comments, docstrings, formatting or type hints have
changed, the code hash has not, and archives open as before.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from lmzip import codec
from lmzip.generations import newest, sources
from lmzip.generations.code_hash import STAMP, code_hash


def stamp() -> str:
    """The line that is kept: source hash and code hash."""
    return f"{codec.source_hash().hex()} {code_hash(sources()).hex()}\n"


def main() -> None:
    STAMP.write_text(stamp(), encoding="ascii")
    newest.cache_clear()
    print(f"{newest()}: code {newest().code.hex()}")


if __name__ == "__main__":
    main()
