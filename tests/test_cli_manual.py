"""Files for the system: man page, completion, magic, MIME type."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import run
from make_golden import GOLDEN

import lmzip
from lmzip.generations import newest
from lmzip.header import MAGIC
from lmzip.priors import parts

SHARE = Path(__file__).parent.parent / "share"
INSTRUMENTS = ("report", "compare", "score", "distance")
MIME = "application/x-lmzip"


def test_the_man_page_is_that_of_the_help():
    page = (SHARE / "man/man1/lmzip.1").read_bytes()
    assert run("--man").stdout == page, "run: lmzip --man > share/man/man1/lmzip.1"


def test_the_man_page_names_every_option():
    page = run("--man").stdout.decode().replace("\\-", "-")
    for command in ("compress", "decompress", "test", "list", "train", "bench", *INSTRUMENTS):
        assert f"\n.SS {command}\n" in page
        for word in run(command, "--help").stdout.decode().split():
            if word.startswith("--"):
                assert word.strip(",.:;)") in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_the_man_page_is_well_formed():
    page = SHARE / "man/man1/lmzip.1"
    done = subprocess.run(["groff", "-man", "-ww", "-z", page], capture_output=True, check=True)
    assert done.stderr == b""


def complete(*words: str) -> list[str]:
    """What the shell is offered for the last of the words."""
    line = " ".join(words)
    settings = {"_LMZIP_COMPLETE": "bash_complete", "COMP_WORDS": line}
    settings["COMP_CWORD"] = str(len(words) - 1)
    return [item.partition(",")[2] for item in run(**settings).stdout.decode().split()]


def test_completion():
    assert complete("lmzip", "dec") == ["dec", "decompress"]
    assert {"--decompress", "--version", "--output-dir"} <= set(complete("lmzip", "--"))
    assert "--json" in complete("lmzip", "list", "--j")
    assert complete("lmzip", "compress", "--le") == []
    for shell in ("bash", "zsh", "fish"):
        script = run("--completion", shell).stdout
        assert b"_LMZIP_COMPLETE" in script and shell.encode() in script


@pytest.mark.parametrize(
    ("kind", "begins", "pattern"),
    [(MIME, MAGIC, "*.lmz"), ("application/x-lmzip-prior", parts.MAGIC, "*.lmp")],
)
def test_the_mime_types_have_the_magic_of_archives_and_priors(kind, begins, pattern):
    namespace = "{http://www.freedesktop.org/standards/shared-mime-info}"
    root = ElementTree.parse(SHARE / "mime/packages/lmzip.xml").getroot()
    (found,) = (each for each in root if each.get("type") == kind)
    match = found.find(f"{namespace}magic/{namespace}match")
    assert match.get("offset") == "0"
    assert match.get("value").encode().decode("unicode_escape").encode("latin-1") == begins
    assert found.find(f"{namespace}glob").get("pattern") == pattern


def test_the_magic_lines_have_the_magic_of_archives_and_priors():
    lines = (SHARE / "lmzip/magic").read_text().splitlines()
    begins = [line.split("\t")[2] for line in lines if line.startswith("0")]
    assert [text.encode().decode("unicode_escape").encode("latin-1") for text in begins] == [
        MAGIC,
        parts.MAGIC,
    ]


@pytest.mark.skipif(not shutil.which("file"), reason="there is no `file` here")
@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"level": 1}, "level 1, generation {0}"),
        ({"level": 9, "from_scratch": True}, "level 9, from scratch, generation {0}"),
        ({"level": 1, "after": b"old"}, "level 1, after other data, generation {0}"),
        ({"level": 1, "prior": GOLDEN / "small.lmp"}, "level 1, with a prior"),
    ],
)
def test_file_tells_what_an_archive_is(made, told, tmp_path):
    (tmp_path / "a").write_bytes(lmzip.compress(b"", **made))
    command = ["file", "-m", SHARE / "lmzip/magic", "-b"]
    done = subprocess.run([*command, tmp_path / "a"], capture_output=True, text=True)
    told = told.format(newest().number)
    assert done.stdout == f"lmzip compressed data, version 3, {told}\n"
    done = subprocess.run([*command, "-i", tmp_path / "a"], capture_output=True, text=True)
    assert done.stdout.startswith(MIME)
    done = subprocess.run([*command, GOLDEN / "small.lmp"], capture_output=True, text=True)
    assert done.stdout == f"lmzip prior, version 2, level 1, generation {newest().number}\n"
