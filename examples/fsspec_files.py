"""Archives wherever fsspec reaches: here in memory; s3://, https:// and others are the same."""

import fsspec

import lmzip

lmzip.register_fsspec()

with fsspec.open("memory://log.txt.lmz", "wt", compression="lmzip") as file:
    for number in range(100):
        file.write(f"line {number}\n")

# The name ends in .lmz, so the compression can be inferred.
with fsspec.open("memory://log.txt.lmz", "rt", compression="infer") as file:
    print(sum(1 for line in file), "lines")
