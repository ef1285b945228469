"""The command with priors: train, --prior, LMZIP_PRIOR, and where they are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import run
from samples import LEVEL, NEW, other, prior, records

import lmzip
from lmzip.cli.train import cut


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """A directory of one's own with a prior, and data; an empty directory of known priors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "mine.lmp").write_bytes(prior().data)
    (tmp_path / "new").write_bytes(NEW)
    return tmp_path


def made() -> bytes:
    return lmzip.compress(NEW, LEVEL, prior=prior())


def fails(status: int, message: str, *arguments: object, **settings: str) -> None:
    done = run(*arguments, **settings)
    assert done.returncode == status and message in done.stderr.decode(), done.stderr


def moved(here: Path) -> None:
    """The prior is no longer beside the archives."""
    (here / "away").mkdir()
    (here / "mine.lmp").rename(here / "away" / "mine.lmp")


def test_it_is_the_same_both_ways_and_gives_the_level(here):
    done = run("c", "--prior", "mine.lmp", "new")
    assert done.returncode == 0 and (here / "new.lmz").read_bytes() == made()
    moved(here)
    (here / "new").unlink()
    assert run("d", "--prior", "away/mine.lmp", "new.lmz").returncode == 0
    assert (here / "new").read_bytes() == NEW
    assert run("t", "--prior", "away/mine.lmp", "new.lmz").returncode == 0
    assert run("-dc", "--prior", "away/mine.lmp", stdin=made()).stdout == NEW


def test_the_environment_names_it_too(here):
    assert run("-c", "new", LMZIP_PRIOR="mine.lmp").stdout == made()
    moved(here)
    assert run("-dc", stdin=made(), LMZIP_PRIOR="away/mine.lmp").stdout == NEW
    plain = run("-1c", "--from-scratch", "new", LMZIP_PRIOR="away/mine.lmp").stdout
    assert plain == lmzip.compress(NEW, LEVEL, from_scratch=True), "what is asked for goes first"


def test_beside_the_archive_or_where_the_user_keeps_them_it_needs_no_option(here):
    (here / "new.lmz").write_bytes(made())
    assert run("-dc", "new.lmz").stdout == NEW
    assert run("-dc", here / "new.lmz").stdout == NEW
    moved(here)
    assert run("-dc", "new.lmz").returncode == 2
    own = here / "data/lmzip/priors"
    own.mkdir(parents=True)
    (own / "any.lmp").write_bytes(prior().data)
    assert run("-dc", "new.lmz").stdout == NEW
    assert run("-dc", stdin=made()).stdout == NEW
    assert run("t", "new.lmz").returncode == 0


def test_which_is_missing_and_where_it_was_looked_for_is_said_before_any_work(here):
    moved(here)
    (here / "new.lmz").write_bytes(made())
    (here / "new").unlink()
    own = here / "data/lmzip/priors"
    for command in ("d", "t"):
        done = run(command, "new.lmz")
        assert done.returncode == 2
        assert done.stderr.decode() == (
            f"lmzip: new.lmz: the prior {prior().name} is missing, with which this archive was "
            f"made: it is not in ., nor in {own}; give its file (--prior, or `prior`), or put it "
            f"into {own}\n"
        )
    assert not (here / "new").exists()
    assert run("t", "--quick", "new.lmz").returncode == 0, "the model is not asked"


def test_another_or_a_damaged_one_is_refused(here):
    (here / "other.lmp").write_bytes(other().data)
    (here / "bad.lmp").write_bytes(prior().data[:-1])
    moved(here)
    (here / "new.lmz").write_bytes(made())
    fails(2, f"the one given, {other().name}", "d", "--prior", "other.lmp", "new.lmz")
    for command in (("c", "new"), ("d", "new.lmz"), ("report", "new")):
        fails(2, "bad.lmp: the prior is damaged, or incomplete", "--prior", "bad.lmp", *command[1:])
    fails(2, "new: this is no prior: it begins with 7B 22", "c", "--prior", "new", "new")
    fails(1, "nowhere: cannot be opened", "c", "--prior", "nowhere", "new")
    assert (here / "new.lmz").read_bytes() == made()


def test_another_level_is_refused_with_what_to_do(here):
    fails(2, f"use level {LEVEL}, or train", "c", "-2", "--prior", "mine.lmp", "new")
    fails(2, f"use level {LEVEL}", "c", "new", LMZIP_PRIOR="mine.lmp", LMZIP_LEVEL="3")
    fails(1, "exclude each other", "c", "--from-scratch", "--prior", "mine.lmp", "new")
    fails(1, "--prior", "-l", "--prior", "mine.lmp", "new.lmz")


def test_list_shows_it(here):
    (here / "made.lmz").write_bytes(made())
    head, row = (line.split() for line in run("list", "made.lmz").stdout.decode().splitlines())
    cells = dict(zip(head, row, strict=True))
    assert (cells["from"], cells["code"]) == ("prior", "-")
    (listed,) = json.loads(run("list", "--json", "made.lmz").stdout)
    assert listed["archives"][0]["prior"] == prior().name
    assert listed["archives"][0]["code"] is None
    told = run("list", "-v", "made.lmz").stderr.decode()
    assert told == f"lmzip: made.lmz: needs the prior {prior().name}\n"


def test_salvage_restores_what_stands_before_the_damage(here):
    (here / "bad.lmz").write_bytes(made() + b"rubbish")
    done = run("d", "--salvage", "bad.lmz")
    assert done.returncode == 2 and b"are whole" in done.stderr
    assert (here / "bad").read_bytes() == NEW
    moved(here)
    fails(2, "is missing", "d", "-f", "--salvage", "bad.lmz")


def test_the_instruments_begin_with_it(here):
    (here / "two").write_bytes(records(2, seed=9)[0])
    told = json.loads(run("report", "--json", "--prior", "mine.lmp", "new").stdout)
    assert (told["prior"], told["archive_bytes"]) == (prior().name, len(made()))
    assert told["program_bits"] % 8 == 0
    assert (
        f"with the prior {prior().name}"
        in run("report", "--prior", "mine.lmp", "new").stdout.decode()
    )
    rows = run("compare", "--levels", "1", "--prior", "mine.lmp", "new").stdout.decode()
    assert " -1 " in rows and "-1+prior" in rows
    for command in (("score", "--like", "two"), ("distance", "two")):
        with_it = run(*command, "--prior", "mine.lmp", "new").stdout
        assert with_it and with_it != run(*command, "-1", "new").stdout


def test_train_makes_one_of_files_and_says_what_it_is_worth(here):
    (here / "records").mkdir()
    for number, record in enumerate(records(12)):
        (here / "records" / f"{number}.json").write_bytes(record)
    done = run("train", "-1", "-o", "own.lmp", "--size", "4K", "records", "new")
    assert done.returncode == 0, done.stderr
    own = lmzip.Prior.load(here / "own.lmp")
    first, second, third = done.stdout.decode().splitlines()
    assert first.startswith(f"own.lmp: {own.size:,} bytes, {own.name}, for level 1; 12 samples")
    assert "bits per byte without it, " in second and second.startswith("held out, ")
    assert third.startswith("it pays from ") or third == "it saves nothing here"
    assert own.size <= 4096
    assert (
        run(
            "-dc", "--prior", "own.lmp", stdin=run("c", "--prior", "own.lmp", "-c", "new").stdout
        ).stdout
        == NEW
    )


def test_train_does_not_overwrite_unasked(here):
    fails(1, "mine.lmp: will not be overwritten", "train", "-1", "-o", "mine.lmp", "new")
    assert (here / "mine.lmp").read_bytes() == prior().data


def test_train_reads_records_from_standard_input(here):
    lines = b"".join(records(8))
    for name, given in (("a.lmp", lines), ("b.lmp", lines.replace(b"\n", b"\n\0"))):
        arguments = ("train", "-1", "-o", name, "--size", "2K")
        assert run(*arguments, stdin=given).returncode == 0
    assert (here / "a.lmp").read_bytes() == (here / "b.lmp").read_bytes()


def test_samples_are_files_records_or_lines():
    data = b"one\ntwo\nthree"
    assert list(cut(data, None, records=False)) == [data]
    assert list(cut(b"", None, records=False)) == []
    assert list(cut(data, None, records=True)) == [b"one\n", b"two\n", b"three"]
    assert list(cut(b"a\nb\0c\0", None, records=True)) == [b"a\nb", b"c"]
    assert list(cut(data, 2, records=False)) == [b"one\ntwo\n", b"three"]


def test_train_says_what_it_cannot_do(here):
    fails(1, "two samples at least", "train", "-1", "-o", "own.lmp", "new")
    fails(1, "nowhere: cannot be opened", "train", "-1", "-o", "own.lmp", "nowhere", "new")
    fails(1, "allow more", "train", "-1", "-o", "own.lmp", "--size", "9", "new", "mine.lmp")
    fails(1, "Missing option", "train", "new")
    assert not (here / "own.lmp").exists()


def test_train_makes_the_directory_where_priors_are_found(here):
    name = here / "data/lmzip/priors/own.lmp"
    arguments = ("train", "-1", "-o", name, "--size", "2K", "--lines", "1")
    (here / "lines").write_bytes(b"".join(records(6)))
    assert run(*arguments, "lines").returncode == 0
    (here / "mine.lmp").unlink()
    packed = run("-c", "--prior", name, "new").stdout
    assert run("-dc", stdin=packed).stdout == NEW


def test_the_bar_shows_how_far_training_is(here):
    (here / "lines").write_bytes(b"".join(records(6)))
    done = run(
        "train", "-1", "--progress", "--lines", "1", "--size", "2K", "-o", "own.lmp", "lines"
    )
    for step in (b"without a prior", b"with a text", b"reading, 1 of"):
        assert step in done.stderr
