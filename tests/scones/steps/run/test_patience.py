"""Calls that fail for a while are repeated; others are not."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scones.steps.run.patience import DELAYS, patiently

from ..conftest import Notes

NO_ANSWER = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


class Failing:
    """A call that raises an error so many times, and then returns its number."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.times = times
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.calls


def test_a_call_that_fails_twice_is_repeated_with_one_note() -> None:
    slept: list[float] = []
    notes = Notes()
    assert patiently(Failing(NO_ANSWER, 2), progress=notes, sleep=slept.append) == 3
    assert slept == [1, 2]
    assert len(notes.noted) == 1
    assert notes.noted[0].endswith("; trying again for 5 minutes")


def test_after_five_minutes_of_failures_the_error_is_raised() -> None:
    slept: list[float] = []
    call = Failing(NO_ANSWER, 1000)
    with pytest.raises(EndpointConnectionError):
        patiently(call, progress=Notes(), sleep=slept.append)
    assert (sum(slept), call.calls) == (300, len(DELAYS) + 1)


def test_an_error_that_repeating_does_not_help_is_raised_at_once() -> None:
    response: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    call = Failing(ClientError(response, "DescribeExecution"), 1)
    with pytest.raises(ClientError, match="AccessDenied"):
        patiently(call, progress=Notes())
    assert call.calls == 1
