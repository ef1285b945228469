"""What has to be installed for what: torch for its own engines only, and pins for every Python."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

packaging_requirements = pytest.importorskip("packaging.requirements")
Requirement = packaging_requirements.Requirement
SpecifierSet = pytest.importorskip("packaging.specifiers").SpecifierSet

PROJECT = Path(__file__).parent.parent

# Without torch: `raised` is what `import torch` ends with.
HIDE = """
import sys
from importlib.abc import MetaPathFinder

class Hidden(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise {raised}

sys.meta_path.insert(0, Hidden())
"""
RAISED = {
    "missing": "ModuleNotFoundError(\"No module named 'torch'\", name='torch')",
    "broken": "ImportError('undefined symbol: iJIT_NotifyEvent')",
    "CUDA without its libraries": "OSError('libcudart.so.13: cannot open shared object file')",
}


def python(program: str, raised: str, *arguments: object) -> str:
    """Run a program where torch cannot be imported; what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", HIDE.format(raised=raised) + program, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_the_torch_engine_imports_torch():
    """All other modules can be imported without, and so can what they import."""
    program = """
import importlib, pkgutil
import lmzip
for module in pkgutil.walk_packages(lmzip.__path__, "lmzip."):
    if module.name != "lmzip.__main__":
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            assert error.name in ("torch", "matplotlib"), error
            if error.name == "torch":
                print(module.name)
"""
    found = set(python(program, RAISED["missing"]).split())
    room = r"lmzip\.(codec|generations\.g\d+)\.transformer\.reference\."
    assert all(re.match(room, name) for name in found), found
    assert "lmzip.codec.transformer.reference.arithmetic" in found, "torch was not hidden"


@pytest.mark.parametrize("case", RAISED)
def test_without_torch_the_library_and_the_command_work(case, tmp_path):
    program = """
import os, pathlib
import lmzip
from lmzip.cli import main

data = b"the cat sat on the mat, the cat sat on the mat"
assert lmzip.decompress(lmzip.compress(data, level=1)) == data
file = pathlib.Path(sys.argv[1])
file.write_bytes(data)
archive = file.with_suffix(".lmz")
assert main(["-q", "-1", "-o", str(archive), str(file)]) == 0
assert main(["-q", "-t", str(archive)]) == 0
assert main(["report", "-q", "-1", str(file)]) == 0
assert main(["-qf", "-d", "-o", str(file), str(archive)]) == 0
assert file.read_bytes() == data
assert "torch" not in sys.modules
os.environ["LMZIP_ENGINE"] = "float32"
try:
    lmzip.decompress(archive.read_bytes())
except lmzip.LMZError as error:
    print(error)
"""
    said = python(program, RAISED[case], tmp_path / "file").splitlines()[-1]
    assert said.startswith("the engine 'float32' cannot run: torch cannot be imported (")
    assert said.endswith("; unset LMZIP_ENGINE, or install torch: pip install 'lmzip[torch]'")


def pins() -> list[Requirement]:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def metadata() -> dict:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def environments() -> Iterator[dict[str, str]]:
    """What markers are compared with, on every Python and kind of machine that is supported."""
    machines = [
        ("linux", "x86_64"),
        ("linux", "aarch64"),
        ("darwin", "arm64"),
        ("darwin", "x86_64"),
        ("win32", "AMD64"),
    ]
    for minor in range(10, 15):
        for system, machine in machines:
            yield {
                "python_version": f"3.{minor}",
                "python_full_version": f"3.{minor}.1",
                "sys_platform": system,
                "platform_machine": machine,
                "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[
                    system
                ],
                "extra": "",
            }


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def test_constraints_hold_one_version_of_each_package_on_every_python_and_machine():
    everything = pins()
    names = {pin.name for pin in everything}
    for environment in environments():
        found = [pin for pin in everything if applies(pin, environment)]
        assert sorted(pin.name for pin in found) == sorted(names), environment
        for pin in found:
            assert [part.operator for part in pin.specifier] == ["=="], pin


def test_no_constraint_is_on_a_python_that_the_package_does_not_take():
    """As far as the versions that are installed here can tell."""
    for pin in pins():
        try:
            package = distribution(pin.name)
        except PackageNotFoundError:
            continue
        taken = SpecifierSet(package.metadata.get("Requires-Python") or "")
        for environment in environments():
            if applies(pin, environment) and pin.specifier.contains(package.version):
                version = environment["python_full_version"]
                assert taken.contains(version), f"{pin} takes Python {taken}, not {version}"


def test_constraints_pin_what_the_project_asks_for():
    project = metadata()
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    for environment in environments():
        version = {
            pin.name: next(iter(pin.specifier)).version
            for pin in pins()
            if applies(pin, environment)
        }
        for requirement in map(Requirement, wanted):
            if applies(requirement, environment):
                assert requirement.specifier.contains(version[requirement.name]), requirement


def test_torch_is_in_the_tests_where_pypi_has_a_build_without_cuda():
    project = metadata()
    assert not any(Requirement(line).name == "torch" for line in project["dependencies"])
    test = map(Requirement, project["optional-dependencies"]["test"])
    torch = [requirement for requirement in test if requirement.name == "torch"]
    for environment in environments():
        machine = environment["sys_platform"], environment["platform_machine"]
        wanted = sum(applies(requirement, environment) for requirement in torch)
        assert wanted == (machine not in (("linux", "x86_64"), ("darwin", "x86_64")))
        (pin,) = (pin for pin in pins() if pin.name == "torch" and applies(pin, environment))
        assert ("+cpu" in str(pin.specifier)) == (machine == ("linux", "x86_64"))


def test_the_promised_pythons_are_those_that_the_sources_parse_for():
    assert metadata()["requires-python"] == ">=3.10"
    for path in (PROJECT / "lmzip").rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), path.name, feature_version=(3, 10))
