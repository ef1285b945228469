"""The commands and their help, from which the man page is built too."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

import lmzip
from lmzip.cli import instruments, train
from lmzip.cli.familiar import familiar_options
from lmzip.cli.options import (
    Settings,
    after_option,
    cluster_options,
    file_options,
    generation_option,
    level_options,
    model_options,
    output_options,
    prior_option,
    scratch_option,
    talk_options,
)
from lmzip.cli.sizes import FrameSize, PartOfData
from lmzip.errors import RefusedError
from lmzip.generations import newest

PROGRAM = "lmzip"
ALIASES = {"c": "compress", "d": "decompress", "t": "test", "l": "list"}
COMPLETION = "_LMZIP_COMPLETE"
"""The variable by which a shell asks for completions."""
BARE = "(bare)"
"""What the command is called that runs when none is named."""


class Commands(click.Group):
    """Commands and their aliases; without one, the options of gzip and xz are understood."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if self._is_bare(ctx, args):
            args = [BARE, *args]
        elif args and not ctx.resilient_parsing:
            self._check_word(ctx, args)
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Files, commands, options of the bare command."""
        # Files come first: in bash they replace what stands before them.
        found = [] if incomplete.startswith("-") else [CompletionItem(incomplete, "file")]
        found += super().shell_complete(ctx, incomplete)
        return found + bare.shell_complete(ctx, incomplete)

    def _is_bare(self, ctx: click.Context, args: list[str]) -> bool:
        if not args:
            if ctx.resilient_parsing:
                return False
            return not all(stream.isatty() for stream in (sys.stdin, sys.stdout))
        first = args[0].partition("=")[0]
        own = {name for param in self.get_params(ctx) for name in param.opts}
        return first not in own and self.get_command(ctx, first) is None

    def _check_word(self, ctx: click.Context, args: list[str]) -> None:
        """Refuse a command's word that may be a file's name, as in `lmzip *`.

        No pattern of the shell gives a name twice, or `--`; a directory is no input without -r.
        """
        word, *rest = args
        if self.get_command(ctx, word) is None or word in rest or "--" in rest:
            return
        if os.path.lexists(word) and not os.path.isdir(word):
            raise RefusedError(
                f"{word}: may be a command, or the file of that name here",
                "it stands where a command would",
                f"write `{PROGRAM} -- {word}` for the file, `{PROGRAM} {word} --` for the command",
            )


class BareCommand(click.Command):
    """A command that calls itself as its group does."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        return super().make_context(parent.info_name if parent else info_name, args, **extra)


def _version(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        last = newest()
        told = f"generation {last.number}, code {last.code.hex()}"
        click.echo(f"{PROGRAM} {lmzip.__version__} ({told})")
        ctx.exit()


def _manual(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from lmzip.cli.manual import manual

        click.echo(manual(cli, bare, PROGRAM), nl=False)
        ctx.exit()


def _completion(ctx: click.Context, option: click.Parameter, shell: str | None) -> None:
    if shell is not None:
        kind = get_completion_class(shell)
        assert kind is not None
        click.echo(kind(cli, {}, PROGRAM, COMPLETION).source())
        ctx.exit()


HELP = {"help_option_names": ["-h", "--help"]}

EPILOG = """\
\b
Examples:
  lmzip book.txt                     makes book.txt.lmz, keeps book.txt
  lmzip d book.txt.lmz               restores book.txt
  lmzip -9 < in > out.lmz            from and to a pipe; lmzip -d restores
  tar -I lmzip -cf dir.tar.lmz dir   and tar -I lmzip -xf dir.tar.lmz
  lmzip --after v1.txt v2.txt        what is new in v2.txt; lmzip d --after v1.txt v2.txt.lmz
  lmzip train -o mine.lmp records    learn from many small files; lmzip --prior mine.lmp new
  lmzip --frame-size 4M big          by all processors; lmzip d --range 10M:+64K big.lmz
  lmzip c -r dir --output-dir out    all files of a directory
  lmzip -- *                         also files that are called c, or list, or -x

\b
Environment:
  LMZIP_LEVEL    level when no option gives one
  LMZIP_THREADS  what -T gives otherwise
  LMZIP_PRIOR    what --prior gives otherwise
  LMZIP_ENGINE   cpu, int8 or float32: force an engine; all give the same bits

\b
Exit status:
  0  all is done
  1  usage, a missing file, a full disk
  2  damaged or foreign data, another OLD than an archive was made after, or a prior that is
     missing, damaged, or for another lmzip or level
  3  a bug in lmzip
  Signals, and a closed pipe, end lmzip as they end other programs (SIGINT: 130 in a shell).
"""


_version_option = click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Show the version, and the code that its archives name.",
)  # fmt: skip


@click.group(cls=Commands, context_settings=HELP, epilog=EPILOG)
@_version_option
@click.option(
    "--man", is_flag=True, is_eager=True, expose_value=False, callback=_manual,
    help="Print the manual page: lmzip --man | man -l -",
)  # fmt: skip
@click.option(
    "--completion", type=click.Choice(["bash", "zsh", "fish"]), is_eager=True,
    expose_value=False, callback=_completion,
    help='Print a completion script: eval "$(lmzip --completion bash)"',
)  # fmt: skip
def cli() -> None:
    """Compress files with a transformer that learns while it compresses.

    Commands may be shortened to c, d, t and l. Without a command, lmzip takes the options of
    gzip and xz: it compresses FILES, or standard input to standard output, and -d restores
    them, -t tests them, -l lists them. Behind -- all words are names of files.
    """


_frames = click.option(
    "--frame-size", type=FrameSize(), metavar="SIZE",
    help="Cut the data into frames, such as 4M, that processes (-T) work on at the same time and "
    "that can be read one by one; 1K to 1G.",
)  # fmt: skip


def _compress(settings: Settings) -> int:
    """Here, or by the workers of a cluster; the exit status."""
    if settings.scheduler is not None:
        from lmzip.cli import cluster

        return cluster.run(settings)
    from lmzip.cli.jobs import compress_files

    return compress_files(settings)


def _decompress(settings: Settings) -> int:
    """The same."""
    if settings.scheduler is not None:
        from lmzip.cli import cluster

        return cluster.run(settings, decoding=True)
    from lmzip.cli.jobs import decompress_files

    return decompress_files(settings)


@cli.command(short_help="Compress files, or standard input.")
@file_options
@level_options
@scratch_option
@after_option
@prior_option
@generation_option
@_frames
@cluster_options
@output_options
@familiar_options
@model_options
@talk_options
@click.pass_context
def compress(ctx: click.Context, **options: Any) -> None:
    """Compress each of FILES to FILE.lmz, or standard input to standard output.

    Mode and time of a file are kept. Files whose names end in .lmz are skipped. With --after each
    archive holds only what is new after OLD. With --prior the level is that of PRIOR, and small
    files of the kind that it knows become much smaller. With --frame-size the archive is a little
    larger, and as many processes as -T allows work on it, in both directions.
    """
    ctx.exit(_compress(Settings(**options)))


_salvage = click.option(
    "--salvage", is_flag=True, help="Of a damaged archive, restore what stands before the damage."
)

_part = click.option(
    "--range", "part", type=PartOfData(), metavar="START:STOP",
    help="Restore these bytes of the data only, such as 10M:+64K, to standard output or -o; of "
    "frames only those that hold them are read.",
)  # fmt: skip


@cli.command(short_help="Restore files, or standard input.", context_settings=HELP)
@file_options
@after_option
@prior_option
@output_options
@familiar_options
@_salvage
@_part
@cluster_options
@model_options
@talk_options
@click.pass_context
def decompress(ctx: click.Context, **options: Any) -> None:
    """Restore each FILE.lmz to FILE, or standard input to standard output.

    Several archives in one file are restored as one. The checksums of a file are checked before
    anything is decoded. Of a damaged archive --salvage restores the blocks before the damage,
    says what is lost, and ends with status 2.
    """
    ctx.exit(_decompress(Settings(**options)))


_quick = click.option(
    "--quick", is_flag=True, help="Test the checksums of the stored bytes only, without the model."
)
_json = click.option("--json", "as_json", is_flag=True, help="List as JSON.")


@cli.command(short_help="Check archives, writing nothing.")
@file_options
@after_option
@prior_option
@_quick
@familiar_options
@model_options
@talk_options
@click.pass_context
def test(ctx: click.Context, **options: Any) -> None:
    """Check archives: decode them and compare all checksums, writing nothing."""
    from lmzip.cli.jobs import test_files

    ctx.exit(test_files(Settings(**options)))


@cli.command("list", short_help="Show sizes, ratio, level, checksums.")
@file_options
@_json
@familiar_options
@talk_options
@click.pass_context
def list_(ctx: click.Context, **options: Any) -> None:
    """Show what archives say about themselves, without decoding them.

    Bytes of archive and data, ratio, bits per byte, blocks, level, whether the model began from
    learned weights, with a prior or from scratch, and whether it read other data first (+after:
    they are needed again, as a prior is: -v names them), the first digits of the code hash and of
    the SHA-256 of the data.
    """
    from lmzip.cli.listing import list_files

    ctx.exit(list_files(Settings(**options)))


for _command in (train.train, *instruments.COMMANDS):
    cli.add_command(_command)


_modes = {
    "compress": ("-z", "--compress"),
    "decompress": ("-d", "--decompress", "--uncompress"),
    "test": ("-t", "--test"),
    "list": ("-l", "--list"),
}


@cli.command(BARE, cls=BareCommand, hidden=True, context_settings=HELP)
@file_options
@click.option(*_modes["compress"], "mode", flag_value="compress", help="Compress; the default.")
@click.option(*_modes["decompress"], "mode", flag_value="decompress", help="Restore.")
@click.option(*_modes["test"], "mode", flag_value="test", help="Test.")
@click.option(*_modes["list"], "mode", flag_value="list", help="List.")
@level_options
@scratch_option
@after_option
@prior_option
@generation_option
@_frames
@cluster_options
@output_options
@familiar_options
@_salvage
@_part
@_quick
@_json
@model_options
@talk_options
@click.pass_context
def bare(ctx: click.Context, mode: str | None, **options: Any) -> None:
    """Compress FILES, or standard input to standard output; or restore, test, list them."""
    from lmzip.cli import jobs, listing

    work = {
        "compress": _compress,
        "decompress": _decompress,
        "test": jobs.test_files,
        "list": listing.list_files,
    }
    for name in ("after", "prior"):
        if mode == "list" and options[name]:
            raise click.UsageError(f"--{name} is for compressing, restoring and testing")
    if mode in ("test", "list") and options["scheduler"]:
        raise click.UsageError("--scheduler is for compressing and restoring")
    ctx.exit(work[mode or "compress"](Settings(**options)))


for _command in cli.commands.values():
    _version_option(_command)
