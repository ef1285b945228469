"""Options that commands share, and what the environment says."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from lmzip.cli.report import Console, no_warnings
from lmzip.cli.sizes import Memory, Part
from lmzip.codec.levels import DEFAULT_LEVEL, MAX_LEVEL, MIN_LEVEL
from lmzip.generations import numbered

SUFFIX = ".lmz"
"""What the names of archives end in."""

Decorator = Callable[[Any], Any]


@dataclass(frozen=True)
class Settings:
    """What the options of any command say; a command without an option has its default."""

    files: tuple[str, ...] = ()
    recursive: bool = False
    output: str | None = None
    output_dir: str | None = None
    stdout: bool = False
    force: bool = False
    remove: bool = False
    suffix: str = SUFFIX
    level: int | None = None
    from_scratch: bool = False
    after: tuple[str, ...] = ()
    prior: str | None = None
    generation: int | None = None
    threads: int | None = None
    memory_limit: int | None = None
    frame_size: int | None = None
    part: Part | None = None
    scheduler: str | None = None
    resume: bool = False
    salvage: bool = False
    quick: bool = False
    as_json: bool = False
    quiet: int = 0
    verbose: int = 0
    progress: bool | None = None

    def __post_init__(self) -> None:
        self._take_directory()
        several = len(self.files) > 1 or self.recursive
        if self.output is not None and self.output_dir is not None:
            raise click.UsageError("-o and --output-dir exclude each other")
        if self.output not in (None, "-") and several:
            raise click.UsageError("-o names one output: use --output-dir for several files")
        if self.remove and self.to_stdout:
            raise click.UsageError("--rm needs an output file: standard output may be lost")
        if "-" in self.after:
            raise click.UsageError(
                "--after names a file: standard input is for the data (/dev/stdin is a name for it)"
            )
        if self.prior is not None and self.from_scratch:
            raise click.UsageError("--prior and --from-scratch exclude each other")
        if self.part is not None:
            self._check_part()
        if self.resume and self.scheduler is None:
            raise click.UsageError("--resume goes on with what --scheduler has begun: name it")
        if self.generation is not None and self.scheduler is not None:
            raise click.UsageError("--generation and --scheduler exclude each other")
        if self.remove and self.salvage:
            raise click.UsageError("--rm and --salvage exclude each other: keep what is damaged")

    def _check_part(self) -> None:
        if self.remove or self.salvage:
            raise click.UsageError("--range excludes --rm and --salvage: it is a part of the data")
        if len(self.files) > 1 or self.recursive or self.output_dir is not None:
            raise click.UsageError("--range is for one archive")
        if self.output is None:  # never under the name of the whole
            object.__setattr__(self, "stdout", True)

    def _take_directory(self) -> None:
        """Let `-o` with the name of a directory, or a name that ends as one, be --output-dir."""
        named = self.output
        if named in (None, "-") or self.output_dir is not None:
            return
        if not (os.path.isdir(named) or named.endswith(("/", os.sep))):
            return
        if "-" in (self.files or ("-",)):
            raise click.UsageError(
                f"-o {named} is a directory, and standard input has no name for a file in it: "
                "name the output"
            )
        object.__setattr__(self, "output_dir", named)
        object.__setattr__(self, "output", None)

    @property
    def to_stdout(self) -> bool:
        return self.stdout or self.output == "-"

    def console(self) -> Console:
        """Where messages go."""
        progress = False if self.progress is None and self.quiet else self.progress
        if self.verbose < self.quiet:
            no_warnings()
        return Console(self.verbose - self.quiet, progress)

    def model_options(self) -> dict[str, int | None]:
        """Keyword arguments of compressors and decompressors. 0 stands for no bound."""
        return {"threads": self.threads or None, "memory_limit": self.memory_limit or None}

    def chosen_prior(self) -> str | None:
        """The prior asked for, or that of LMZIP_PRIOR, unless it is to be from scratch."""
        return self.prior or (not self.from_scratch and os.environ.get("LMZIP_PRIOR")) or None

    def chosen_level(self, usual: int = DEFAULT_LEVEL) -> int:
        """The level asked for, or that of LMZIP_LEVEL, or the usual one."""
        if self.level is not None:
            return self.level
        wanted = os.environ.get("LMZIP_LEVEL") or str(usual)
        if wanted not in map(str, range(MIN_LEVEL, MAX_LEVEL + 1)):
            raise click.UsageError(
                f"LMZIP_LEVEL is {wanted!r}, but levels are {MIN_LEVEL} to {MAX_LEVEL}: "
                "change it or unset it"
            )
        return int(wanted)


def level_options(command: Any) -> Any:
    """-1 to -9, --fast, --best."""
    for level in range(MAX_LEVEL, MIN_LEVEL - 1, -1):
        names = {MIN_LEVEL: ("-1", "--fast"), MAX_LEVEL: ("-9", "--best")}
        words = {
            MIN_LEVEL: "Fastest level.",
            MAX_LEVEL: f"Smallest archive. All levels from -1 to -9 exist; the default is "
            f"-{DEFAULT_LEVEL}.",
        }
        command = click.option(
            *names.get(level, (f"-{level}",)),
            "level",
            flag_value=level,
            type=int,
            hidden=level not in words,
            help=words.get(level),
        )(command)
    return command


scratch_option = click.option(
    "--from-scratch",
    is_flag=True,
    help="Begin without the weights that the model learned beforehand.",
)


NAME = click.Path(allow_dash=True, readable=False)
"""A name of which nothing is demanded: what is wrong with a file must not stop the others."""

after_option = click.option(
    "--after",
    type=NAME,
    multiple=True,
    metavar="OLD",
    help="Let the model read OLD first, such as an earlier version: a file that both sides have, "
    "and that restoring needs again, unchanged. Several, each with its --after, are read in the "
    "order given; of more than 16 MiB, the last.",
)

prior_option = click.option(
    "--prior",
    type=NAME,
    metavar="PRIOR",
    help="Begin with what `lmzip train` has learned: a file that both sides have. When restoring, "
    "those beside the archive and in ~/.local/share/lmzip/priors are looked at too.",
)


def _known(ctx: click.Context, param: click.Parameter, number: int | None) -> int | None:
    try:
        return None if number is None else numbered(number).number
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


generation_option = click.option(
    "--generation",
    type=int,
    metavar="N",
    callback=_known,
    help="Write as generation N of the codec, for an older lmzip, which has no newer one; "
    "`lmzip --version` names the newest, which writes otherwise.",
)


def _together(*decorators: Decorator) -> Decorator:
    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


file_options = _together(
    click.argument("files", nargs=-1, type=NAME),
    click.option("-r", "--recursive", is_flag=True, help="Work on all files in directories."),
)

output_options = _together(
    click.option(
        "-o",
        "--output",
        type=NAME,
        help="Name of the output, or of a directory for it; - is standard output; pipes and "
        "devices are written as they are.",
    ),
    click.option(
        "--output-dir",
        type=click.Path(file_okay=False),
        help="Put outputs into this directory, with the structure found by -r.",
    ),
    click.option("-c", "--stdout", "--to-stdout", is_flag=True, help="Write to standard output."),
    click.option(
        "-f",
        "--force",
        is_flag=True,
        help="Replace outputs, follow symbolic links, use terminals, compress .lmz files; with "
        "-dc, also pass on what is no archive.",
    ),
    click.option(
        "--rm/--keep",
        " /-k",
        "remove",
        default=False,
        help="Remove each input once its output is on the disk; the default is to keep it.",
    ),
)

cluster_options = _together(
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Let the workers of a Dask cluster do it, a frame each, such as tcp://host:8786; "
        "FILES may then be any URLs that fsspec opens.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="With --scheduler, go on with what an interrupted run has left beside the output.",
    ),
)

model_options = _together(
    click.option(
        "-T",
        "--threads",
        type=click.IntRange(min=0),
        metavar="N",
        envvar="LMZIP_THREADS",
        help="Processor threads at most, 0 for as many as are useful; never changes a byte.",
    ),
    click.option(
        "-M",
        "--memory-limit",
        type=Memory(),
        metavar="SIZE",
        help="Refuse what needs more memory than this, such as 800M or 2G.",
    ),
)

talk_options = _together(
    click.option("-q", "--quiet", count=True, help="No warnings; -qq no errors either."),
    click.option("-v", "--verbose", count=True, help="A line for each file; -vv says more."),
    click.option(
        "--progress/--no-progress",
        default=None,
        help="Show a progress bar; the default is to do so on a terminal.",
    ),
)
