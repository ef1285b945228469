#!/bin/sh
# lmzip between other programs: it reads standard input and writes standard output.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

seq 1 300 | lmzip -1 > "$place/numbers.lmz"
lmzip -d < "$place/numbers.lmz" | tail -n 1

# Archives one after the other are one archive.
echo and so on | lmzip -1 >> "$place/numbers.lmz"
lmzcat "$place/numbers.lmz" | tail -n 2
