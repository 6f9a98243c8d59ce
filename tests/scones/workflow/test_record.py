"""Record with a real table and a fake bucket."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scones.workflow.record import decide, decision_key, record

from .fakes import Bucket, data

NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


def test_a_decision_has_the_most_probable_label_and_the_errors_message() -> None:
    cause = json.dumps({"errorType": "Slow", "errorMessage": "too unsure"})
    event = {
        "outcome": "REVIEW_TIMED_OUT",
        "decided_by": "review",
        "event": data(),
        "data": data(inferences=[0.4, 0.6], labels=["bicycle", "motorcycle"]),
        "error": {"Error": "States.Timeout", "Cause": cause},
        "execution": "e1",
    }
    decision = decide(event, threshold=0.8, now=NOW)
    assert (decision["outcome"], decision["label"], decision["confidence"]) == ("REVIEW_TIMED_OUT", "motorcycle", 0.6)
    assert (decision["cause"], decision["decided_at"]) == ("too unsure", "2026-11-22T18:30:00.000+00:00")


def test_a_decision_on_an_unreadable_image_has_no_label() -> None:
    event = {
        "outcome": "REJECTED",
        "event": data(),
        "error": {"Error": "ImageNotFoundError", "Cause": "gone"},
        "execution": "e",
    }
    decision = decide(event, threshold=0.8, now=NOW)
    assert (decision["label"], decision["confidence"], decision["cause"]) == (None, None, "gone")


def test_a_decision_has_the_assignment_and_the_review() -> None:
    review = {"answer": "bicycle", "reviewer": "anna", "answered_at": "2026-11-22T18:29:00+00:00"}
    event = {
        "outcome": "DISPATCHED",
        "decided_by": "review",
        "event": data(),
        "data": data(arrival_id="a1", inferences=[0.4, 0.6], labels=["bicycle", "motorcycle"]),
        "assignment": {"order_id": "o1"},
        "review": review,
        "execution": "e1",
    }
    decision = decide(event, threshold=None, now=NOW)
    assert (decision["arrival_id"], decision["decided_by"], decision["error"]) == ("a1", "review", None)
    assert (decision["assignment"], decision["review"]) == ({"order_id": "o1"}, review)


def test_only_the_execution_that_has_the_arrival_writes_a_decision(
    localaws: Any, table: Callable[[str, str], str]
) -> None:
    arrivals = table("arrival_id", "arrived_at")
    bucket = Bucket()
    for execution, outcome in (("e1", "FAILED"), ("e2", "DISPATCHED"), ("e2", "DISPATCHED"), ("e3", "FAILED")):
        event = {"outcome": outcome, "event": data(), "execution": execution}
        decision = decide(event, threshold=None, now=NOW)
        record(decision, table=arrivals, s3=bucket, dynamodb=localaws.client("dynamodb"))
    stored = json.loads(bucket.objects["decisions/anna/1.png.json"])
    assert (stored["execution"], stored["outcome"]) == ("e2", "DISPATCHED")


def test_the_key_of_a_decision_is_that_of_the_arrival_under_decisions() -> None:
    assert decision_key("arrivals/anna/1.png") == "decisions/anna/1.png.json"
