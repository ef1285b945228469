"""What is released: one version everywhere, the files of wheel and sdist, the same bytes twice."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import run

import lmzip

PROJECT = Path(__file__).parent.parent
EPOCH = 1_700_000_000
NOT_RELEASED = (".ci/", ".gitignore")
"""What git has and the sdist has not."""
BUILD = """
import os, sys
from setuptools import build_meta
os.umask(0o022)
getattr(build_meta, sys.argv[1])(sys.argv[2])
"""


class Made(NamedTuple):
    """What was built of one copy of the tree."""

    sdist: Path
    wheel: Path


def tracked() -> list[str]:
    """The files that git has of this tree, as they are now."""
    try:
        done = subprocess.run(
            ["git", "-C", PROJECT, "ls-files", "-z", "."], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git cannot tell the files of this tree ({type(error).__name__})")
    names = [name for name in os.fsdecode(done.stdout).split("\0") if name]
    if "pyproject.toml" not in names:
        pytest.skip("git has not got this tree")
    return sorted(name for name in names if (PROJECT / name).is_file())


def build(place: Path, modes: int) -> Made:
    """Build both of a copy of what git has, without a network; files of other modes and times."""
    for name in tracked():
        file = place / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((PROJECT / name).read_bytes())
        file.chmod(modes if name.startswith("tests/") else 0o644)
        os.utime(file, (EPOCH + modes, EPOCH + modes))
    for name in ("lmzip/__pycache__/junk.py", "tests/__pycache__/junk.pyc", "junk.py", "a/junk.py"):
        (place / "tree" / name).parent.mkdir(exist_ok=True)
        (place / "tree" / name).touch()
    for hook in ("build_sdist", "build_wheel"):
        done = subprocess.run(
            [sys.executable, "-c", BUILD, hook, place / "made"],
            cwd=place / "tree",
            env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")
    (sdist,) = (place / "made").glob("*.tar.gz")
    (wheel,) = (place / "made").glob("*.whl")
    return Made(sdist, wheel)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """Wheel and sdist, built twice, in two places."""
    setuptools = pytest.importorskip("setuptools", reason="setuptools is not installed")
    if int(setuptools.__version__.partition(".")[0]) < 77:
        pytest.skip(f"setuptools {setuptools.__version__} cannot build it; 77.0.3 is the first")
    return [build(tmp_path_factory.mktemp(f"at-{mode:o}"), mode) for mode in (0o644, 0o600)]


def wheel_files(made: Made) -> list[str]:
    with zipfile.ZipFile(made.wheel) as wheel:
        return sorted(wheel.namelist())


def metadata(made: Made) -> Message:
    with zipfile.ZipFile(made.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(wheel.read(name))


def sdist_files(made: Made) -> list[str]:
    """Names below the one directory, of files."""
    with tarfile.open(made.sdist) as sdist:
        files = [member.name for member in sdist if member.isfile()]
    top = f"lmzip-{lmzip.__version__}/"
    assert all(name.startswith(top) for name in files)
    return sorted(name.removeprefix(top) for name in files)


def test_the_version_is_the_same_everywhere():
    version = lmzip.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert run("--version").stdout.startswith(f"lmzip {version} (generation ".encode())
    changes = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", changes)[0] == version
    page = (PROJECT / "share/man/man1/lmzip.1").read_text(encoding="utf-8")
    assert f'"lmzip {version}"' in page.splitlines()[0]


def test_the_version_is_written_in_one_place():
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project and "\nversion = {" in project
    assert lmzip.__version__ not in project
    for path in (PROJECT / "lmzip").glob("*.py"):
        found = f'"{lmzip.__version__}"' in path.read_text(encoding="utf-8")
        assert found == (path.name == "__init__.py"), path


def test_metadata_tell_what_was_meant(made):
    told = metadata(made[0])
    assert (told["Name"], told["Version"]) == ("lmzip", lmzip.__version__)
    assert told["License-Expression"] == "MIT" and told["License-File"] == "LICENSE"
    assert told["Author"] == "the lmzip developers"
    assert told["Requires-Python"] == ">=3.10"
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert told.get_payload(decode=True).decode().strip() == readme.strip()
    kinds = told.get_all("Classifier")
    pythons = [kind for kind in kinds if re.match(r"Programming Language :: Python :: 3\.", kind)]
    assert [kind.rpartition(".")[2] for kind in pythons] == ["10", "11", "12", "13", "14"]
    assert not any(kind.startswith("License") for kind in kinds), "not beside an expression"


def test_the_wheel_holds_the_program_and_nothing_else(made):
    about = f"lmzip-{lmzip.__version__}.dist-info/"
    data = f"lmzip-{lmzip.__version__}.data/data/"
    files = wheel_files(made[0])
    rest = {name.removeprefix(about) for name in files if name.startswith(about)}
    assert rest == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "top_level.txt",
    }
    wanted = [name for name in tracked() if name.startswith("lmzip/")]
    wanted += [data + name for name in tracked() if name.startswith("share/")]
    assert [name for name in files if not name.startswith(about)] == sorted(wanted)
    with zipfile.ZipFile(made[0].wheel) as wheel:
        for name in wanted:
            source = PROJECT / name.removeprefix(data)
            assert wheel.read(name) == source.read_bytes(), name


def test_the_sdist_holds_all_that_git_has(made):
    wanted = [name for name in tracked() if not name.startswith(NOT_RELEASED)]
    about = [f"lmzip.egg-info/{name}" for name in (
        "PKG-INFO", "SOURCES.txt", "dependency_links.txt", "entry_points.txt", "requires.txt",
        "top_level.txt",
    )]  # fmt: skip
    assert sdist_files(made[0]) == sorted([*wanted, *about, "PKG-INFO", "setup.cfg"])
    assert {"LICENSE", "CHANGELOG.md", "constraints.txt"} <= set(wanted)


def test_built_twice_the_bytes_are_the_same(made):
    assert made[0].wheel.read_bytes() == made[1].wheel.read_bytes()
    spec = importlib.util.spec_from_file_location("build_release", PROJECT / "release/build.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    before = sdist_files(made[0])
    for one in made:
        script.normalise(one.sdist, EPOCH)
    assert made[0].sdist.read_bytes() == made[1].sdist.read_bytes()
    assert sdist_files(made[0]) == before
    with tarfile.open(made[0].sdist) as sdist:
        for member in sdist:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mtime == EPOCH and member.mode in (0o644, 0o755)
            if member.name.endswith("/tests/conftest.py"):
                content = sdist.extractfile(member).read()
                assert content == (PROJECT / "tests/conftest.py").read_bytes()
