"""What is not closed when the interpreter exits is complete, and nothing needs a thread."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

import lmzip

LINE = "a line that nobody has closed a file after\n"

PROGRAMS = {
    "a text file": """
        file = lmzip.open(path, "wt", level=1)
        file.write(LINE * 20)
    """,
    "a binary file in a cycle": """
        file = lmzip.open(path, "wb", level=1)
        file.itself = file
        file.write(LINE.encode() * 20)
    """,
    "a wrapper of the user": """
        file = io.TextIOWrapper(lmzip.LMZFile(path, "w", level=1))
        file.write(LINE * 20)
    """,
    "a logging handler": """
        logging.basicConfig(stream=lmzip.open(path, "wt", level=1), format="%(message)s")
        for _ in range(20):
            logging.error(LINE.strip())
    """,
    "a callback at exit": """
        def late():
            with open(path, "wb") as file:
                file.write(lmzip.compress(LINE.encode() * 20, level=1))
        atexit.register(late)
    """,
    "a thread that outlives the main one": """
        def work():
            threading.main_thread().join()
            with lmzip.open(path, "wt", level=1) as file:
                file.write(LINE * 20)
        threading.Thread(target=work).start()
    """,
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_an_archive_is_whole_that_is_finished_at_exit(kind, tmp_path):
    imports = "import atexit, io, logging, sys, threading, lmzip\n"
    program = f"{imports}path, LINE = sys.argv[1], {LINE!r}\nif True:{PROGRAMS[kind]}"
    path = tmp_path / "a.lmz"
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with lmzip.open(path, "rt") as file:
        assert file.read() == LINE * 20
    if kind != "a wrapper of the user":  # whose text comes when no model can be loaded any more
        assert path.stat().st_size < 200


def test_a_file_that_was_completed_goes_on_with_a_further_archive(tmp_path):
    target = io.BytesIO()
    file = lmzip.LMZFile(target, "w", level=1)
    file.write(b"one ")
    file.complete()
    assert lmzip.decompress(target.getvalue()) == b"one "
    file.complete()
    size = len(target.getvalue())
    file.write(b"two")
    file.close()
    file.complete()
    assert lmzip.decompress(target.getvalue()) == b"one two"
    assert len(target.getvalue()) > size
    with lmzip.open(tmp_path / "empty", "wb", level=1) as file:
        file.complete()
    assert lmzip.decompress((tmp_path / "empty").read_bytes()) == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not copied")
def test_a_child_does_not_complete_what_its_parent_writes(tmp_path):
    program = f"""
import os, sys, lmzip
file = lmzip.open(sys.argv[1], "wt", level=1)
file.write({LINE!r})
if os.fork():
    os.wait()
else:
    import atexit
    atexit._run_exitfuncs()
    os._exit(0)
"""
    path = tmp_path / "a.lmz"
    subprocess.run([sys.executable, "-c", program, path], check=True)
    with lmzip.open(path, "rt") as file:
        assert file.read() == LINE
    assert b"LMZ" not in path.read_bytes()[10:]
