"""Every example runs, and prints what it is there to show."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import need_torch

EXAMPLES = Path(__file__).parent.parent / "examples"
SHOWN = {
    "pipe.sh": "300\n300\nand so on\n",
    "tar.sh": "sea.tar.lmz\n",
    "fsspec_files.py": "100 lines\n",
    "pandas_csv.py": "24 rows, highest 2.88\n",
    "cluster.py": """groups:
english_garden.txt english_map.txt english_railway.txt
german_uhr.txt german_winter.txt
harvest.csv
queue.py wiki.py
ring.c words.c
spanish_pozo.txt spanish_tren.txt
tides.csv
""",
    "pictures.py": "learning.png\ncoders.png\nparts.png\nlevels.png\nregret.png\n",
    "two_machines.py": "receiver: 886 bytes, SHA-256 {digest}\n",
}
NEEDS = {"fsspec_files.py": "fsspec", "pandas_csv.py": "pandas", "pictures.py": "matplotlib"}


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.[ps][yh]")} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_example(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    if name == "two_machines.py":
        need_torch()
    if name.endswith(".sh") and not (shutil.which("sh") and shutil.which("tar")):
        pytest.skip("no sh, or no tar")
    program = sys.executable if name.endswith(".py") else "sh"
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        [program, EXAMPLES / name], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    digest = ""
    if "sender" in done.stdout:  # what was sent is what arrived
        digest = done.stdout.split("\n")[0].split()[-1]
    assert done.stdout.endswith(SHOWN[name].format(digest=digest))
