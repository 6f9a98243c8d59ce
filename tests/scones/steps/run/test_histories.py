"""What an execution's events say of each state; the events are those that Step Functions writes."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scones.report.types import TimedState, not_entered
from scones.steps.run.histories import add_history, review_seconds

START = datetime(2026, 11, 22, tzinfo=UTC)
FIRST, SECOND = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"


def entered(seconds: float, name: str) -> dict[str, Any]:
    return event(seconds, "TaskStateEntered", stateEnteredEventDetails={"name": name})


def exited(seconds: float, name: str) -> dict[str, Any]:
    return event(seconds, "TaskStateExited", stateExitedEventDetails={"name": name})


def event(seconds: float, kind: str, **details: Any) -> dict[str, Any]:
    return {"timestamp": START + timedelta(seconds=seconds), "type": kind, **details}


def answered(request: str) -> dict[str, str]:
    return {"output": json.dumps({"Payload": {"a": 1}, "SdkResponseMetadata": {"RequestId": request}})}


def told(*events: dict[str, Any]) -> dict[str, TimedState]:
    states: dict[str, TimedState] = defaultdict(not_entered)
    add_history(states, events)
    return dict(states)


def test_a_state_that_was_entered_and_never_left_failed() -> None:
    states = told(entered(0, "Train"), exited(2, "Train"), entered(2, "BelowGate"))
    assert states == {
        "Train": not_entered() | {"entered": 1, "seconds": [2.0]},
        "BelowGate": not_entered() | {"entered": 1, "failed": 1},
    }


def test_each_attempt_counts_and_so_does_the_wait_before_it() -> None:
    cause = json.dumps({"errorMessage": "not yet", "requestId": FIRST})
    states = told(
        entered(0, "Classify"),
        event(0.1, "TaskScheduled"),
        event(0.3, "TaskFailed", taskFailedEventDetails={"error": "E", "cause": cause}),
        event(1.3, "TaskScheduled"),
        event(1.7, "TaskSucceeded", taskSucceededEventDetails=answered(SECOND)),
        exited(1.75, "Classify"),
    )
    assert states["Classify"] == {
        "entered": 1,
        "failed": 0,
        "retried": 1,
        "caught": 0,
        "seconds": [1.75],
        "called": pytest.approx(0.6),
        "waited": pytest.approx(1.0),
        "requests": [FIRST, SECOND],
    }


def test_a_task_that_failed_and_was_left_is_caught() -> None:
    states = told(
        entered(0, "Filter"),
        event(0, "TaskScheduled"),
        event(1, "TaskFailed", taskFailedEventDetails={"error": "ThresholdConfidenceNotMet"}),
        exited(1, "Filter"),
    )
    assert (states["Filter"]["caught"], states["Filter"]["failed"]) == (1, 0)


def test_a_function_that_was_killed_tells_its_request_in_lambda_s_words() -> None:
    cause = json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {FIRST} Error: Task timed out"})
    failed = event(1, "TaskFailed", taskFailedEventDetails={"error": "Sandbox.Timedout", "cause": cause})
    assert told(entered(0, "A"), event(0, "TaskScheduled"), failed, exited(1, "A"))["A"]["requests"] == [FIRST]


def test_who_waits_for_an_answer_tells_the_call_that_asked() -> None:
    states = told(
        entered(0, "Review"),
        event(0, "TaskScheduled"),
        event(1, "TaskSubmitted", taskSubmittedEventDetails=answered(FIRST)),
        event(60, "TaskSucceeded", taskSucceededEventDetails={"output": '{"answer": "bicycle"}'}),
        exited(60, "Review"),
    )
    assert (states["Review"]["requests"], states["Review"]["called"]) == ([FIRST], 60.0)


def test_the_time_of_a_review_is_from_the_question_to_its_answer() -> None:
    def asked(seconds: float, resource: str) -> dict[str, Any]:
        return event(seconds, "TaskSubmitted", taskSubmittedEventDetails={"resource": resource, "output": "{}"})

    events = [
        event(0, "TaskScheduled"),
        asked(1, "createTrainingJob.sync"),
        event(5, "TaskSucceeded"),
        event(6, "TaskScheduled"),
        asked(7, "invoke.waitForTaskToken"),
        event(60, "TaskTimedOut"),
        event(61, "TaskScheduled"),
        asked(62, "arn:aws:states:::lambda:invoke.waitForTaskToken"),
        event(70, "TaskSucceeded"),
        event(71, "TaskSucceeded"),
    ]
    assert review_seconds(events) == 61.0


def test_a_review_without_an_answer_has_no_time_yet() -> None:
    details = {"resource": "invoke.waitForTaskToken"}
    assert review_seconds([event(0, "TaskSubmitted", taskSubmittedEventDetails=details)]) == 0.0
