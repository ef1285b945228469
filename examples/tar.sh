#!/bin/sh
# A directory as one archive, with GNU tar: -I names the program that (de)compresses.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

tar -C "$here" -I 'lmzip -1' -cf "$place/sea.tar.lmz" sea.txt
tar -C "$place" -I lmzip -xf "$place/sea.tar.lmz"
cmp "$place/sea.txt" "$here/sea.txt"
lmzip list "$place/sea.tar.lmz"
