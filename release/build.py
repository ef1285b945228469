"""Build the sdist and the wheel of the last commit, twice, and see that the bytes are the same.

    python release/build.py [--out dist] [--no-isolation]

What is built is what git has: nothing else that lies in the tree can get in. `python -m build` does
the work, by the versions in constraints.txt; the wheel is made from the sdist. Times are those of
the commit. Of setuptools' sdist, the tar's times, owners and modes are made the same everywhere.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
UMASK = 0o022
"""What modes in the wheel depend on."""


def git(*arguments: str) -> bytes:
    """What git says about the tree that this file stands in."""
    command = ["git", "-C", os.fspath(PROJECT), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def export(place: Path) -> None:
    """Lay the files of the last commit into a directory."""
    tree = git("-c", f"tar.umask={UMASK:04o}", "archive", "--format=tar", "HEAD")
    with tarfile.open(fileobj=io.BytesIO(tree)) as tar:
        tar.extractall(place, filter="data")


def normalise(sdist: Path, epoch: int) -> None:
    """Write an sdist anew with nothing in it of the time, the user and the file system."""
    packed = io.BytesIO()
    with (
        tarfile.open(sdist) as old,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=packed, mtime=epoch) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for found in sorted(old.getmembers(), key=lambda member: member.name):
            member = tarfile.TarInfo(found.name)
            member.type, member.size, member.mtime = found.type, found.size, epoch
            member.mode = 0o755 if found.isdir() or found.mode & 0o100 else 0o644
            new.addfile(member, old.extractfile(found) if found.isfile() else None)
    sdist.write_bytes(packed.getvalue())


def build(place: Path, epoch: int, isolated: bool) -> dict[str, bytes]:
    """Both files, by name, made in an empty directory."""
    export(place / "tree")
    settings = {
        "SOURCE_DATE_EPOCH": str(epoch),
        "PIP_CONSTRAINT": os.fspath(PROJECT / "constraints.txt"),
    }
    command = [sys.executable, "-m", "build", "--outdir", os.fspath(place / "made")]
    if not isolated:
        command.append("--no-isolation")
    done = subprocess.run(
        [*command, os.fspath(place / "tree")],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        sys.exit(done.stdout.decode(errors="replace") + "nothing was built")
    for sdist in (place / "made").glob("*.tar.gz"):
        normalise(sdist, epoch)
    return {path.name: path.read_bytes() for path in sorted((place / "made").iterdir())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=PROJECT / "dist")
    parser.add_argument(
        "--no-isolation", action="store_true", help="build with what is installed, without network"
    )
    options = parser.parse_args()
    os.umask(UMASK)
    epoch = int(git("log", "-1", "--format=%ct"))
    if git("status", "--porcelain"):
        print("changes that are not committed are not in the release", file=sys.stderr)
    made = []
    for _ in range(2):
        place = Path(tempfile.mkdtemp(prefix="lmzip-release-"))
        try:
            made.append(build(place, epoch, not options.no_isolation))
        finally:
            shutil.rmtree(place)
    first, second = made
    if first != second:
        sys.exit("two builds are not the same: nothing was written")
    options.out.mkdir(parents=True, exist_ok=True)
    for name, data in first.items():
        (options.out / name).write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {name}  {len(data):,} bytes")


if __name__ == "__main__":
    main()
