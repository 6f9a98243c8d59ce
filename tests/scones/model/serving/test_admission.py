from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.model.serving.admission import MAX_HELD_BYTES, MAX_WAITING_REQUESTS, STALL_SECONDS, Admission
from scones.model.serving.messages import HttpError


class Clock:
    """A clock on which `step` seconds pass from one call to the next."""

    def __init__(self, step: float = 0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Caller:
    def __init__(self) -> None:
        self.errors = list[str]()

    def evict(self, error: HttpError) -> None:
        self.errors.append(error.name)


@pytest.mark.parametrize("length", [1, MAX_HELD_BYTES // 20])
def test_requests_are_admitted_up_to_the_limits(length: int) -> None:
    admission = Admission()
    for _ in range(min(MAX_WAITING_REQUESTS, MAX_HELD_BYTES // length)):
        admission.admit(Caller(), length)
    for _ in range(2):
        with pytest.raises(HttpError) as caught:
            admission.admit(Caller(), length)
        assert caught.value.status == 503
        admission.release(length)
        admission.admit(Caller(), length)


def test_half_sent_requests_are_not_waiting_work() -> None:
    admission = Admission()
    for _ in range(10 * MAX_WAITING_REQUESTS):
        admission.receive(Caller(), 10)
    admission.admit(Caller(), 1000)


def test_the_oldest_that_have_stopped_sending_make_room() -> None:
    clock, callers = Clock(), [Caller() for _ in range(6)]
    admission = Admission(clock)
    for caller in callers[:5]:
        admission.receive(caller, MAX_HELD_BYTES // 5)
    clock.now += 2 * STALL_SECONDS
    # It is the oldest, and still sends.
    admission.receive(callers[0], 1)
    admission.receive(callers[5], 10)
    assert [len(caller.errors) for caller in callers] == [0, 1, 0, 0, 0, 0]
    admission.admit(Caller(), MAX_HELD_BYTES // 2)
    assert [len(caller.errors) for caller in callers] == [0, 1, 1, 1, 0, 0]


def test_requests_that_are_arriving_do_not_end_each_other() -> None:
    admission, first, second = Admission(Clock()), Caller(), Caller()
    admission.receive(first, MAX_HELD_BYTES // 2)
    admission.receive(second, MAX_HELD_BYTES // 2)
    with pytest.raises(HttpError) as caught:
        admission.receive(first, 2)
    assert caught.value.status == 503
    admission.receive(second, MAX_HELD_BYTES // 2)
    assert first.errors == second.errors == []


def test_a_half_sent_request_that_fits_beside_no_waiting_one_is_refused() -> None:
    admission = Admission()
    admission.admit(Caller(), MAX_HELD_BYTES)
    with pytest.raises(HttpError):
        admission.receive(Caller(), 1)
    admission.release(MAX_HELD_BYTES)
    admission.receive(Caller(), MAX_HELD_BYTES)


def test_the_oldest_ends_on_demand() -> None:
    admission, callers = Admission(), [Caller(), Caller()]
    for caller in callers:
        admission.receive(caller, 10)
    assert [admission.evict_oldest() for _ in range(3)] == [True, True, False]
    assert [caller.errors for caller in callers] == [["OverloadedError"]] * 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, MAX_HELD_BYTES)), max_size=30), st.booleans())
def test_more_than_the_limit_is_never_held(reads: list[tuple[int, int]], has_stopped: bool) -> None:
    admission, callers = Admission(Clock(2 * STALL_SECONDS * has_stopped)), [Caller() for _ in range(6)]
    held = dict[int, int]()
    for number, length in reads:
        before = [len(caller.errors) for caller in callers]
        try:
            admission.receive(callers[number], length)
            held[number] = held.get(number, 0) + length
        except HttpError:
            held.pop(number, None)
        for index, caller in enumerate(callers):
            if len(caller.errors) > before[index]:
                held.pop(index)
        assert sum(held.values()) <= MAX_HELD_BYTES
