"""Review from the operator's side: the function's answers and errors come back as what they are."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from scones import errors
from scones.contract.delivery import Review
from scones.steps.review import answer_review, list_reviews, resolve, shown

REVIEW = Review(
    arrival_id="a1",
    s3_bucket="depot",
    s3_key="arrivals/anna/1.png",
    version_id=None,
    labels=["bicycle", "motorcycle"],
    inferences=[0.6124, 0.3876],
    novelty=None,
    model="m1",
    asked_at="2026-11-25T19:30:00+00:00",
    due_at="2026-11-25T19:45:00+00:00",
)


class Function:
    """Lambda with one function that always says the same."""

    def __init__(self, said: object, *, failing: bool = False) -> None:
        self.said, self.failing, self.asked = said, failing, {}

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        self.asked = {"function": FunctionName} | json.loads(Payload)
        error = {"FunctionError": "Unhandled"} if self.failing else {}
        return {"Payload": io.BytesIO(json.dumps(self.said).encode())} | error


def failing(kind: object, message: object = "why") -> Function:
    return Function({"errorType": kind, "errorMessage": message}, failing=True)


def test_an_answer_is_given_and_comes_back() -> None:
    given = {"answer": "bicycle", "reviewer": "anna", "answered_at": "2026-11-25T19:31:00+00:00"}
    function = Function(given)
    assert answer_review("f", "a1", "bicycle", "anna", awslambda=function) == given
    assert function.asked == {
        "function": "f", "action": "answer", "arrival_id": "a1", "answer": "bicycle", "reviewer": "anna"
    }  # fmt: skip


def test_what_waits_is_listed_and_shown_with_what_the_model_saw() -> None:
    (review,) = list_reviews("f", awslambda=Function([REVIEW]))
    assert shown(review) == {
        "arrival_id": "a1",
        "image": "s3://depot/arrivals/anna/1.png",
        "due": "2026-11-25T19:45",
        "bicycle": 0.612,
        "motorcycle": 0.388,
    }


@pytest.mark.parametrize(
    ("arrival", "answer", "resolved"),
    [
        ("5f0c", "bicycle", ("5f0c1d", "bicycle")),
        ("5f0c1d", "BICYCLE", ("5f0c1d", "bicycle")),
        ("5f1", "motorcycle", ("5f1a2b", "Motorcycle")),
        ("5f1", "Neither", ("5f1a2b", "neither")),
        ("5f1", "car", ("5f1a2b", "car")),
        ("a0", "Bicycle", ("a0", "Bicycle")),
    ],
)
def test_an_arrival_may_be_named_by_its_beginning_and_a_class_in_any_case(
    arrival: str, answer: str, resolved: tuple[str, str]
) -> None:
    first = Review({**REVIEW, "arrival_id": "5f0c1d"})
    second = Review({**REVIEW, "arrival_id": "5f1a2b", "labels": ["Bicycle", "Motorcycle"]})
    assert resolve(arrival, answer, [first, second]) == resolved


def test_an_ambiguous_arrival_lists_the_candidates() -> None:
    waiting = [Review({**REVIEW, "arrival_id": name}) for name in ("5f0c", "5f1a")]
    with pytest.raises(errors.UsageError, match="5f is the beginning of several arrivals: 5f0c, 5f1a"):
        resolve("5f", "bicycle", waiting)


@pytest.mark.parametrize(
    "kind", [errors.ReviewNotFoundError, errors.ReviewAnsweredError, errors.ReviewClosedError, errors.BadAnswerError]
)
def test_the_function_s_errors_come_back_by_their_names(kind: type[errors.SconesError]) -> None:
    with pytest.raises(kind, match=r"^why$") as raised:
        answer_review("f", "a1", "bicycle", "anna", awslambda=failing(kind.__name__))
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    "kind", ["KeyError", "Sandbox.Timedout", "Runtime.ExitError", "annotations", "object", "LeftBehindError", None]
)
def test_any_other_failure_of_the_function_says_where_to_look(kind: str | None) -> None:
    with pytest.raises(errors.ReviewError, match=r"^f failed: .*why; look at its log"):
        list_reviews("f", awslambda=failing(kind))
