"""A report's numbers are the archive's, block by block; and what is made of them is true."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import numpy as np
import pytest
from conftest import noise, prose

import lmzip
from lmzip import container
from lmzip.codec.learned.weights_file import read, shipped
from lmzip.container import BlockHeader, Parser
from lmzip.instruments.lengths import program_size

DATA = prose(700) + noise(512) + prose(900, 2)
SIZE = 256
"""Of a block here. The blocks of noise, and no others, are stored."""


def block_headers(archive: bytes) -> list[BlockHeader]:
    """What the archive itself says about its blocks."""
    parser, file, found = Parser(), io.BytesIO(archive), []
    while not parser.done:
        part = parser.feed(file.read(parser.needed))
        if isinstance(part, BlockHeader) and part.type != container.END:
            found.append(part)
    return found


@pytest.fixture(scope="module")
def told() -> lmzip.Report:
    return lmzip.report(prose(6000), 1)


def test_the_bits_are_the_archives_in_every_block(monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", SIZE)
    told = lmzip.report(DATA, 1)
    archive = lmzip.compress(DATA, 1)
    headers = block_headers(archive)
    assert told.archive_size == len(archive)
    assert len(told.blocks) == len(headers) == -(-len(DATA) // SIZE)
    assert 0 < sum(block.stored for block in told.blocks) < len(headers)
    for block, header in zip(told.blocks, headers, strict=True):
        assert (block.size, block.payload) == (header.raw_size, header.stored_size)
        assert block.stored == (header.type == container.STORED)
        bits = told.costs[block.start :][: block.size].sum()
        assert abs(bits / 8 - header.stored_size) < 1
    assert told.payload == sum(header.stored_size for header in headers)
    assert abs(told.bits / 8 - told.payload) < len(headers)


@pytest.mark.parametrize("level", [1, 2])
def test_the_bits_are_the_archives_at_other_levels(level, text):
    told = lmzip.report(text, level)
    assert told.archive_size == len(lmzip.compress(text, level))
    assert abs(told.bits / 8 - told.payload) < 1


def test_a_cost_stands_where_its_byte_stands():
    told = lmzip.report(prose(2000) + noise(300) + prose(2000), 1)
    assert told.costs.shape == (4300,)
    assert told.costs[2000:2300].mean() > 7 > 4 > told.costs[2400:].mean()
    assert (told.costs > 0).all()


def test_the_curve_covers_the_data_and_adds_up(told):
    for per_octave in (1, 4):
        chunks = told.curve(per_octave)
        assert chunks[0].start == 0 and chunks[-1].stop == 6000
        assert all(a.stop == b.start for a, b in pairwise(chunks))
        assert sum(chunk.bits for chunk in chunks) == pytest.approx(told.bits)
    assert [chunk.stop for chunk in told.curve()] == [64, 128, 256, 512, 1024, 2048, 4096, 6000]


def test_learning_costs_what_is_above_the_final_loss(told):
    assert told.final_loss == pytest.approx(told.costs[-600:].mean())
    assert told.learning_bits == pytest.approx(told.bits - 6000 * told.final_loss)
    assert told.learning_bits > 0


def test_the_whole_description_counts_the_program(told):
    assert told.program_bits == 8 * program_size()
    weights = sum(len(read(name)) for name in shipped())
    sources = program_size(weights=False)
    assert 0.9 * weights < program_size() - sources < weights, "weights are packed nearly"
    assert told.description_bits == told.bits + told.program_bits


def test_from_scratch_the_program_is_its_sources():
    told = lmzip.report(prose(300), 1, from_scratch=True)
    assert told.archive_size == len(lmzip.compress(prose(300), 1, from_scratch=True))
    assert told.program_bits == 8 * program_size(weights=False)
    assert 20_000 < program_size(weights=False) < 100_000


def test_every_part_is_named_and_some_help(told):
    assert {"transformer", "match", "order 1", "order 6"} <= set(told.parts)
    assert list(told.parts.values()) == sorted(told.parts.values(), reverse=True)
    assert max(told.parts.values()) > 0.01 * told.bits


def test_every_byte_was_coded_in_one_way(told):
    asked, foreseen, wrongly = told.tiers
    assert asked.count + foreseen.count + wrongly.count == 6000
    assert sum(tier.bits for tier in told.tiers) == pytest.approx(told.bits)
    run = lmzip.report(bytes(5000), 1).tiers[1]
    assert run.way == "foreseen" and run.count > 4000 and run.bits < 20
    seconds = [tier.seconds for tier in told.tiers]
    assert None in seconds or sum(seconds) == pytest.approx(told.seconds)


def test_passages_are_found_where_they_were_put():
    told = lmzip.report(prose(2000) + noise(60) + prose(2000) + b"-" * 400, 1)
    dearest = told.passages(5)
    assert abs(dearest[0].start - 2000) < 5
    costs = [chunk.bits for chunk in dearest]
    assert costs == sorted(costs, reverse=True)
    cheapest = told.passages(5, surprising=False)
    assert cheapest[0].start > 4060
    assert len({told.data[c.start : c.stop] for c in cheapest}) == 5
    starts = sorted(c.start for c in cheapest)
    assert min(np.diff(starts)) >= 60


def test_data_that_do_not_compress_cost_eight_bits_and_owe_nothing():
    told = lmzip.report(noise(300), 1)
    assert told.bits == 2400 and told.parts == {}
    assert told.model_costs.sum() > 2400


@pytest.mark.parametrize("data", [b"", b"a", bytearray(b"ab"), memoryview(b"abc")])
def test_a_few_bytes(data):
    told = lmzip.report(data, 1)
    assert told.archive_size == len(lmzip.compress(data, 1))
    assert (told.bits_per_byte is None) == (len(data) == 0)
    assert sum(chunk.stop - chunk.start for chunk in told.curve()) == len(data)
    assert len(told.passages()) == (len(data) > 0)


def test_json_has_every_number(told):
    numbers = json.loads(json.dumps(told.as_json()))
    assert numbers["bits"] == told.bits
    assert numbers["archive_bytes"] == told.archive_size
    assert set(numbers["other_bytes"]) >= {"zlib -9", "bz2 -9", "lzma -9e"}
    assert numbers["saved_bits"] == told.parts
    assert numbers["curve"][-1]["stop"] == numbers["data_bytes"] == 6000


def test_wrong_arguments_and_limits():
    with pytest.raises(ValueError, match="level must be"):
        lmzip.report(b"a", 0)
    with pytest.raises(lmzip.LimitError):
        lmzip.report(b"a", 9, memory_limit=1 << 20)
