"""One call at a time, and none after one that was broken off halfway."""

from __future__ import annotations

import threading
import time

import pytest

import lmzip
from lmzip.guard import Guard


def fail(error: BaseException) -> None:
    raise error


def test_calls_of_other_threads_wait():
    guard, inside, most = Guard("it"), [], []

    def work() -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()

    threads = [threading.Thread(target=guard.run, args=(work,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5


def test_a_call_from_within_another_is_an_error_and_no_deadlock():
    guard = Guard("it")
    with pytest.raises(RuntimeError, match="it is in use"):
        guard.run(guard.run, lambda: None, intact=lambda error: True)
    assert guard.run(lambda: 5) == 5


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), OSError("no disk")])
def test_after_a_call_that_broke_off_all_others_say_why(error):
    guard = Guard("it")
    with pytest.raises(type(error)):
        guard.run(fail, error)
    for _ in range(2):
        with pytest.raises(lmzip.BrokenError, match=f"it can do no more: .*{type(error).__name__}"):
            guard.run(lambda: 5)
    with pytest.raises(ValueError):
        guard.check()
    assert guard.run(lambda: 5, last=True) == 5


def test_what_changed_nothing_forbids_nothing():
    guard = Guard("it")
    with pytest.raises(OSError):
        guard.run(fail, OSError(), intact=lambda error: True)
    with pytest.raises(EOFError):
        guard.run(lambda: 5, ready=lambda: fail(EOFError()))
    assert guard.run(lambda: 5) == 5
