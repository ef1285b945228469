"""One loop, both directions: whatever goes in comes out."""

from __future__ import annotations

import dataclasses
from itertools import cycle

import pytest
from conftest import TINY, noise, prose
from hypothesis import given
from hypothesis import strategies as st

from lmzip import interface
from lmzip.codec.beside import Beside
from lmzip.codec.levels import PRESETS
from lmzip.codec.loop import Codec


@pytest.fixture
def tiny(monkeypatch):
    """A level so small that many boundaries fit into a test."""
    monkeypatch.setitem(PRESETS, 1, TINY)


def round_trip(data: bytes, level: int = 1) -> bytes:
    payload = Codec(level).encode(data)
    assert Codec(level).decode(payload, len(data)) == data
    return payload


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 80, 200])
def test_every_length_around_segments(size, tiny):
    round_trip(prose(size))


@given(st.binary(min_size=1, max_size=120))
def test_any_bytes(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, 1, TINY)
        round_trip(data)


@pytest.mark.parametrize("level", sorted(PRESETS))
def test_every_level(level):
    preset = PRESETS[level]
    round_trip(prose(3 * preset.segment + 5), level)


def test_repetition_is_learned(tiny):
    data = b"abcdefgh" * 1000
    assert len(round_trip(data)) < len(data) / 6


@pytest.mark.parametrize("size", [1, 15, 16, 17, 100, 999, 1000, 1001])
def test_what_is_foreseen_ends_no_segment(size, tiny):
    round_trip(prose(200) + bytes(1000) + prose(size, 2) + bytes(size))


def test_a_long_run_costs_nothing_and_a_segment_may_hold_it_all():
    data, sizes = bytes(200_000), []
    payload = Codec(1, progress=sizes.append).encode(data)
    assert len(payload) < 60 and max(sizes) > 150_000 and sum(sizes) == len(data)
    assert Codec(1).decode(payload, len(data)) == data


def test_noise_costs_little_more_than_itself():
    data = noise(2000)
    assert len(round_trip(data)) < len(data) * 1.06


def test_what_one_block_taught_helps_the_next(tiny):
    block = prose(1500)
    encoder, decoder = Codec(1), Codec(1)
    sizes = []
    for _ in range(3):
        assert encoder.canary() == decoder.canary()
        payload = encoder.encode(block)
        assert decoder.decode(payload, len(block)) == block
        sizes.append(len(payload))
    assert sizes[2] < sizes[1] < sizes[0]


def test_the_canary_tells_models_apart(tiny, monkeypatch):
    fresh, learned = Codec(1), Codec(1)
    learned.encode(prose(500))
    assert fresh.canary() == Codec(1).canary()
    assert fresh.canary() != learned.canary()
    before = learned.canary()
    assert before == learned.canary(), "looking at the canary changes nothing"


def test_progress_adds_up_to_the_size(tiny):
    for size in (1, 24, 25, 100):
        done: list[int] = []
        Codec(1, progress=done.append).encode(prose(size))
        assert sum(done) == size
        assert all(count > 0 for count in done)


def test_a_damaged_payload_gives_other_bytes_and_no_exception(tiny):
    data = prose(300)
    payload = bytearray(Codec(1).encode(data))
    for damaged in (bytes(len(payload)), b"", noise(len(payload)), b"\xff" * 500):
        assert len(Codec(1).decode(damaged, len(data))) == len(data)


def test_a_block_has_a_size():
    with pytest.raises(ValueError, match="1 to"):
        Codec(1).encode(b"")


def test_segments_decide_when_learning_happens(tiny, monkeypatch):
    payload = Codec(1).encode(prose(400))
    monkeypatch.setitem(PRESETS, 1, dataclasses.replace(TINY, segment=32))
    assert Codec(1).encode(prose(400)) != payload


@pytest.mark.parametrize("threads", [2, 3])
def test_without_threads_the_same_payload_comes_out(tiny, threads, monkeypatch):
    """As at a limit of the system (`ulimit -u`), and when the interpreter exits."""
    import threading

    data = prose(500)
    payload = Codec(1, threads=1).encode(data)
    tried = []

    def refuse(thread: threading.Thread) -> None:
        tried.append(thread)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert Codec(1, threads=threads).encode(data) == payload
    assert len(tried) == threads - 1, "a block asks once for each"


@pytest.mark.parametrize("most", [2, 3])
def test_threads_that_come_and_go_change_no_bit(tiny, most, monkeypatch):
    """As those of the workers that have no frame, see `frames/workers.py`."""
    data = prose(900)
    payload = Codec(1, threads=1).encode(data)
    shares = cycle([1, most, most, 1, most])
    monkeypatch.setattr(interface, "_processors", lambda: next(shares))
    assert Codec(1).encode(data) == payload
    assert Codec(1).decode(payload, len(data)) == data


def test_threads_that_are_refused_later_are_done_without():
    from concurrent.futures import ThreadPoolExecutor

    done: list[int] = []
    with Beside(lambda: True) as beside, pytest.MonkeyPatch.context() as patch:
        for i in range(6):
            if i == 3:
                patch.setattr(ThreadPoolExecutor, "submit", _refuse)
            beside.run(done.append, i)()
    assert done == list(range(6))


def test_a_thread_does_its_tasks_in_order_and_tells_of_each():
    done: list[int] = []
    with Beside(lambda: True) as beside:
        waits = [beside.run(done.append, i) for i in range(5)]
        failing = beside.run(_refuse)
        for i, wait in enumerate(waits):
            wait()
            assert done[: i + 1] == list(range(i + 1))
        with pytest.raises(RuntimeError, match="cannot schedule"):
            failing()


def test_what_is_offered_is_done_by_whoever_is_free():
    import threading

    ran: list[str] = []
    go = threading.Event()

    def note() -> None:
        ran.append(threading.current_thread().name)

    here = threading.current_thread().name
    with Beside(lambda: True) as beside:
        beside.offer(note)()
        busy = beside.run(go.wait)
        beside.offer(note)()
        go.set()
        busy()
        beside.offer(note)()
    assert ran[1] == here
    assert here not in (ran[0], ran[2])


def test_a_task_that_no_thread_takes_waits_for_those_before():
    from concurrent.futures import ThreadPoolExecutor
    from time import sleep

    done: list[int] = []

    def slowly() -> None:
        sleep(0.05)
        done.append(0)

    with Beside(lambda: True) as beside, pytest.MonkeyPatch.context() as patch:
        beside.run(slowly)
        patch.setattr(ThreadPoolExecutor, "submit", _refuse)
        beside.run(done.append, 1)
    assert done == [0, 1]


@pytest.mark.parametrize("threads", [2, 3])
def test_a_failing_coder_is_told_of_and_waited_for(threads, tiny):
    segments = []

    def fails(*arguments: object) -> None:
        segments.append(arguments)
        if len(segments) == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Codec(1, threads=threads).encode(prose(500), fails)


def _refuse(*arguments: object) -> None:
    raise RuntimeError("cannot schedule new futures after interpreter shutdown")


def test_a_model_in_use_refuses_another_call(tiny):
    data = prose(100)
    payload = Codec(1).encode(data)
    refused = []

    def progress(size: int) -> None:
        for call in (codec.canary, lambda: codec.encode(data), lambda: codec.decode(payload, 100)):
            with pytest.raises(RuntimeError, match="in use"):
                call()
            refused.append(call)

    codec = Codec(1, progress=progress)
    assert codec.encode(data) == payload
    assert refused
