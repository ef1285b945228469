"""What a code length is made of: the trace adds up to the payload and changes no bit of it."""

from __future__ import annotations

import numpy as np
from conftest import noise, prose

from lmzip.codec.loop import Codec
from lmzip.instruments.trace import part_names, traced


def test_costs_add_up_to_the_payload_and_change_no_bit():
    data = prose(4000) + noise(500)
    codec = Codec(1)
    payload, trace = traced(codec, data)
    assert payload == Codec(1).encode(data)
    assert abs(trace.costs.sum() / 8 - len(payload)) < 1
    assert trace.at[0] == len(data)
    assert trace.costs[-500:].mean() > 7.5 > 3 > trace.costs[2000:4000].mean()


def test_what_helps_would_be_missed():
    data = prose(6000)
    codec = Codec(1)
    _, trace = traced(codec, data)
    names = part_names(codec.preset.contexts)
    missed = dict(zip(names, trace.without - trace.costs.sum(), strict=True))
    assert missed["transformer"] > 10 * missed["word"] > 0
    assert np.isfinite(trace.without).all()
