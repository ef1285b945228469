"""Reports, comparisons, scores and distances as text."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence

from lmzip.cli import tables
from lmzip.instruments import visible
from lmzip.instruments.comparison import overtakings, regrets
from lmzip.instruments.lengths import Chunk, Report
from lmzip.instruments.likeness import Score
from lmzip.instruments.payoff import Payoff

PARTS, PASSAGES, BAR = 12, 4, 32
"""Rows of the longest tables, characters of the longest bar."""


def report(name: str, told: Report, both: Payoff) -> Iterator[str]:
    """Lines that tell all that a report says but the costs of single bytes, and whether the learned
    weights pay."""
    stored = sum(block.stored for block in told.blocks)
    began = ", from scratch" if told.from_scratch else ""
    if told.prior is not None:
        began = f", with the prior {told.prior.name}"
    yield f"{name}, level {told.level}{began}"
    yield ""
    for title, text in (
        ("data", f"{len(told.data):,} bytes"),
        ("archive", f"{told.archive_size:,} bytes, {told.payload:,} of them payload"),
        ("blocks", f"{len(told.blocks):,}, {stored:,} of them stored as they are"),
        ("code length", f"{told.bits:,.1f} bits, {_bits(told.bits_per_byte)} per byte"),
        ("|F|", f"{told.program_bits:,} bits: {_program(told)}, packed by lzma -9e"),
        ("whole description", f"{told.description_bits:,.1f} bits: code length and |F|"),
        ("final loss", f"{_bits(told.final_loss)} bits per byte, over the last tenth"),
        ("cost of learning", f"{told.learning_bits:,.1f} bits: code length above the final loss"),
        ("time", f"{told.seconds:,.2f} s, {_speed(told)}"),
    ):
        yield f"{title:18} {text}"
    if not told.data:
        return
    yield from _section("learned weights, or from scratch", _payoff(both))
    yield from _section("learning curve: bits per byte of each chunk", _curve(told.curve()))
    yield from _section("how bytes are coded", _tiers(told))
    yield from _section("what each part of the model saves", _parts(told))
    yield from _section("beside other compressors", _others(told))
    for title, surprising in (("most surprising", True), ("least surprising", False)):
        found = told.passages(PASSAGES, surprising=surprising)
        yield from _section(f"{title} passages", _passages(told, found))


def comparison(name: str, reports: Sequence[Report]) -> Iterator[str]:
    """Lines that compare several levels on one file."""
    head = ("level", "bits", "bpb", "archive", "regret", "final loss", "learning", "kB/s")
    rows = [
        (
            f"-{told.name}",
            f"{told.bits:,.1f}",
            _bits(told.bits_per_byte),
            f"{told.archive_size:,}",
            f"{regret:,.1f}",
            _bits(told.final_loss),
            f"{told.learning_bits:,.1f}",
            f"{len(told.data) / 1e3 / max(told.seconds, 1e-9):,.1f}",
        )
        for told, regret in zip(reports, regrets(reports), strict=True)
    ]
    yield from _section(f"{name}, {len(reports[0].data):,} bytes", tables.lines(head, rows, 0))
    for overtaking in overtakings(reports):
        pair = f"level {overtaking.level}", f"level {overtaking.overtaken}"
        if overtaking.at is None:
            yield f"{pair[0]} does not overtake {pair[1]}"
        else:
            yield f"{pair[0]} overtakes {pair[1]} after {overtaking.at:,} bytes"


def scores(names: Sequence[str], found: Sequence[Score]) -> Iterator[str]:
    """A table of candidates, the most alike first."""
    order = sorted(range(len(found)), key=lambda i: found[i].difference)
    rows = [
        (
            f"{found[i].difference:+.4f}",
            f"{found[i].primed_bits / max(found[i].size, 1):.4f}",
            f"{found[i].scratch_bits / max(found[i].size, 1):.4f}",
            f"{found[i].size:,}",
            names[i],
        )
        for i in order
    ]
    yield from tables.lines(("difference", "primed", "scratch", "bytes", "name"), rows, -1)


def distances(names: Sequence[str], found: Sequence[Sequence[float]]) -> Iterator[str]:
    """One number for two files, a matrix for more."""
    if len(names) == 2:
        yield f"{found[0][1]:.4f}"
        return
    numbers = [str(i + 1) for i in range(len(names))]
    rows = [
        (number, *(f"{value:.3f}" for value in row), name)
        for number, row, name in zip(numbers, found, names, strict=True)
    ]
    yield from tables.lines(("", *numbers, "name"), rows, -1)


def _program(told: Report) -> str:
    if told.from_scratch:
        return "the codec's sources"
    prior = "" if told.prior is None else ", and the prior"
    return f"the codec's sources and learned weights{prior}"


def _payoff(both: Payoff) -> Iterator[str]:
    rows = [
        (name, f"{told.bits:,.0f}", f"{told.program_bits:,}", f"{told.description_bits:,.0f}")
        for name, told in (("learned", both.learned), ("scratch", both.scratch))
    ]
    yield from tables.lines(("from", "code length", "|F|", "both, bits"), rows, 0)
    if both.break_even is None:
        yield "the learned weights save nothing here"
    elif both.extrapolated:
        each = both.saved_bits / len(both.learned.data)
        yield f"the learned weights pay from about {both.break_even:,} bytes on, all like these:"
        yield f"extrapolated from {each:.3f} bits saved per byte, which falls as data grow"
    else:
        yield f"the learned weights pay from {both.break_even:,} bytes on"


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield title
    yield from ("  " + line for line in lines)


def _curve(chunks: Sequence[Chunk]) -> Iterator[str]:
    """Bars on a logarithmic axis, which starts at the power of two below the smallest."""
    floor = 2.0 ** math.floor(math.log2(max(min(c.bits_per_byte for c in chunks), 2**-10)))
    top = max(max(chunk.bits_per_byte for chunk in chunks), 2 * floor)
    rows = []
    for chunk in chunks:
        share = math.log(max(chunk.bits_per_byte / floor, 1)) / math.log(top / floor)
        bar = "#" * round(BAR * share)
        rows.append((f"{chunk.start:,}", f"{chunk.stop:,}", _bits(chunk.bits_per_byte), bar))
    yield from tables.lines(("from", "to", "bpb", f"logarithmic, from {floor:g}"), rows, -1)


def _tiers(told: Report) -> Iterator[str]:
    if not told.tiers:
        yield "no block is coded"
        return
    count = sum(tier.count for tier in told.tiers)
    rows = [
        (
            tier.way,
            f"{tier.count:,}",
            f"{100 * tier.count / count:.1f} %",
            f"{tier.bits:,.1f}",
            _bits(tier.bits / tier.count if tier.count else None),
            "-" if tier.seconds is None else f"{tier.seconds:,.2f}",
        )
        for tier in told.tiers
    ]
    head = ("by", "bytes", "share", "bits", "bits per byte", "seconds")
    yield from tables.lines(head, rows, 0)


def _parts(told: Report) -> Iterator[str]:
    if not told.parts:
        yield "nothing: every block is stored as it is"
        return
    rows = [(name, f"{bits:,.0f}") for name, bits in told.parts.items()]
    first, rest = rows[:PARTS], rows[PARTS:]
    if rest and "transformer" in (names := dict(rest)):
        first.append(("transformer", names["transformer"]))
    yield from tables.lines(("without it", "bits more"), first, 0)
    if len(rows) > len(first):
        yield f"and {len(rows) - len(first)} more: see --json or --html"


def _others(told: Report) -> Iterator[str]:
    sizes = {f"lmzip -{told.name}": told.archive_size, **told.others}
    rows = [
        (name, f"{size:,}", _bits(8 * size / len(told.data)))
        for name, size in sorted(sizes.items(), key=lambda item: item[1])
    ]
    yield from tables.lines(("coder", "bytes", "bpb"), rows, 0)


def _passages(told: Report, chunks: Sequence[Chunk]) -> Iterator[str]:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    rows = []
    for chunk in chunks:
        text = visible.line(told.data, chunk.start, chunk.stop, text=told.is_text)
        shown = text.encode(encoding, "backslashreplace").decode(encoding)
        rows.append((f"{chunk.start:,}", _bits(chunk.bits_per_byte), shown))
    yield from tables.lines(("at", "bpb", "text"), rows, -1)


def _bits(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _speed(told: Report) -> str:
    return f"{len(told.data) / max(told.seconds, 1e-9):,.0f} bytes per second, while measuring"
