"""The command: `lmzip compress FILE`, `lmzip decompress FILE.lmz`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click

import lmzip
from lmzip.codec import code_hash
from lmzip.codec.presets import DEFAULT_LEVEL, MAX_LEVEL, MIN_LEVEL
from lmzip.container import CODE_SIZE
from lmzip.errors import LMZError, RefusedError
from lmzip.files import atomic_output, discard_unfinished
from lmzip.process import discard_output, end_cleanly_when_told, occupy_closed_streams
from lmzip.progress import announce_compilation, progress_bar
from lmzip.salvage import Salvage, salvage_chunks
from lmzip.scan import check_ahead
from lmzip.stream import LMZCompressor, compress_chunks, decompress_chunks

SUFFIX = ".lmz"
CHUNK = 1 << 16


def _levels(command: click.Command) -> click.Command:
    for level in range(MAX_LEVEL, MIN_LEVEL - 1, -1):
        word = {MIN_LEVEL: " (fastest)", MAX_LEVEL: " (smallest)", DEFAULT_LEVEL: " (default)"}
        command = click.option(
            f"-{level}",
            "level",
            flag_value=level,
            type=int,
            help=f"Level {level}{word.get(level, '')}.",
        )(command)
    return command


def _common(command: click.Command) -> click.Command:
    for option in (
        click.option("-f", "--force", is_flag=True, help="Overwrite the output."),
        click.option("-c", "--stdout", is_flag=True, help="Write to standard output."),
        click.option("-o", "--output", help="Name of the output; - is standard output."),
        click.argument("file", default="-"),
    ):
        command = option(command)
    return command


def _version(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    """Print the version, and the code that archives of this version name."""
    if wanted:
        click.echo(f"lmzip {lmzip.__version__} (code {code_hash()[:CODE_SIZE].hex()})")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version)
def cli() -> None:
    """Compress files with a transformer that learns while it compresses."""


@cli.command()
@_levels
@_common
def compress(file: str, output: str | None, stdout: bool, force: bool, level: int | None) -> None:
    """Compress FILE to FILE.lmz, or standard input to standard output."""

    def work(chunks: Iterator[bytes], progress) -> Iterator[bytes]:
        return compress_chunks(chunks, LMZCompressor(level or DEFAULT_LEVEL, progress=progress))

    _filter(
        file, output or (None if file == "-" else file + SUFFIX), stdout, force, work, binary=True
    )


@cli.command()
@click.option("--salvage", is_flag=True, help="Of a damaged archive, restore what can be proved.")
@_common
def decompress(file: str, output: str | None, stdout: bool, force: bool, salvage: bool) -> None:
    """Restore FILE.lmz to FILE, or standard input to standard output."""
    if output is None and file != "-" and not stdout:
        if not file.endswith(SUFFIX):
            raise RefusedError(
                f"{file!r} has no {SUFFIX} suffix",
                "so the name of the output is unknown",
                "name it with -o, or use -c",
            )
        output = file[: -len(SUFFIX)]

    report = Salvage()

    def work(chunks: Iterator[bytes], progress) -> Iterator[bytes]:
        if salvage:
            return salvage_chunks(chunks, report, progress=progress)
        return decompress_chunks(chunks, progress=progress)

    _filter(file, output, stdout, force, work, binary=False, check=not salvage)
    if salvage:
        click.echo(f"lmzip: {report}", err=True)
    if report.error is not None:
        raise click.exceptions.Exit(report.error.exit_status)


@cli.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--levels", default="1,5,9", show_default=True, help="Levels, with commas.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def bench(files: tuple[str, ...], levels: str, as_json: bool) -> None:
    """Measure levels beside other compressors on FILES: bytes, speed both ways, memory."""
    import json
    from dataclasses import asdict

    from lmzip.bench import measure, table

    try:
        numbers = [int(level) for level in levels.split(",")]
    except ValueError:
        numbers = [0]
    if not all(MIN_LEVEL <= level <= MAX_LEVEL for level in numbers):
        raise click.UsageError(f"--levels takes numbers from 1 to 9, such as 1,5: not {levels!r}")
    results = measure(files, numbers)
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
    else:
        for line in table(results):
            click.echo(line)


def _filter(
    file: str,
    output: str | None,
    stdout: bool,
    force: bool,
    work,
    binary: bool,
    check: bool = False,
) -> None:
    with ExitStack() as stack:
        total = None
        if file == "-":
            source: BinaryIO = sys.stdin.buffer
        else:
            source = stack.enter_context(open(file, "rb"))
            total = os.fstat(source.fileno()).st_size if binary else None
        if check:
            check_ahead(source)
        if stdout or output in (None, "-"):
            if binary and sys.stdout.isatty() and not force:
                raise RefusedError(
                    "compressed data are not written to a terminal",
                    "they would be unreadable",
                    "redirect them, name an output with -o, or use -f",
                )
            target: BinaryIO = sys.stdout.buffer
        else:
            like = None if file == "-" else os.stat(file)
            target = stack.enter_context(atomic_output(Path(output), overwrite=force, like=like))
        announce_compilation()
        progress = stack.enter_context(progress_bar(None, file, total))
        for piece in work(iter(lambda: source.read(CHUNK), b""), progress):
            target.write(piece)
        target.flush()


def main() -> int:
    """Run the command; return its exit status."""
    occupy_closed_streams()
    end_cleanly_when_told(discard_unfinished)
    try:
        # Not cli(): that takes an EOFError, such as ours of truncated archives, for an abort.
        with cli.make_context("lmzip", sys.argv[1:]) as context:
            cli.invoke(context)
        return 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 1
    except (click.Abort, KeyboardInterrupt):
        print("lmzip: interrupted; nothing was written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        discard_output()
        return 1
    except FileExistsError as error:
        print(f"lmzip: {error.filename}: exists already; use -f to overwrite it", file=sys.stderr)
        return 1
    except OSError as error:
        discard_output()
        print(f"lmzip: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 1
    except LMZError as error:
        print(f"lmzip: {error}", file=sys.stderr)
        return error.exit_status
    except MemoryError:
        print("lmzip: out of memory: use a lower level, or a larger machine", file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        print(
            "lmzip: this is a bug in lmzip; nothing was written; please report the lines above "
            "with the output of `lmzip --version`",
            file=sys.stderr,
        )
        return 3
