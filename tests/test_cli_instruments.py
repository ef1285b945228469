"""The commands that measure: what they print, as text and as JSON, and what they refuse."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from conftest import noise, prose, run

import lmzip
from lmzip.instruments import plots
from lmzip.progress import FIRST_RUN


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    """A directory to work in, with texts that are alike, and one that is not."""
    monkeypatch.chdir(tmp_path)
    Path("good").write_bytes(prose(2500))
    Path("alike").write_bytes(prose(600, 2))
    Path("other").write_bytes(noise(300))
    return tmp_path


def numbers(*arguments: str):
    done = run(*arguments, "--json")
    told = done.stderr.decode().splitlines()
    assert (done.returncode, [line for line in told if line != FIRST_RUN]) == (0, [])
    return json.loads(done.stdout)


def test_report_tells_the_numbers_of_the_archive(files):
    run("compress", "-1", "good")
    size = os.path.getsize("good.lmz")
    found = numbers("report", "-1", "good")
    assert (found["name"], found["archive_bytes"], found["data_bytes"]) == ("good", size, 2500)
    told = run("report", "-1", "good").stdout.decode()
    assert f"archive            {size:,} bytes, {found['payload_bytes']:,} of them payload" in told
    assert f"{found['bits']:,.1f} bits" in told
    for title in ("learning curve", "transformer", "lzma -9e", "most surprising", "least"):
        assert title in told


def test_report_tells_whether_the_learned_weights_pay(files):
    found, scratch = (numbers("report", "-1", "good", *o) for o in ((), ("--from-scratch",)))
    assert (found["from_scratch"], scratch["from_scratch"]) == (False, True)
    assert scratch["bits"] > found["bits"] and scratch["program_bits"] < found["program_bits"]
    both = found["learned_weights"]
    assert both == scratch["learned_weights"]
    assert both["learned_description_bits"] == found["description_bits"]
    assert both["scratch_description_bits"] == scratch["description_bits"]
    told = run("report", "-1", "good").stdout.decode()
    assert f"pay from about {both['break_even_bytes']:,} bytes on" in told
    assert "extrapolated from" in told
    told = run("report", "-1", "good", "--from-scratch").stdout.decode()
    assert told.startswith("good, level 1, from scratch\n")


def test_report_is_a_filter_too(text):
    assert run("report", "-1", stdin=text).stdout.startswith(b"standard input, level 1\n")
    assert b"code length        0.0 bits, - per byte" in run("report", "-1", "-").stdout


def test_report_shows_any_bytes_on_any_terminal(files):
    Path("words").write_bytes("Übergrößen, 漢字, ".encode() * 20 + b"\x1b[31m")
    told = run("report", "-1", "words").stdout
    assert "Übergrößen".encode() in told
    assert b"\x1b" not in run("report", "-1", "words").stdout
    assert b" ..." in run("report", "-1", "other").stdout


def test_the_page_is_not_written_over_another_without_force(files):
    pytest.importorskip("matplotlib")
    assert run("report", "-1", "good", "--html", "page.html").returncode == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and "<svg" in page
    again = run("report", "-1", "alike", "--html", "page.html")
    assert again.returncode == 1 and b"use -f to overwrite it" in again.stderr
    assert Path("page.html").read_text(encoding="utf-8") == page
    assert run("report", "-1", "alike", "--html", "page.html", "-f").returncode == 0
    assert Path("page.html").read_text(encoding="utf-8") != page


def test_without_matplotlib_all_but_the_page_is_told(files, monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    done = run("report", "-1", "alike", "--html", "page.html")
    assert done.returncode == 1 and b"pip install 'lmzip[report]'" in done.stderr
    assert not Path("page.html").exists()
    assert run("report", "-1", "alike").returncode == 0


def test_compare(files):
    found = numbers("compare", "good", "alike", "--levels", "1,2")
    assert [file["name"] for file in found] == ["good", "alike"]
    for file in found:
        assert [row["level"] for row in file["levels"]] == [1, 2]
        bits = [row["bits"] for row in file["levels"]]
        assert [row["regret_bits"] for row in file["levels"]] == [b - min(bits) for b in bits]
    told = run("compare", "good", "--levels", "1,2").stdout.decode()
    assert f"{found[0]['levels'][1]['bits']:,.1f}" in told
    assert "level 2 overtakes level 1" in told or "level 2 does not overtake level 1" in told


def test_compare_draws_all_in_one_picture(files):
    pytest.importorskip("matplotlib")
    run("compare", "good", "--levels", "1,2", "--html", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "level 1" in page and "level 2" in page and "regret against level" in page


def test_score(files):
    found = numbers("score", "-1", "--like", "good", "other", "alike")
    assert [row["name"] for row in found] == ["other", "alike"]
    assert found[1]["difference_bits_per_byte"] < 0 < found[0]["difference_bits_per_byte"]
    table = run("score", "-1", "--like", "good", "other", "alike").stdout.decode().splitlines()
    assert [line.split()[-1] for line in table] == ["name", "alike", "other"]


def test_distance(files):
    found = numbers("distance", "-1", "good", "alike", "other")
    assert found["names"] == ["good", "alike", "other"]
    matrix = found["distances"]
    assert matrix[0][1] == matrix[1][0] < matrix[0][2]
    table = run("distance", "-1", "good", "alike", "other").stdout.decode().splitlines()
    assert table[1].split() == ["1", *(f"{value:.3f}" for value in matrix[0]), "good"]
    pair = run("distance", "-1", "good", "alike").stdout.decode()
    assert 0 < float(pair) < 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["report", "none"], "none: cannot be opened"),
        (["compare", "good", "none", "--levels", "1"], "none: cannot be opened"),
        (["compare", "good", "--levels", "1,x"], "--levels takes numbers from 1 to 9"),
        (["score", "good"], "Missing option '--like'"),
        (["score", "-1", "--like", "none", "good"], "none: cannot be opened"),
        (["distance", "-1", "good", "none"], "none: cannot be opened"),
        (["distance", "-1", "good"], "a distance needs two files or more"),
        (["distance", "-9", "-M", "1M", "good", "alike"], "level 9 needs"),
        (["report", "-9", "-M", "1M", "good"], "level 9 needs"),
    ],
)
def test_what_is_wrong_is_said(arguments, why, files):
    done = run(*arguments)
    assert done.returncode == 1
    assert why in done.stderr.decode()


def test_the_command_says_what_the_library_says(files):
    told = lmzip.report(Path("good").read_bytes(), 1)
    assert numbers("report", "-1", "good")["bits"] == told.bits


def test_reading_the_help_loads_no_model():
    for command in ("report", "compare", "score", "distance"):
        assert b"Usage: lmzip " + command.encode() in run(command, "--help").stdout
    program = (
        "import lmzip.cli, sys;"
        "assert not {'torch', 'numba', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program]) == 0
