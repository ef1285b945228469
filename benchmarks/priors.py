"""Priors beside zstd's dictionaries: small files of one kind, each compressed by itself.

    python benchmarks/priors.py json=FILE log=FILE csv=FILE mail=FOLDER code=FOLDER

Each argument is a kind and where it is:

    json=FILE   objects of 500 to 2,000 bytes, cut from the JSON documents in a file, between NULs
    log=FILE    lines in groups of 20; so csv=FILE
    mail=FILE   mails in threads between NULs, those of the sender that has most bytes
    code=FOLDER files of source text

Half of the samples, by chance, is learned from; of the other half `--test` samples are compressed.
Bytes of archives are summed up; what is learned, dictionary or prior, is not counted in them but
shown. Needs the command zstd. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lmzip
from lmzip.prior import SIZE, TEXT
from lmzip.priors.training import train

LINES = 20
SHORTEST, LONGEST, ENOUGH = 500, 2000, 800
"""Bytes of a JSON object; of small members so many together make one."""
DICTIONARY = 112_640
"""Bytes of a dictionary of zstd, its default."""
SOURCES = (".py", ".c", ".h", ".js", ".rs", ".go", ".java", ".ts", ".md", ".toml")


def objects(path: Path) -> Iterator[bytes]:
    """Cut from all documents."""
    for document in path.read_bytes().split(b"\0"):
        try:
            value = json.loads(document)
        except ValueError:
            continue
        if isinstance(value, (dict, list)):
            yield from _inside(value) if len(_text(value)) > LONGEST else [_text(value)]


def _text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _inside(value: dict | list) -> Iterator[bytes]:
    """Objects in one that is too large: its members, small ones several together."""
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    waiting: list[tuple[object, object]] = []

    def together() -> bytes:
        keyed = isinstance(value, dict)
        return _text(dict(waiting) if keyed else [member for _, member in waiting])

    for key, member in pairs:
        size = len(_text(member))
        if size > LONGEST:
            if isinstance(member, (dict, list)):
                yield from _inside(member)
        elif size >= SHORTEST and isinstance(member, dict):
            yield _text(member)
        else:
            waiting.append((key, member))
            if len(together()) > LONGEST:
                waiting.pop()
                yield together()
                waiting = [(key, member)]
            elif len(together()) > ENOUGH:
                yield together()
                waiting = []
    if waiting:
        yield together()


def json_samples(path: Path) -> list[bytes]:
    return [found for found in objects(path) if SHORTEST <= len(found) <= LONGEST]


def groups_of_lines(path: Path) -> list[bytes]:
    lines = path.read_bytes().replace(b"\0", b"\n").splitlines(keepends=True)
    return [b"".join(lines[i : i + LINES]) for i in range(0, len(lines) - LINES + 1, LINES)]


def mails(path: Path) -> list[bytes]:
    """Those of the sender that has most bytes, shorter than 16 kB."""
    found: dict[bytes, list[bytes]] = {}
    for thread in path.read_bytes().split(b"\0"):
        for mail in re.split(rb"\n(?=From: )", thread):
            address = re.match(rb"From: .*?([\w.+-]+@[\w.-]+)", mail)
            if address and 200 < len(mail) < 16384:
                found.setdefault(address[1], []).append(mail)
    return max(found.values(), key=lambda mails: sum(map(len, mails)))


def sources(path: Path) -> list[bytes]:
    """Those shorter than 16 kB."""
    files = sorted(found for found in path.rglob("*") if found.suffix in SOURCES)
    return [data for data in (file.read_bytes() for file in files) if 200 < len(data) < 16384]


KINDS: dict[str, Callable[[Path], list[bytes]]] = {
    "json": json_samples,
    "log": groups_of_lines,
    "csv": groups_of_lines,
    "mail": mails,
    "code": sources,
}


def with_zstd(learned: Sequence[bytes], tested: Sequence[bytes]) -> tuple[int, int, int]:
    """Bytes of zstd -19 without and with a dictionary, and of the dictionary."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, samples in (("learned", learned), ("tested", tested)):
            (folder / kind).mkdir()
            for i, sample in enumerate(samples):
                (folder / kind / f"{i:06}").write_bytes(sample)
        dictionary = folder / "dictionary"
        command = ["zstd", "-q", "--train", "-19", f"--maxdict={DICTIONARY}", "-o", dictionary]
        subprocess.run([*command, "-r", folder / "learned"], check=True)
        totals = []
        for options in ([], ["-D", dictionary]):
            total = 0
            for path in sorted((folder / "tested").iterdir()):
                command = ["zstd", "-q", "-19", "--ultra", "-c", *options, path]
                total += len(subprocess.run(command, capture_output=True, check=True).stdout)
            totals.append(total)
        return totals[0], totals[1], dictionary.stat().st_size


@contextmanager
def said(name: str, size: int) -> Iterator[Callable[[int], object]]:
    """What goes on, on standard error."""
    start = time.perf_counter()
    yield lambda done: None
    print(f"  {name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def row(kind: str, samples: list[bytes], options: argparse.Namespace) -> str:
    """A line of the table."""
    samples = list(dict.fromkeys(samples))
    random.Random(options.seed).shuffle(samples)
    samples = samples[: options.samples]
    half = len(samples) // 2
    learned, tested = samples[:half], samples[half:][: options.test]
    print(f"{kind}: {half} and {len(tested)} samples", file=sys.stderr, flush=True)
    plain, with_dictionary, dictionary = with_zstd(learned, tested)
    start = time.perf_counter()
    prior = lmzip.Prior(
        train(learned, options.level, size=options.size, text_size=options.text, told=said).data
    )
    minutes = (time.perf_counter() - start) / 60
    without = with_prior = 0
    for data in tested:
        without += len(lmzip.compress(data, options.level))
        archive = lmzip.compress(data, options.level, prior=prior)
        with_prior += len(archive)
        if options.check and lmzip.decompress(archive, prior=prior) != data:
            raise AssertionError("another file comes back")
    size, read = sum(map(len, tested)), sum(map(len, learned))
    pays = prior.size * size / (without - with_prior) if with_prior < without else float("inf")
    cells = (
        kind, f"{half:,}", f"{read:,}", f"{len(tested):,}", f"{size:,}", f"{plain:,}",
        f"{with_dictionary:,}", f"{dictionary:,}", f"{without:,}", f"{with_prior:,}",
        f"{prior.size:,}", f"{1 - with_prior / with_dictionary:.1%}",
        f"{1 - with_prior / without:.1%}", f"{pays:,.0f}", f"{minutes:.1f}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


HEAD = (
    "kind", "learned", "bytes", "tested", "bytes", "zstd -19", "with dictionary", "(bytes of it)",
    "lmzip", "with prior", "(bytes of it)", "of zstd", "of lmzip", "pays from", "minutes",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Priors beside zstd's dictionaries.")
    parser.add_argument("kinds", nargs="+", metavar="KIND=PATH")
    parser.add_argument("--samples", type=int, default=2000, help="of each kind at most")
    parser.add_argument("--test", type=int, default=1000, help="of each kind at most")
    parser.add_argument("--size", type=int, default=SIZE, help="of a prior at most, bytes")
    parser.add_argument("--text", type=int, default=TEXT, help="of its text at most, bytes")
    parser.add_argument("--level", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true", help="restore too, and compare")
    options = parser.parse_args()
    print("| " + " | ".join(HEAD) + " |")
    print("|---" + "|---:" * (len(HEAD) - 1) + "|")
    for argument in options.kinds:
        kind, _, path = argument.partition("=")
        print(row(kind, KINDS[kind](Path(path)), options), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
