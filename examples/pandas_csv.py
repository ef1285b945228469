"""A table in a compressed CSV file, written and read by pandas."""

import tempfile
from pathlib import Path

import pandas as pd

import lmzip

tides = pd.DataFrame(
    {"hour": range(24), "metres": [round(h * (24 - h) / 50, 2) for h in range(24)]}
)

with tempfile.TemporaryDirectory() as place:
    name = Path(place) / "tides.csv.lmz"
    with lmzip.open(name, "wt", level=1, newline="") as file:
        tides.to_csv(file, index=False)
    with lmzip.open(name) as file:
        again = pd.read_csv(file)

assert again.equals(tides)
print(len(again), "rows, highest", again["metres"].max())
