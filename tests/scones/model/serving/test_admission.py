from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.model.serving.admission import MAX_HELD_BYTES, MAX_WAITING_REQUESTS, Admission
from scones.model.serving.messages import HttpError


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


def test_the_oldest_half_sent_requests_make_room() -> None:
    admission = Admission()
    callers = [Caller() for _ in range(5)]
    for caller in callers:
        admission.receive(caller, MAX_HELD_BYTES // 5)
    admission.receive(callers[0], 10)
    assert [caller.errors for caller in callers] == [["OverloadedError"], [], [], [], []]
    admission.admit(Caller(), MAX_HELD_BYTES // 2)
    assert [len(caller.errors) for caller in callers] == [1, 1, 1, 0, 0]


def test_a_half_sent_request_that_fits_beside_no_waiting_one_ends() -> None:
    admission, caller = Admission(), Caller()
    admission.admit(Caller(), MAX_HELD_BYTES)
    admission.receive(caller, 1)
    assert caller.errors == ["OverloadedError"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, MAX_HELD_BYTES)), max_size=30))
def test_more_than_the_limit_is_never_held(reads: list[tuple[int, int]]) -> None:
    admission, callers = Admission(), [Caller() for _ in range(6)]
    held = dict[int, int]()
    for number, length in reads:
        before = [len(caller.errors) for caller in callers]
        admission.receive(callers[number], length)
        held[number] = held.get(number, 0) + length
        for index, caller in enumerate(callers):
            if len(caller.errors) > before[index]:
                held.pop(index)
        assert sum(held.values()) <= MAX_HELD_BYTES
