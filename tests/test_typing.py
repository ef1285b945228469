"""The annotations accept what the code accepts: two type checkers read a user's program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
PROGRAM = Path(__file__).with_name("typed_user.py")


def run(directory: Path, *command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=directory,
        env={**os.environ, "MYPYPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(not find_spec("mypy"), reason="mypy is not installed")
def test_mypy(tmp_path):
    done = run(tmp_path, "mypy", "--strict", "--follow-imports=silent", "--cache-dir=.", PROGRAM)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not find_spec("pyright"), reason="pyright is not installed")
@pytest.mark.skipif(not shutil.which("node"), reason="there is no node to run pyright")
def test_pyright(tmp_path):
    settings = {
        "include": [PROGRAM.name],
        "extraPaths": [str(PROJECT)],
        "typeCheckingMode": "standard",
        "reportUnnecessaryTypeIgnoreComment": "error",
    }
    shutil.copy(PROGRAM, tmp_path)
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = run(tmp_path, "pyright", "--outputjson", "--pythonpath", sys.executable)
    try:
        told = json.loads(done.stdout)
    except ValueError:  # it is fetched by npm when it first runs
        pytest.skip(f"pyright cannot run: {(done.stdout + done.stderr)[-200:]}")
    assert told["summary"]["filesAnalyzed"] == 1
    assert told["generalDiagnostics"] == []
