"""Review: what waits for a person, and the person's answer. Runs where the operator sits.

Asks the review function, which alone may read the table: it holds the task tokens.
"""

from __future__ import annotations

import json
from typing import Any

from scones import errors
from scones.contract.delivery import Review, ReviewAnswer
from scones.errors import ReviewError


def list_reviews(function: str, *, awslambda: Any) -> list[Review]:
    """Return what waits, oldest first."""
    found: list[Review] = _ask(function, {"action": "list"}, awslambda=awslambda)
    return found


def answer_review(function: str, arrival_id: str, answer: str, reviewer: str, *, awslambda: Any) -> ReviewAnswer:
    """Give the answer: one of the model's classes, or "neither".

    Raises ReviewNotFoundError, ReviewAnsweredError where somebody was faster, ReviewClosedError where the delivery has
    stopped waiting, BadAnswerError for an answer that is not possible.
    """
    asked = {"action": "answer", "arrival_id": arrival_id, "answer": answer, "reviewer": reviewer}
    given: ReviewAnswer = _ask(function, asked, awslambda=awslambda)
    return given


def shown(review: Review) -> dict[str, object]:
    """Return the row that a person reads: the picture's place, and what the model saw in it."""
    return {
        "arrival_id": review["arrival_id"],
        "image": f"s3://{review['s3_bucket']}/{review['s3_key']}",
        "due": review["due_at"][:16],
        **{name: round(p, 3) for name, p in zip(review["labels"], review["inferences"], strict=False)},
    }


def _ask(function: str, event: dict[str, str], *, awslambda: Any) -> Any:
    answered = awslambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    value = json.loads(answered["Payload"].read())
    if "FunctionError" not in answered:
        return value
    kind = getattr(errors, str(value.get("errorType")), None)
    message = str(value.get("errorMessage"))
    if isinstance(kind, type) and issubclass(kind, ReviewError):
        raise kind(message)
    raise ReviewError(f"{function} failed: {value.get('errorType')}: {message}; look at its log")
