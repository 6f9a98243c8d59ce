"""Review: list the arrivals that wait for a person, and answer them, by invoking the review function.

The function alone may read the table of reviews, because the rows hold task tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scones import errors
from scones.contract.delivery import Review, ReviewAnswer
from scones.contract.layout import NEITHER
from scones.errors import ReviewError
from scones.steps.run.names import by_prefix

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


def list_reviews(function: str, *, awslambda: LambdaClient) -> list[Review]:
    """Return the reviews without an answer, oldest first. Raises ReviewError if the function fails."""
    reviews: list[Review] = _invoke(function, {"action": "list"}, awslambda=awslambda)
    return reviews


def answer_review(
    function: str, arrival_id: str, answer: str, reviewer: str, *, awslambda: LambdaClient
) -> ReviewAnswer:
    """Answer a review with one of the model's classes or "neither"; return the answer as it was saved.

    Raises ReviewNotFoundError; ReviewAnsweredError if somebody answered first; ReviewClosedError if the delivery no
    longer waits; BadAnswerError if the answer is not possible; ReviewError if the function fails.
    """
    event = {"action": "answer", "arrival_id": arrival_id, "answer": answer, "reviewer": reviewer}
    saved: ReviewAnswer = _invoke(function, event, awslambda=awslambda)
    return saved


def resolve(arrival: str, answer: str, reviews: Sequence[Review]) -> tuple[str, str]:
    """Return the ID of the waiting arrival that begins with `arrival`, and the answer as its class is written.

    What fits no waiting review is returned unchanged, for the function to refuse. Raises UsageError if several
    arrivals begin with `arrival`.
    """
    by_id = {review["arrival_id"]: review for review in reviews}
    arrival_id = by_prefix(arrival, by_id, "arrivals")
    if arrival_id is None:
        return arrival, answer
    # The model's classes are folders' names, which may have capitals themselves.
    spellings = {label.casefold(): label for label in (NEITHER, *by_id[arrival_id]["labels"])}
    return arrival_id, spellings.get(answer.casefold(), answer)


def shown(review: Review) -> dict[str, object]:
    """Return a review as the row of a table: where the image is, until when it waits, and the model's probabilities."""
    row: dict[str, object] = {
        "arrival_id": review["arrival_id"],
        "image": f"s3://{review['s3_bucket']}/{review['s3_key']}",
        "due": review["due_at"][:16],
    }
    # `labels` is empty if the endpoint answered with nothing but a list of probabilities, as the course's does.
    for label, probability in zip(review["labels"], review["inferences"], strict=False):
        row[label] = round(probability, 3)
    return row


def _invoke(function: str, event: dict[str, str], *, awslambda: LambdaClient) -> Any:
    """Return the function's result; raise its error again if it is one of ReviewError's classes."""
    response = awslambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    result = json.loads(response["Payload"].read())
    if "FunctionError" not in response:
        return result
    name = str(result.get("errorType"))
    message = str(result.get("errorMessage"))
    # Lambda also reports failures of its own, and the name may be any attribute of the module.
    error_class = getattr(errors, name, None)
    if isinstance(error_class, type) and issubclass(error_class, ReviewError):
        raise error_class(message)
    raise ReviewError(f"{function} failed: {name}: {message}; look at its log")
