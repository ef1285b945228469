"""What a code length is made of: the trace adds up to the payload and changes no bit of it."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import noise, prose
from jpegs import jpeg

from lmzip.codec.loop import Codec
from lmzip.instruments.trace import (
    ASKED,
    FORESEEN_RIGHT,
    FORESEEN_WRONG,
    new_trace,
    part_names,
    seconds_of_foreseen,
    traced,
)


def test_costs_add_up_to_the_payload_and_change_no_bit():
    data = prose(4000) + noise(500)
    codec = Codec(1)
    payload, trace = traced(codec, data)
    assert payload == Codec(1).encode(data)
    assert abs(trace.costs.sum() / 8 - len(payload)) < 1
    assert trace.at[0] == len(data)
    assert trace.costs[-500:].mean() > 7.5 > 3 > trace.costs[2000:4000].mean()


def test_coefficients_of_a_picture_cost_what_they_take():
    data = prose(200) + jpeg(64, 64) + prose(200)
    payload, trace = traced(Codec(1), data)
    assert payload == Codec(1).encode(data)
    assert abs(trace.costs.sum() / 8 - len(payload)) < 1


def test_what_is_foreseen_is_told_apart_and_costs_next_to_nothing():
    data = prose(500) + bytes(3000) + b"x" + prose(300)
    payload, trace = traced(Codec(1), data)
    assert payload == Codec(1).encode(data)
    assert (trace.ways[:500] == ASKED).all()
    assert (trace.ways[2000:3500] == FORESEEN_RIGHT).all() and trace.costs[2000:3500].sum() < 4
    assert trace.ways[3500] == FORESEEN_WRONG and trace.costs[3500] > 10
    segments = trace.segments[: trace.at[1]]
    assert segments[:, :2].sum() == len(data)
    assert segments[:, 1].sum() == (trace.ways == FORESEEN_RIGHT).sum()


def test_seconds_of_foreseen_bytes_are_what_segments_with_more_of_them_take_longer():
    trace = new_trace(400, 8, 128)
    trace.segments[:4] = (128, 0, 1.0), (128, 0, 2.0), (128, 100, 3.5), (128, 300, 6.0)
    trace.at[1] = 4
    assert seconds_of_foreseen([trace]) == pytest.approx(0.005)
    trace.at[1] = 2
    assert seconds_of_foreseen([trace]) is None


def test_what_helps_would_be_missed():
    data = prose(6000)
    codec = Codec(1)
    _, trace = traced(codec, data)
    names = part_names(codec.preset.contexts)
    missed = dict(zip(names, trace.without - trace.costs.sum(), strict=True))
    assert missed["transformer"] > 10 * missed["word"] > 0
    assert np.isfinite(trace.without).all()
