"""The pictures of `lmzip report` and `lmzip compare`, from the library.

pictures.py [FILE [DIRECTORY]]: in a notebook the figures show themselves.
"""

import sys
import tempfile
from pathlib import Path

import lmzip
from lmzip.instruments import plots

here = Path(__file__).parent
data = Path(sys.argv[1] if len(sys.argv) > 1 else here / "sea.txt").read_bytes()
place = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())

reports = [lmzip.report(data, level) for level in (1, 2)]
figures = {
    "learning": plots.learning_curves(reports[:1]),
    "coders": plots.coders(reports[0]),
    "parts": plots.parts(reports[0]),
    "levels": plots.learning_curves(reports),
    "regret": plots.regret_curves(reports),
}
for name, figure in figures.items():
    figure.savefig(place / f"{name}.png", dpi=150)
    print(f"{name}.png")

worst = int(reports[0].costs.argmax())  # costs: float64, bits of each byte
print(f"the dearest byte is {data[worst : worst + 1]!r}", file=sys.stderr)
print(f"{reports[0].payload} bytes for {len(data)}", file=sys.stderr)
