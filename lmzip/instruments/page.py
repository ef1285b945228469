"""Reports as one HTML page that needs nothing else: no script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import lmzip
from lmzip.instruments import colouring, plots
from lmzip.instruments.comparison import overtakings, regrets
from lmzip.instruments.lengths import Chunk, Report

STYLE = """
body{font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;color:#222;background:#fff;
 max-width:60rem;margin:2rem auto;padding:0 1.5rem}
h1{font-size:1.5rem;margin:0 0 .2rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2.2rem 0 .6rem;border-top:1px solid #ddd;padding-top:1rem}
p{margin:.4rem 0}.note{color:#666;font-size:.87rem}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(12.5rem,1fr));gap:.7rem;
 margin:1.2rem 0}
dl div{background:#f4f6f7;border-radius:6px;padding:.6rem .8rem}
dt{color:#666;font-size:.8rem}dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums}
dd small{display:block;font-size:.78rem;color:#666}
svg{max-width:100%;height:auto;display:block}
pre,td.text{font:12.5px/1.55 "DejaVu Sans Mono",Menlo,Consolas,monospace}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #ddd;border-radius:6px;
 padding:.8rem;margin:.5rem 0;tab-size:4}
td.text{white-space:pre-wrap;overflow-wrap:anywhere;tab-size:4}
i{font-style:normal;unicode-bidi:isolate}u{color:#7a8a99;text-decoration:none}
b{font-weight:normal}b::before{content:"\\21b5";color:#9aa}
.c7 u,.c7 b::before{color:#fff}
.legend{font-size:.83rem}.legend i{border:1px solid #ddd;border-radius:3px;padding:.05rem .4rem;
 white-space:nowrap}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
th{color:#666;font-weight:normal;text-align:right;font-size:.83rem}
td{text-align:right;border-top:1px solid #eee;vertical-align:top}
th,td{padding:.25rem .6rem}th:last-child.text,td.text{text-align:left}
"""


def report_page(name: str, report: Report) -> str:
    """The page of `lmzip report --html`. Raises RefusedError if matplotlib is missing."""
    stored = sum(block.stored for block in report.blocks)
    start = ", from scratch" if report.from_scratch else ""
    if report.prior is not None:
        start = f", with the prior {report.prior.name}"
    cards = [
        ("code length", f"{report.bits:,.0f} bits", f"{_bits(report.bits_per_byte)} per byte"),
        ("data", f"{len(report.data):,} bytes", ""),
        ("archive", f"{report.archive_size:,} bytes", f"{report.payload:,} of them payload"),
        (
            "|F|, the program",
            f"{report.program_bits:,} bits",
            "sources, lzma -9e" if start else "sources and learned weights, lzma -9e",
        ),
        ("whole description", f"{report.description_bits:,.0f} bits", "code length and |F|"),
        ("final loss", f"{_bits(report.final_loss)} bits", "per byte, over the last tenth"),
        ("cost of learning", f"{report.learning_bits:,.0f} bits", "above the final loss"),
        ("time", f"{report.seconds:,.2f} s", f"{_rate(report):,.0f} bytes per second"),
    ]
    body = [f"<h1>{escape(name)}</h1>", f"<p class=note>lmzip {lmzip.__version__}, "
            f"level {report.level}{start}: what each byte costs a model that learns while it "
            "compresses</p>", _cards(cards)]  # fmt: skip
    if stored:
        body.append(f"<p>{stored:,} of {len(report.blocks):,} blocks are stored as they are: "
                    "8 bits for each byte.</p>")  # fmt: skip
    if not report.data:
        return _page(name, [*body, "<p>The file is empty.</p>"])
    body += ["<h2>Learning</h2>", plots.svg(plots.learning_curves([report]))]
    body += ["<h2>Comparison</h2>", plots.svg(plots.coders(report))]
    body.append("<h2>The parts of the model</h2>")
    if report.parts:
        body.append(plots.svg(plots.parts(report)))
        body.append("<p class=note>Each part is left out of the predictions that all made "
                    "together, to first order. What two parts both know is missed in neither, so "
                    "the bytes do not add up.</p>")  # fmt: skip
    else:
        body.append("<p>Every block is stored as it is: no part helped.</p>")
    for title, surprising in (("Most", True), ("Least", False)):
        body.append(f"<h2>{title} surprising passages</h2>")
        body.append(_passages(report, report.passages(surprising=surprising)))
    body += ["<h2>What each byte costs</h2>", colouring.legend(), *_text(report)]
    return _page(name, body)


def comparison_page(found: Mapping[str, Sequence[Report]]) -> str:
    """The page of `lmzip compare --html`. Raises RefusedError if matplotlib is missing."""
    body = ["<h1>Levels compared</h1>"]
    for name, reports in found.items():
        body.append(f"<h2>{escape(name)}, {len(reports[0].data):,} bytes</h2>")
        body.append(_comparison(reports))
        for overtaking in overtakings(reports):
            body.append(
                f"<p class=note>Level {overtaking.level} does not overtake level "
                f"{overtaking.overtaken}.</p>"
                if overtaking.at is None
                else f"<p class=note>Level {overtaking.level} overtakes level "
                f"{overtaking.overtaken} after {overtaking.at:,} bytes.</p>"
            )
        body.append(plots.svg(plots.learning_curves(reports)))
        body.append(plots.svg(plots.regret_curves(reports)))
    return _page("levels compared", body)


def _page(title: str, body: Iterable[str]) -> str:
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)} - lmzip</title>",
            f"<style>{STYLE}{colouring.style()}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _cards(cards: Iterable[tuple[str, str, str]]) -> str:
    items = [
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(more)}</small></dd></div>"
        for name, value, more in cards
    ]
    return "<dl>" + "".join(items) + "</dl>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], last: str = "") -> str:
    """Cells are HTML; the last column has the class `last`."""
    lines = []
    for tag, cells in [("th", head), *(("td", row) for row in rows)]:
        *first, end = cells
        line = "".join(f"<{tag}>{cell}</{tag}>" for cell in first)
        lines.append(f'<tr>{line}<{tag} class="{last}">{end}</{tag}></tr>')
    return "<table>" + "\n".join(lines) + "</table>"


def _comparison(reports: Sequence[Report]) -> str:
    head = ("level", "code length, bits", "per byte", "archive, bytes", "regret, bits",
            "final loss", "cost of learning, bits", "bytes per second")  # fmt: skip
    rows = [
        (
            report.name,
            f"{report.bits:,.0f}",
            _bits(report.bits_per_byte),
            f"{report.archive_size:,}",
            f"{regret:,.0f}",
            _bits(report.final_loss),
            f"{report.learning_bits:,.0f}",
            f"{_rate(report):,.0f}",
        )
        for report, regret in zip(reports, regrets(reports), strict=True)
    ]
    return _table(head, rows)


def _passages(report: Report, chunks: Sequence[Chunk]) -> str:
    rows = [
        (
            f"{chunk.start:,}",
            _bits(chunk.bits_per_byte),
            colouring.coloured(report, chunk.start, chunk.stop, row=20, places=False),
        )
        for chunk in chunks
    ]
    return _table(("at byte", "bits per byte", "passage"), rows, "text")


def _text(report: Report) -> Iterable[str]:
    size = len(report.data)
    ranges = colouring.shown_ranges(size)
    shown = sum(stop - start for start, stop in ranges)
    if shown < size:
        yield (f"<p class=note>{shown:,} of {size:,} bytes are shown: the first and the last "
               f"{shown // 2:,}.</p>")  # fmt: skip
    for i, (start, stop) in enumerate(ranges):
        if i:
            yield f"<p class=note>{start - ranges[i - 1][1]:,} bytes are left out here.</p>"
        yield f"<pre>{colouring.coloured(report, start, stop)}</pre>"


def _bits(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _rate(report: Report) -> float:
    return len(report.data) / max(report.seconds, 1e-9)
