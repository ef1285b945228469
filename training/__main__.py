"""The command: `python -m training --help`."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from lmzip.codec.levels import PRESETS
from lmzip.codec.mixer.first_weights import formula, unpack_weights
from training import curves
from training import last_stage as stage
from training.corpus import Mixture, read_documents
from training.export import export, ship, stored_weights
from training.features import Shuffled, load, prepare
from training.network import Network
from training.run import Plan, Run, preset_with
from training.validation import bits_per_byte, coded_bits_per_byte

NAMES = sorted({preset.learned for preset in PRESETS.values() if preset.learned})
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

device_option = click.option("--device", default="cpu", help="cpu, or cuda.", show_default=True)


@click.group(epilog="The log of each run that made shipped weights is in training/logs.")
def main() -> None:
    """Make the learned initial weights of lmzip.

    \b
    python -m training train CORPUS/train medium medium.run --megabytes 200
    python -m training validate CORPUS/valid medium.run
    python -m training validate-codec CORPUS/valid 5
    python -m training export medium.run
    python -m training last-stage CORPUS 1 2 3 4 5 6 7 8

    A run that was interrupted goes on when it is called again. What `export` writes changes the
    code hash: regenerate the golden archives, and the sizes, by their scripts in tests/.
    """


@main.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("name", type=click.Choice(NAMES))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--threads", default=2, show_default=True, help="Of the processor.")
def features(corpus: Path, name: str, folder: Path, threads: int) -> None:
    """Keep in FOLDER what the slots of NAME say of CORPUS, for a GPU: 242 bytes for each byte."""
    made = prepare(read_documents(corpus), preset_with(name), folder, threads)
    click.echo(f"{len(made.text) / 1e6:.1f} MB, {len(made.documents):,} documents")


@main.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("name", type=click.Choice(NAMES))
@click.argument("run", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--megabytes", type=float, default=200, show_default=True, help="Bytes to read.")
@click.option("--rows", default=16, show_default=True, help="Documents that are read at a time.")
@click.option("--length", default=512, show_default=True, help="Bytes of each in a step.")
@click.option("--peak", default=1.0, show_default=True, help="Times the rates, at their height.")
@click.option("--seed", default=1, show_default=True, help="Of the order of the documents.")
@click.option(
    "--start",
    type=click.Path(exists=True, path_type=Path),
    help="A run that is done, or weights, .npz or .weights, to begin with.",
)
@click.option(
    "--features",
    "kept",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="What `features` made of CORPUS; it must fit into the device's memory.",
)
@click.option("--threads", type=int, help="Of the processor.")
@click.option("--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True)
@click.option("--compile", "compiled", is_flag=True, help="Needs a C++ compiler; a third faster.")
@device_option
def train(
    corpus: Path,
    name: str,
    run: Path,
    megabytes: float,
    rows: int,
    length: int,
    peak: float,
    seed: int,
    start: Path | None,
    kept: Path | None,
    threads: int | None,
    dtype: str,
    compiled: bool,
    device: str,
) -> None:
    """Train the weights NAME on CORPUS; go on with RUN if it exists, by the plan it was begun with.

    The rates fall to 0 at the end, and the second half rounds the weights as their file will.
    """
    if threads:
        torch.set_num_threads(threads)
    if run.exists():
        this = Run.resume(run, device, DTYPES[dtype])
    else:
        plan = Plan(name, int(megabytes * 1e6), rows, length, peak, seed)
        # Of a run the weights as they were learned, which its file rounds.
        weights = _network(start, "cpu", name).weights() if start else None
        this = Run(plan, weights, device, DTYPES[dtype])
    plan = this.plan
    # After a pause documents come in another order: what was read is not kept.
    drawn = plan.rows, plan.length, plan.seed + this.seen
    if kept:
        source = Shuffled(load(kept), *drawn, device)
    else:
        source = Mixture(read_documents(corpus), this.network.preset, *drawn)
    if compiled:
        this.network.compile()
        if kept:
            source.compile()
    if device != "cpu":
        torch.set_float32_matmul_precision("high")
    click.echo(f"{plan}, from {this.seen / 1e6:.2f} MB, {device}, {dtype}")
    this.go_on(source, run, lambda line: click.echo(line))


@main.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("run", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kilobytes", default=100.0, show_default=True, help="Of each kind.")
@device_option
def validate(corpus: Path, run: Path, kilobytes: float, device: str) -> None:
    """Bits per byte of each kind of the documents in CORPUS, by the network alone, frozen."""
    network = _network(run, device)
    network.rounding = True
    for kind, bits in bits_per_byte(network, read_documents(corpus), int(kilobytes * 1e3)).items():
        click.echo(f"{kind:10} {bits:.4f}")


@main.command("validate-codec")
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("level", type=click.IntRange(1, 9))
@click.option("--kilobytes", default=100.0, show_default=True, help="Of each kind.")
def validate_codec(corpus: Path, level: int, kilobytes: float) -> None:
    """Bits per byte of each kind of the documents in CORPUS, by what is shipped at LEVEL.

    First the network alone, which learns as it goes, then the whole codec.
    """
    documents = read_documents(corpus)
    for kind, bits in coded_bits_per_byte(level, documents, int(kilobytes * 1e3)).items():
        click.echo(f"{kind:10} {bits.network:.4f} {bits.whole:.4f}")


@main.command("export")
@click.argument("run", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Else into the codec.")
@click.option(
    "--name", type=click.Choice(NAMES), help="Of weights in a file that is called otherwise."
)
def export_command(run: Path, output: Path | None, name: str | None) -> None:
    """Write the weights of RUN, a run or a file of weights, as a weights file."""
    network = _network(run, "cpu", name)
    named = next(key for key in NAMES if preset_with(key) == network.preset)
    data = export(network.weights(), network.preset)
    if output is None:
        output = ship(named, data)
    else:
        output.parent.mkdir(exist_ok=True)
        output.write_bytes(data)
    click.echo(f"{output}: {len(data):,} bytes")


@main.command("last-stage")
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("levels", nargs=-1, required=True, type=click.IntRange(1, 9))
@click.option("--megabytes", type=float, default=2.5, show_default=True, help="Bytes to read.")
@click.option("--seed", default=7, show_default=True, help="Of the choice of documents.")
def last_stage_command(corpus: Path, levels: tuple[int, ...], megabytes: float, seed: int) -> None:
    """Learn the mixers' first weights of LEVELS with the shipped networks in front, and write them.

    CORPUS has the folders train and valid: what the weights are worth is measured on the latter.
    Half an hour for all levels; 9 has those of 8.
    """
    read, held_out = (read_documents(corpus / part) for part in ("train", "valid"))
    paths: dict[str, tuple[list[stage.Path], ...]] = {}
    for level in levels:
        preset = PRESETS[level]
        if preset.learned not in paths:
            click.echo(f"what {preset.learned} says of {megabytes:g} MB")
            paths[preset.learned] = tuple(
                [stage.path(level, *document) for document in stage.drawn(part, total, seed)]
                for part, total in ((read, int(megabytes * 1e6)), (held_out, 500_000))
            )
        for_learning, for_measuring = paths[preset.learned]
        size = sum(len(path.text) for path in for_learning)
        data = stage.file_of(level, stage.learn(level, for_learning), size)
        before = formula(preset.contexts, preset.sets)
        after = unpack_weights(data, preset.contexts, preset.sets)
        bytes_before, bytes_after = (
            sum(stage.cost(level, path, stage.fresh(level, first)) for path in for_measuring)
            for first in (before, after)
        )
        output = ship(preset.mixer, data)
        click.echo(
            f"level {level}: {output.name}, {len(data):,} bytes; held-out documents "
            f"{bytes_before:,.0f} -> {bytes_after:,.0f} bytes"
        )


@main.command("curves")
@click.argument("logs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A picture.")
def curves_command(logs: tuple[Path, ...], output: Path) -> None:
    """Draw how the bits per byte fell, from the LOGS of runs. Needs matplotlib."""
    curves.plot(list(logs), output)


def _network(path: Path, device: str, name: str | None = None) -> Network:
    if path.suffix in (".npz", ".weights"):
        # The pilot's file is not named after its weights: it has those of the middle network.
        preset = preset_with(name or _named_after(path) or "medium")
        return Network(preset, stored_weights(path, preset), device)
    run = Run.resume(path, device, torch.float32)
    return Network(run.network.preset, run.weights(), device)


def _named_after(path: Path) -> str | None:
    """The weights that a file is named after: of medium.npz, medium-9b0a4d3b.weights."""
    stem = path.stem.split("-")[0]
    return stem if stem in NAMES else None


if __name__ == "__main__":
    main()
