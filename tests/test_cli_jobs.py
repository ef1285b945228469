"""Many files: which are worked on, where their outputs go, what is kept and what is removed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import prose, run
from layout import changed

import lmzip
from lmzip.progress import progress_bar

TEXT = prose(200)


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    """d/a, d/e/b, and a link from d/link to d/a; the current directory is around d."""
    (tmp_path / "d" / "e").mkdir(parents=True)
    for name in ("d/a", "d/e/b"):
        (tmp_path / name).write_bytes(TEXT + name.encode())
    (tmp_path / "d" / "link").symlink_to("a")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(directory: Path) -> set[str]:
    """All files below, as relative names."""
    paths = (path for path in directory.rglob("*") if not path.is_dir())
    return {path.relative_to(directory).as_posix() for path in paths}


def test_a_file_that_fails_does_not_stop_the_others(tree):
    done = run("c", "-1", "missing", "d/a", "d", "d/e/b")
    assert done.returncode == 1
    assert names(tree) == {"d/a", "d/a.lmz", "d/link", "d/e/b", "d/e/b.lmz"}
    missing, directory = done.stderr.decode().splitlines()
    assert missing.startswith("lmzip: missing: cannot be opened: ") and "-r" in directory
    (tree / "d" / "a.lmz").write_bytes(b"foreign")
    (tree / "d" / "a").unlink()
    done = run("d", "-f", "d/a.lmz", "missing.lmz", "d/e/b.lmz", "-v")
    assert done.returncode == 2, "the worst of all"
    assert b"d/e/b.lmz: " in done.stderr


def test_recursion_leaves_links_alone_and_mirrors_directories(tree):
    assert run("c", "-1r", "d").stderr == b""
    assert names(tree) == {"d/a", "d/a.lmz", "d/e/b", "d/e/b.lmz", "d/link"}
    assert run("d", "-r", "d", "--output-dir", "out").stderr == b""
    assert names(tree / "out") == {"d/a", "d/e/b"}
    assert (tree / "out/d/e/b").read_bytes() == (tree / "d/e/b").read_bytes()
    assert run("d", "-r", ".", "--output-dir", "flat").returncode == 0
    assert names(tree / "flat") == {"d/a", "d/e/b"}
    again = run("c", "-1rv", "d/e", "--output-dir", "out")
    assert b"d/e/b.lmz: skipped: its name ends in .lmz" in again.stderr


def test_several_files_to_standard_output_are_one_archive(tree):
    done = run("c", "-1c", "d/a", "d/e/b")
    assert lmzip.decompress(done.stdout) == TEXT + b"d/a" + TEXT + b"d/e/b"


def test_inputs_of_one_name_do_not_destroy_each_other(tree):
    (tree / "a").write_bytes(b"another a")
    done = run("c", "-1f", "--rm", "d/a", "a", "--output-dir", "out")
    assert done.returncode == 1 and b"a: is left alone: " in done.stderr
    assert lmzip.decompress((tree / "out/a.lmz").read_bytes()) == TEXT + b"d/a"
    assert (tree / "a").read_bytes() == b"another a"


def test_an_input_is_removed_only_for_a_good_output(tree):
    (tree / "d/a.lmz").write_bytes(b"in the way")
    assert run("c", "-1", "--rm", "d/a", "d/e/b").returncode == 1
    assert names(tree) == {"d/a", "d/a.lmz", "d/link", "d/e/b.lmz"}
    assert run("d", "--rm", "d/a.lmz").returncode == 2
    assert run("d", "-k", "d/e/b.lmz").returncode == 0
    assert names(tree) == {"d/a", "d/a.lmz", "d/link", "d/e/b.lmz", "d/e/b"}
    assert run("c", "--rm", "-c", "d/a").returncode == 1


def test_an_input_that_changes_meanwhile_is_not_removed(tree, monkeypatch):
    def change(*arguments, **named):
        with open("d/a", "ab") as file:
            file.write(b"more")
        return progress_bar(*arguments, **named)

    monkeypatch.setattr("lmzip.cli.jobs.progress_bar", change)  # called while it is read
    done = run("c", "-1", "--rm", "d/a")
    assert done.returncode == 1 and b"d/a: is not removed: it changed" in done.stderr
    assert "d/a" in names(tree)


def test_symbolic_links_only_with_force(tree):
    done = run("c", "-1", "d/link")
    assert done.returncode == 1 and b"symbolic link" in done.stderr
    assert run("c", "-1f", "d/link").returncode == 0
    assert lmzip.decompress((tree / "d/link.lmz").read_bytes()) == TEXT + b"d/a"
    assert run("c", "-1c", "d/link").returncode == 0


def test_what_has_the_suffix_is_skipped_with_a_message(tree):
    (tree / "x.lmz").write_bytes(TEXT)
    done = run("c", "-1", "x.lmz")
    assert done.returncode == 0 and b"x.lmz: skipped: " in done.stderr
    assert run("c", "-1q", "x.lmz").stderr == b""
    assert "x.lmz.lmz" not in names(tree)
    assert run("c", "-1f", "x.lmz").returncode == 0
    assert "x.lmz.lmz" in names(tree)


def test_no_file_is_its_own_output(tree):
    done = run("c", "-1f", "d/a", "-o", "d/a")
    assert done.returncode == 1
    assert (tree / "d/a").read_bytes() == TEXT + b"d/a"


def test_one_of_several_names_is_removed_only_with_force(tree):
    os.link("d/a", "d/same")
    for command in (("c", "-1"), ("-1",)):
        done = run(*command, "--rm", "d/a")
        assert done.returncode == 1
        assert b"d/a: is left alone: it has 2 names (hard links)" in done.stderr
        assert "d/a" in names(tree) and "d/a.lmz" not in names(tree)
    assert run("c", "-1", "d/a").returncode == 0
    assert run("c", "-1f", "--rm", "d/a").returncode == 0
    assert (tree / "d/same").exists() and "d/a" not in names(tree)


@pytest.mark.parametrize("directory", ["new/", "new/er/", "d"])
def test_an_output_that_is_a_directory_by_its_name_gets_the_files(directory, tree):
    assert run("-1", "d/a", "d/e/b", "-o", directory).returncode == 0
    assert (tree / directory / "a.lmz").is_file() and (tree / directory / "b.lmz").is_file()
    assert run("d", "-f", tree / directory / "a.lmz", "-o", directory).returncode == 0
    assert (tree / directory / "a").read_bytes() == TEXT + b"d/a"
    done = run("-1", "-o", directory, stdin=TEXT)
    assert done.returncode == 1 and b"standard input has no name" in done.stderr


def test_recursion_takes_for_archives_what_is_called_so(tree, packed):
    (tree / "d/e/c.lmz").write_bytes(packed)
    for command in (("t",), ("t", "--quick"), ("list",), ("-t",), ("-l",), ("d", "-f")):
        done = run(*command, "-r", "d")
        assert (done.returncode, done.stderr) == (0, b""), command
    told = run("t", "-rv", "d").stderr.decode()
    assert "d/a: skipped: its name does not end in .lmz" in told and "d/e/c.lmz: sound" in told
    assert run("t", "d/a").returncode == 2, "it was named"


def test_mode_and_time_are_those_of_the_input(tree):
    (tree / "d/a").chmod(0o640)
    os.utime(tree / "d/a", ns=(10**18, 10**18))
    assert run("c", "-1", "--rm", "d/a").returncode == 0
    assert run("d", "d/a.lmz").returncode == 0
    for name in ("d/a.lmz", "d/a"):
        status = (tree / name).stat()
        assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, 10**18)


def test_how_much_is_told(tree, packed):
    (tree / "bad.lmz").write_bytes(packed[:-1])
    (tree / "good.lmz").write_bytes(packed)
    told = {}
    for option in ("-qq", "-q", "", "-v", "-vv"):
        done = run("d", "-f", *filter(None, [option]), "bad.lmz", "good.lmz")
        assert done.returncode == 2
        told[option] = len(done.stderr.splitlines())
    assert told == {"-qq": 0, "-q": 1, "": 1, "-v": 2, "-vv": 3}
    assert b"%" in run("d", "-f", "--progress", "good.lmz").stderr


def test_memory_limits(tree, packed):
    (tree / "x.lmz").write_bytes(packed)
    for command in (("c", "-c", "-1", "d/a"), ("d", "-c", "x.lmz"), ("t", "x.lmz")):
        done = run(*command, "-M", "1.5MiB")
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"MiB of memory: the limit is 2 MiB" in done.stderr
        assert run(*command, "-M", "2G").returncode == 0
    assert run("c", "-M", "much", "d/a").returncode == 1


def test_test_decodes_and_quick_looks_at_the_stored_bytes(tree, packed):
    wrong = changed(packed, digest=bytes(8))  # which only decoding shows to be wrong
    flipped = packed[:60] + bytes([packed[60] ^ 1]) + packed[61:]
    for data, quick, full in ((packed, 0, 0), (wrong, 0, 1), (flipped, 2, 2), (b"x", 2, 2)):
        (tree / "x.lmz").write_bytes(data)
        assert run("t", "--quick", "x.lmz").returncode == quick
        assert run("t", "x.lmz").returncode == full
        assert run("test", stdin=data).returncode == full
    assert names(tree) == {"d/a", "d/e/b", "d/link", "x.lmz"}


def test_salvage_says_what_became_of_each_file(tree, packed):
    (tree / "good.lmz").write_bytes(packed)
    (tree / "more.lmz").write_bytes(packed + b"more")
    (tree / "bad.lmz").write_bytes(b"foreign")
    done = run("d", "--salvage", "good.lmz", "more.lmz", "bad.lmz")
    assert done.returncode == 2
    good, more, bad = done.stderr.decode().splitlines()
    assert good.startswith("lmzip: good.lmz: nothing is lost: 3,000 bytes in 1 block are whole")
    assert more.startswith("lmzip: more.lmz: 3,000 bytes in 1 block are whole and were recovered")
    assert bad.startswith("lmzip: bad.lmz: ")
    assert (tree / "good").read_bytes() == (tree / "more").read_bytes() == lmzip.decompress(packed)
    assert not (tree / "bad").exists()
    assert run("d", "--salvage", "-fq", "good.lmz").stderr == b""


def test_a_damaged_file_is_found_out_before_any_data_are_written(packed):
    half = packed + packed[:-1]
    done = run("d", "-c", stdin=half)
    assert (done.returncode, done.stdout) == (2, b"")


def deep(depth: int) -> None:
    """Make directories of one letter in each other below `deep`, the last with a file."""
    os.mkdir("deep")
    here = os.open("deep", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.close(here)


@pytest.fixture
def depth(tree):
    """A function that makes such directories, which nothing but this can remove again."""
    yield deep
    subprocess.run(["rm", "-rf", "deep", "out"], cwd=tree, check=True)


@pytest.mark.skipif(os.name != "posix", reason="dir_fd, rm")
def test_directories_may_be_deep(tree, depth):
    depth(1100)
    assert run("c", "-1r", "deep").stderr == b""
    place = os.path.join("deep", *["d"] * 1100)
    assert os.path.getsize(os.path.join(place, "file.lmz")) > 0
    assert run("d", "-r", "deep", "--output-dir", "out").stderr == b""
    assert os.path.getsize(os.path.join("out", place, "file")) == 0
    for command in ("t", "l"):
        assert run(command, "-r", place).returncode == 0, "a foreign file is skipped"


@pytest.mark.skipif(os.name != "posix", reason="dir_fd, rm")
def test_a_name_too_long_for_the_system_does_not_stop_the_rest(tree, depth):
    depth(2100)  # 4,200 bytes, where Linux takes 4,095 and others less
    done = run("c", "-1r", "deep", "d")
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
    assert b"file name too long; " in done.stderr
    assert {"a.lmz", "e/b.lmz"} <= names(tree / "d")


def test_a_directory_that_cannot_be_read_does_not_stop_the_rest(tree, monkeypatch):
    scan = os.scandir

    def refuse(path: str):
        if os.path.basename(path) == "e":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (tree / "d" / "f").mkdir()
    (tree / "d" / "f" / "c").write_bytes(TEXT)
    done = run("c", "-1r", "d")
    assert done.returncode == 1 and done.stderr.startswith(b"lmzip: d/e: cannot be opened: ")
    assert (tree / "d/f/c.lmz").exists() and not (tree / "d/e/b.lmz").exists()
