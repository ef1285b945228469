"""Archives taken apart, and put together again with right CRCs, whatever was changed meanwhile."""

from __future__ import annotations

from dataclasses import replace

from lmzip import container
from lmzip.container import ARCHIVE_END, BlockHeader, Body, Parser, pack_short
from lmzip.header import Form, Header

Blocks = list[tuple[BlockHeader, Body]]


def take_apart(archive: bytes) -> tuple[Header, Blocks]:
    """The header and the blocks of one archive; not the end, which they tell."""
    parser, blocks, at = Parser(), [], 0
    while not parser.done:
        size = parser.needed
        part = parser.feed(archive[at : at + size])
        at += size
        if isinstance(part, Body):
            blocks.append((parser.block, part))
    assert parser.header is not None and at == len(archive)
    return parser.header, blocks


def put_together(header: Header, blocks: Blocks) -> bytes:
    """An archive of these blocks; if its form is short, there is one."""
    if header.form == Form.SHORT:
        ((block, body),) = blocks
        return pack_short(header, block.raw_size, body.stored, body.digest)
    return b"".join([header.pack(), *sealed_blocks(header, blocks), end(header, blocks)])


def sealed_blocks(header: Header, blocks: Blocks) -> list[bytes]:
    """Each block with the CRCs that it has behind those before it."""
    before = [container.NO_DATA, *(body.digest for _, body in blocks)]
    return [
        block.pack(digest + header.pack()) + body.pack()
        for digest, (block, body) in zip(before, blocks, strict=False)
    ]


def end(header: Header, blocks: Blocks) -> bytes:
    """What stands behind these blocks if there are no more: nothing if the last is not full."""
    if blocks and blocks[-1][0].raw_size < container.BLOCK_SIZE:
        return b""
    before = blocks[-1][1].digest if blocks else container.NO_DATA
    return ARCHIVE_END.pack(before + header.pack())


def changed(archive: bytes, index: int = 0, **changes: int | bytes) -> bytes:
    """An archive with other values in the header of a block, or another `digest`, sealed anew."""
    header, blocks = take_apart(archive)
    block, body = blocks[index]
    if "digest" in changes:
        body = replace(body, digest=changes.pop("digest"))
    blocks[index] = replace(block, **changes), body
    return put_together(header, blocks)


def of_another_code(archive: bytes, code: bytes) -> bytes:
    """An archive as if another code had written it."""
    header, blocks = take_apart(archive)
    return put_together(replace(header, code=code), blocks)


def slices(archive: bytes) -> list[slice]:
    """Header, then of each block its header, stored bytes and what ends it, then the end if any."""
    header, blocks = take_apart(archive)
    sizes = [len(header.pack())]
    for block, _ in blocks:
        sizes += [BlockHeader.SIZE, block.stored_size, Body.END_SIZE]
    if end(header, blocks):
        sizes.append(BlockHeader.SIZE)
    stops = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [slice(stop - size, stop) for stop, size in zip(stops, sizes, strict=True)]
