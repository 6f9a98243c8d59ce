from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.cli.outcomes import decision_line, remedy, summary_line
from scones.contract.delivery import Decision, Outcome


def decision(outcome: Outcome, **values: Any) -> Decision:
    made: dict[str, Any] = {
        "outcome": outcome,
        "arrival_id": "a1",
        "s3_bucket": "depot",
        "s3_key": "arrivals/anna/1.png",
        "label": "bicycle",
        "confidence": 0.9731,
        "inferences": [0.9731, 0.0269],
        "threshold": 0.9,
        "decided_by": "model",
        "assignment": None,
        "review": None,
        "error": None,
        "cause": None,
        "execution": "x1",
        "decided_at": "2026-11-25T19:30:00+00:00",
    }
    return Decision(**{**made, **values})  # type: ignore[typeddict-item]


ORDER = {
    "order_id": "o-17",
    "distance_km": 3.21,
    "promised_at": "2026-11-25T19:50:00+00:00",
    "vehicle": "bicycle",
    "bay": "bicycle bay",
    "expected_cost_minutes": -12.34,
    "assigned_at": "2026-11-25T19:30:00+00:00",
}
ANSWER = {"answer": "motorcycle", "reviewer": "eve", "answered_at": "2026-11-25T19:31:00+00:00"}
NO_MODEL = {"label": None, "confidence": None, "decided_by": None}


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            decision("DISPATCHED", assignment=ORDER),
            "anna/1.png  DISPATCHED  bicycle 0.973, decided by the model; order o-17, 3.2 km, bicycle bay, "
            "at the lowest expected cost of all suitable orders: -12.3 min",
        ),
        (
            decision("DISPATCHED", assignment=ORDER, decided_by="review", review=ANSWER),
            "anna/1.png  DISPATCHED  motorcycle, decided by eve (the model: bicycle 0.973); order o-17, 3.2 km, "
            "bicycle bay, at the lowest expected cost of all suitable orders: -12.3 min",
        ),
        (
            decision("NEITHER", decided_by="review", review={**ANSWER, "answer": "neither"}),
            "anna/1.png  NEITHER  neither, decided by eve (the model: bicycle 0.973)",
        ),
        (
            decision("REVIEW_TIMED_OUT", decided_by="review"),
            "anna/1.png  REVIEW_TIMED_OUT  bicycle 0.973, not accepted by the model; nobody answered in time; "
            "deliver again, and answer with `scones review`",
        ),
        (
            decision("REJECTED", **NO_MODEL, error="ImageRejectedError", cause="it is a PDF"),
            "anna/1.png  REJECTED  ImageRejectedError: it is a PDF; deliver another image",
        ),
        (
            decision("FAILED", **NO_MODEL, error="EndpointUnavailableError", cause="no endpoint scones"),
            "anna/1.png  FAILED  EndpointUnavailableError: no endpoint scones; "
            "run `scones release`, then `scones deliveries --redrive`",
        ),
        (
            decision("FAILED", **NO_MODEL),
            "anna/1.png  FAILED  no cause given; retry with `scones deliveries --redrive`",
        ),
    ],
)
def test_a_decision_says_who_decided_which_order_and_why(made: Decision, line: str) -> None:
    assert decision_line(made) == line


@given(
    outcome=st.sampled_from(get_args(Outcome)),
    decided_by=st.sampled_from(["model", "review", None]),
    has_order=st.booleans(),
    has_answer=st.booleans(),
)
def test_every_decision_has_a_line_that_begins_with_the_image_and_the_outcome(
    outcome: Outcome, decided_by: str | None, has_order: bool, has_answer: bool
) -> None:
    order = ORDER if has_order else None
    made = decision(outcome, decided_by=decided_by, assignment=order, review=ANSWER if has_answer else None)
    assert decision_line(made).startswith(f"anna/1.png  {outcome}  ")


def test_a_missing_endpoint_needs_a_release_and_any_other_failure_a_retry() -> None:
    assert "scones release" in remedy("EndpointUnavailableError")
    assert remedy(None) == remedy("KeyError") == "retry with `scones deliveries --redrive`"


def test_the_summary_counts_the_outcomes() -> None:
    made = [decision("DISPATCHED"), decision("FAILED"), decision("DISPATCHED")]
    assert summary_line(made) == "3 decided: 2 DISPATCHED, 1 FAILED"
