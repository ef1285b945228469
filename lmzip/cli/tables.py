"""Tables of text in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Row = Sequence[str]


def lines(head: Row, rows: Iterable[Row], left: int) -> Iterator[str]:
    """Lines of a table: numbers to the right, column `left` to the left."""
    cells = [head, *rows]
    left %= len(head)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [
            cell.ljust(width) if i == left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(padded).rstrip()
