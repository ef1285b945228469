"""Archives from arbitrary bytes: sealed as the format demands, so that fuzzing gets behind it.

A fuzzer never guesses a CRC-32. `sealed_archive` reads its input as a list of what to put into
an archive and of what to damage, and seals every part; what comes out reaches the model.
"""

from __future__ import annotations

import hashlib
import random
import struct
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import lmzip
from lmzip import container, model
from lmzip.after import prefix_of
from lmzip.codec import loop
from lmzip.codec.learned.prior import Differences
from lmzip.codec.levels import PRESETS, Preset
from lmzip.container import (
    ARCHIVE_END,
    CODED,
    NO_DATA,
    SHORT_SIZE,
    STORED,
    BlockHeader,
    Body,
    pack_short,
)
from lmzip.generations import newest
from lmzip.header import DIGEST_SIZE, Form, Header
from lmzip.priors.parts import Parts
from lmzip.series import table_size

BLOCK_SIZE = 64
BITS = {"type": 4, "raw_size": 20, "stored_size": 24, "canary": 16}
"""Of the fields of a block header."""
TINY = Preset(
    width=32,
    layers=1,
    heads=1,
    window=32,
    segment=16,
    learning=1,
    rates=(1e-3, 1e-3, 1e-2),
    learned="",
    mixer="",
    contexts=8,
    sets=3,
    log_buckets=8,
    log_slots=6,
    risks=(1024, 8192, 4096),
)
HEADER = Header(1, newest().code)
AFTER = b"what both sides have, and no archive holds"
PRIOR = lmzip.Prior(Parts(1, newest().code, Differences(), b"what is common, " * 13).pack())
"""Its text is so long that a first block of any size needs the same memory."""
OF_BOTH = Header(1, b"", after=prefix_of(AFTER).needed, prior=PRIOR.digest)
"""Of archives with both."""


def shrink() -> None:
    """Make blocks and the model so small that thousands of archives are read in a second."""
    container.BLOCK_SIZE = BLOCK_SIZE
    PRESETS[1] = TINY


class EchoModel:
    """Stands in for the codec where the container is fuzzed: a thousand times as fast."""

    def __init__(self, *options: object) -> None:
        self.blocks = 0

    def read(self, text: bytes, size: int) -> None:
        self.blocks += len(text)

    def canary(self) -> int:
        return self.blocks & 0xFFFF

    progress = None

    def encode(self, block: bytes) -> bytes:
        self.blocks += 1
        return block.rstrip(b"\0")

    def decode(self, payload: bytes, size: int) -> bytes:
        self.blocks += 1
        return (payload + bytes(size))[:size]


def sealed_archive(
    data: bytes, model: EchoModel | loop.Codec, archive_header: Header = HEADER
) -> bytes:
    """An archive of blocks, or in the short form of one, whose fields are read from `data`, every
    seal being right.

    Each block takes 8 bytes of instructions: type, raw size, stored size, which of its values
    are wrong, and a wrong value; then its stored bytes. What is left follows the archive.
    """
    head = archive_header.pack()
    out, at, before = bytearray(head), 0, NO_DATA
    digest, blocks, more = hashlib.sha256(), 0, True
    while len(data) - at >= 9 and blocks < 4 and more:
        kind, raw_size, size, wrong, value = struct.unpack_from("<BBBBI", data, at)
        at += 8
        stored = data[at : at + size % (BLOCK_SIZE + 1)]
        at += len(stored)
        if kind & 1:
            raw_size = BLOCK_SIZE if kind & 2 else 1 + raw_size % BLOCK_SIZE
            canary = model.canary() & 0xFFFF
            block = model.decode(stored, raw_size)
            header = BlockHeader(CODED, raw_size, len(stored), canary)
        else:
            stored = (stored or b"x").ljust(BLOCK_SIZE if kind & 2 else 1)
            model.canary()
            model.encode(stored)
            block = stored
            header = BlockHeader(STORED, len(stored), len(stored), 0)
        digest.update(block)
        after = digest.digest()[:DIGEST_SIZE]
        if wrong >= 0xF0:
            field = [*BITS, "digest"][wrong % 5]
            if field == "digest":
                after = value.to_bytes(DIGEST_SIZE, "little")
            else:
                header = replace(header, **{field: value % (1 << BITS[field])})
        if archive_header.form == Form.SHORT:
            raw_size = header.raw_size & SHORT_SIZE
            return pack_short(archive_header, raw_size, stored, after) + data[at:]
        out += header.pack(before + head) + Body(stored, after).pack()
        before, blocks, more = after, blocks + 1, header.raw_size == BLOCK_SIZE
    if more:
        out += ARCHIVE_END.pack(before + head)
    return bytes(out) + data[at:]


def seeds() -> dict[str, bytes]:
    """What fuzzing starts from; see `one_input` in `fuzz_decoder.py` for the first byte."""
    rng = random.Random(1)
    text = b"the rain falls on the old stone bridge, " * 6
    data = {
        "empty": b"",
        "one-byte": b"x",
        "short": text[:40] + bytes(3),
        "full-block": text[: BLOCK_SIZE - 1] + b"\0",
        "mixed": text[: BLOCK_SIZE - 1] + b"\0" + rng.randbytes(BLOCK_SIZE) + text[:30] + b"\0",
    }
    found = {"model": b"\0" + lmzip.compress(data["mixed"], level=1)}
    with patch.object(model, "new_codec", EchoModel):
        for name, raw in data.items():
            packed = b"\2" + lmzip.compress(raw, level=1)
            found[name] = packed
            found[f"{name}-twice"] = packed + packed[1:]
            found[f"{name}-cut"] = packed[:-10]
            found[f"{name}-and-more"] = packed + b"more"
        with patch("lmzip.frames.sizes.SMALLEST", 1):
            packed = lmzip.compress(data["mixed"], level=1, frame_size=70)
        found["frames"] = b"\2" + packed
        found["frames-twice"] = b"\2" + packed * 2
        found["frames-cut"] = b"\2" + packed[:-60]
        found["frames-without-table"] = b"\2" + packed[: -table_size(3)]
        found["frames-without-one"] = b"\2" + packed[:20] + packed[150:]
        for name, given in (("prior", {"prior": PRIOR}), ("after", {"after": AFTER})):
            packed = lmzip.compress(data["mixed"], level=1, **given)
            found[name] = b"\6" + packed
            found[f"{name}-twice"] = b"\6" + packed * 2
            found[f"{name}-not-given"] = b"\2" + packed
    both = {"prior": PRIOR, "after": AFTER}
    found["model-both"] = b"\4" + lmzip.compress(data["mixed"], level=1, **both)
    for kinds in ((3, 3, 1), (2, 3, 2, 0), (3, 2, 2, 1), (1,), (0,)):
        blocks = b"".join(bytes([kind, 9, 8, 0, 0, 0, 0, 0]) + rng.randbytes(8) for kind in kinds)
        found[f"blocks-{'-'.join(map(str, kinds))}"] = b"\3" + blocks
        found[f"both-{'-'.join(map(str, kinds))}"] = b"\7" + blocks
        found[f"short-{'-'.join(map(str, kinds))}"] = b"\13" + blocks
        found[f"frame-{'-'.join(map(str, kinds))}"] = b"\23" + blocks
    found["model-blocks"] = b"\1" + bytes([1, 9, 8, 0, 0, 0, 0, 0]) + rng.randbytes(8)
    return found


def main(directory: str) -> None:
    """Write the seeds to a directory."""
    shrink()
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    for name, data in seeds().items():
        (target / name).write_bytes(data)
    print(f"{len(list(target.iterdir()))} seeds in {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
