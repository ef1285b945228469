"""Files for the system: man page, completion, magic, MIME type."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import run

import lmzip
from lmzip.header import MAGIC

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


def test_the_mime_type_has_the_magic_of_archives():
    namespace = "{http://www.freedesktop.org/standards/shared-mime-info}"
    root = ElementTree.parse(SHARE / "mime/packages/lmzip.xml").getroot()
    (kind,) = root
    assert kind.get("type") == MIME
    match = kind.find(f"{namespace}magic/{namespace}match")
    assert match.get("offset") == "0"
    assert match.get("value").encode().decode("unicode_escape").encode("latin-1") == MAGIC
    assert kind.find(f"{namespace}glob").get("pattern") == "*.lmz"


def test_the_magic_line_has_the_magic_of_archives(tmp_path, packed):
    magic = (SHARE / "lmzip/magic").read_text()
    line = next(line for line in magic.splitlines() if line.startswith("0"))
    assert line.split("\t")[2].encode().decode("unicode_escape").encode("latin-1") == MAGIC
    if shutil.which("file"):
        (tmp_path / "a").write_bytes(packed)
        command = ["file", "-m", SHARE / "lmzip/magic", "-b"]
        told = subprocess.run([*command, tmp_path / "a"], capture_output=True).stdout
        assert told == b"lmzip compressed data, version 3, level 1\n"
        (tmp_path / "b").write_bytes(lmzip.compress(b"", level=9, from_scratch=True))
        told = subprocess.run([*command, tmp_path / "b"], capture_output=True).stdout
        assert told == b"lmzip compressed data, version 3, level 9, from scratch\n"
        (tmp_path / "c").write_bytes(lmzip.compress(b"", level=1, after=b"old"))
        told = subprocess.run([*command, tmp_path / "c"], capture_output=True).stdout
        assert told == b"lmzip compressed data, version 3, level 1, after other data\n"
        told = subprocess.run([*command, "-i", tmp_path / "a"], capture_output=True).stdout
        assert told.startswith(MIME.encode())
