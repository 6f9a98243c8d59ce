"""Review: asks a person about an image and delivers the answer to the delivery that waits for it. Runs in Lambda.

It is the only function that handles task tokens. A token is a bearer secret: its holder can decide a delivery. It is
stored in the reviews table, which no other role may read, and never appears in a log, a notification or a response.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from scones.aws_errors import error_code
from scones.contract.delivery import ImageData, Review, ReviewAnswer
from scones.contract.layout import NEITHER, RETENTION_SECONDS
from scones.errors import BadAnswerError, EventError, ReviewAnsweredError, ReviewClosedError, ReviewNotFoundError
from scones.items import conditional_write, from_item, query_by_state, to_item
from scones.workflow.arrival.events import parse_image_data
from scones.workflow.arrival.labels import write_label
from scones.workflow.clients import client
from scones.workflow.transient import retryable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sns import SNSClient
    from types_boto3_stepfunctions import SFNClient

# Step Functions' error codes for the token of a task that has ended, for whatever reason.
_ENDED = ("TaskTimedOut", "TaskDoesNotExist")


@dataclass(frozen=True)
class ReviewContext:
    """The reviews table, the SNS topic for reviewers, the time in seconds that a review waits, and AWS's clients."""

    table: str
    topic: str
    seconds: float
    dynamodb: DynamoDBClient
    s3: S3Client
    sns: SNSClient
    stepfunctions: SFNClient


@retryable
def handler(event: Mapping[str, Any], lambda_context: object) -> list[Review] | ReviewAnswer | None:
    """Run the event's `action`: "ask" (sent by the state machine), "list", "answer" or "measure" (sent by a schedule).

    Reads REVIEWS_TABLE, TOPIC_ARN and REVIEW_SECONDS from the environment.
    """
    context = ReviewContext(
        table=os.environ["REVIEWS_TABLE"],
        topic=os.environ["TOPIC_ARN"],
        seconds=float(os.environ["REVIEW_SECONDS"]),
        dynamodb=client("dynamodb"),
        s3=client("s3"),
        sns=client("sns"),
        stepfunctions=client("stepfunctions"),
    )
    now = datetime.now(UTC)
    match event.get("action"):
        case "ask":
            ask(parse_image_data(event["data"]), event["token"], context=context, now=now)
            return None
        case "list":
            return list_waiting(context=context, now=now)
        case "answer":
            return answer(event["arrival_id"], event["answer"], event["reviewer"], context=context, now=now)
        case "measure":
            measure(context=context, now=now)
            return None
    raise EventError("the event's action is not one of ask, list, answer and measure")


def ask(data: ImageData, token: str, *, context: ReviewContext, now: datetime) -> None:
    """Store the review with its token and notify the reviewers.

    If the arrival has an answer from an earlier execution, send that to the delivery instead.
    """
    due_at = now + timedelta(seconds=context.seconds)
    review = Review(
        arrival_id=data["arrival_id"],
        s3_bucket=data["s3_bucket"],
        s3_key=data["s3_key"],
        version_id=data.get("version_id"),
        labels=data.get("labels", []),
        inferences=data["inferences"],
        novelty=data.get("novelty"),
        model=data.get("model"),
        asked_at=now.isoformat(),
        due_at=due_at.isoformat(),
    )
    row = {**review, "state": "WAITING", "token": token, "expires_at": int(now.timestamp()) + RETENTION_SECONDS}
    if _put_unless_answered(row, context=context):
        _notify_reviewers(review, context=context)
    else:
        answered_row = _read_row(data["arrival_id"], context=context)
        _send(token, _answer_of(answered_row), context=context)


def list_waiting(*, context: ReviewContext, now: datetime) -> list[Review]:
    """Return the reviews that wait for an answer and are not overdue, oldest first, without their tokens."""
    _deliver_pending_answers(context=context, now=now)
    return _waiting(context=context, now=now)


def answer(arrival: str, label: str, reviewer: str, *, context: ReviewContext, now: datetime) -> ReviewAnswer:
    """Store a reviewer's answer, the first only, write it under `labels/` and deliver it to the delivery.

    Raises ReviewNotFoundError if the arrival has no review, BadAnswerError if `label` is neither a class of the model
    nor "neither", ReviewAnsweredError if another answer was first, and ReviewClosedError if the delivery no longer
    waits. The label is training data: if it cannot be written, the answer counts all the same.
    """
    row = _read_row(arrival, context=context)
    if not row:
        raise ReviewNotFoundError(f"{arrival} has no review; `scones review` lists those that wait")
    allowed = (*row["labels"], NEITHER)
    if label not in allowed:
        raise BadAnswerError(f"the answer {label!r} is not one of {', '.join(allowed)}")
    review_answer = ReviewAnswer(answer=label, reviewer=reviewer, answered_at=now.isoformat())
    _store_first_answer(arrival, review_answer, context=context)
    # Read the row again: it may have another reviewer's answer, which a crash kept from its delivery.
    row = _read_row(arrival, context=context)
    _deliver_answer(row, context=context, now=now)
    stored = _answer_of(row)
    # The same answer of the same reviewer is a call that was repeated, because its response was lost.
    if (stored["answer"], stored["reviewer"]) != (label, reviewer):
        raise ReviewAnsweredError(
            f"{row['reviewer']} has already answered {row['answer']} at {row['answered_at']}; that answer counts"
        )
    return stored


def measure(*, context: ReviewContext, now: datetime) -> None:
    """Print `oldest_review_metric`, then deliver the answers that a crash has kept from their deliveries."""
    # CloudWatch turns a log line of this format into a metric.
    print(json.dumps(oldest_review_metric(context=context, now=now)))
    _deliver_pending_answers(context=context, now=now)


def oldest_review_metric(*, context: ReviewContext, now: datetime) -> dict[str, Any]:
    """Return the age of the oldest waiting review, in seconds, in CloudWatch's embedded metric format."""
    reviews = _waiting(context=context, now=now)
    asked_at = [datetime.fromisoformat(review["asked_at"]) for review in reviews]
    metric = {"Name": "OldestReview", "Unit": "Seconds"}
    directive = {"Namespace": "Scones", "Dimensions": [["Table"]], "Metrics": [metric]}
    return {
        "_aws": {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        "Table": context.table,
        "OldestReview": (now - min(asked_at)).total_seconds() if asked_at else 0,
    }


def _waiting(*, context: ReviewContext, now: datetime) -> list[Review]:
    rows = _rows_in_state("WAITING", context=context)
    return [_review_of(row) for row in rows if row["due_at"] > now.isoformat()]


def _deliver_pending_answers(*, context: ReviewContext, now: datetime) -> None:
    """Deliver the answers whose delivery or label is missing, after a crash or a failed call."""
    for row in _rows_in_state("ANSWERING", context=context):
        try:
            _deliver_answer(_read_row(row["arrival_id"], context=context), context=context, now=now)
        # One review that fails, for whatever reason, must not hide the others. It stays as it is until the next call.
        except (BotoCoreError, ClientError, ReviewClosedError) as error:
            _log(row["arrival_id"], "answer not delivered", error)


def _log(arrival: str, event: str, error: Exception) -> None:
    print(json.dumps({"arrival_id": arrival, "event": event, "error": f"{type(error).__name__}: {error}"}))


def _notify_reviewers(review: Review, *, context: ReviewContext) -> None:
    message = {
        "arrival_id": review["arrival_id"],
        "image": f"s3://{review['s3_bucket']}/{review['s3_key']}",
        # There are no labels if the endpoint returned only probabilities.
        "model": dict(zip(review["labels"], review["inferences"], strict=False)),
        "answer": "scones review",
    }
    try:
        context.sns.publish(TopicArn=context.topic, Subject="An image waits for review", Message=json.dumps(message))
    except (BotoCoreError, ClientError) as error:
        # `scones review` lists it all the same, and an alarm goes off for a review that waits too long.
        _log(review["arrival_id"], "reviewers not notified", error)


def _rows_in_state(state: str, *, context: ReviewContext) -> list[dict[str, Any]]:
    pages = context.dynamodb.get_paginator("query").paginate(**query_by_state(context.table, state))
    return [from_item(item) for page in pages for item in page["Items"]]


def _read_row(arrival: str, *, context: ReviewContext) -> dict[str, Any]:
    """Return the row of a review, or an empty dictionary."""
    key = to_item({"arrival_id": arrival})
    response = context.dynamodb.get_item(TableName=context.table, Key=key, ConsistentRead=True)
    return from_item(response.get("Item", {}))


def _review_of(row: Mapping[str, Any]) -> Review:
    # Only the fields of a Review, so that the token stays in the table.
    review: Review = {name: row.get(name) for name in Review.__annotations__}  # type: ignore[assignment]
    return review


def _put_unless_answered(row: Mapping[str, Any], *, context: ReviewContext) -> bool:
    return conditional_write(
        context.dynamodb.put_item,
        TableName=context.table,
        Item=to_item(row),
        ConditionExpression="attribute_not_exists(answer)",
    )


def _store_first_answer(arrival: str, review_answer: ReviewAnswer, *, context: ReviewContext) -> None:
    values = {
        ":answering": "ANSWERING",
        ":answer": review_answer["answer"],
        ":reviewer": review_answer["reviewer"],
        ":at": review_answer["answered_at"],
    }
    conditional_write(
        context.dynamodb.update_item,
        TableName=context.table,
        Key=to_item({"arrival_id": arrival}),
        UpdateExpression="SET #state = :answering, answer = :answer, reviewer = :reviewer, answered_at = :at",
        ConditionExpression="attribute_not_exists(answer)",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item(values),
    )


def _deliver_answer(row: Mapping[str, Any], *, context: ReviewContext, now: datetime) -> None:
    """Complete the delivery's task and remove the token, then write the label. Does only what is still to be done.

    Raises ReviewClosedError if the delivery no longer waits.
    """
    # The state is ANSWERING until everything is done. Each step may run twice, and a crash leaves none out.
    was_waiting = True
    if "token" in row:
        was_waiting = _send(row["token"], _answer_of(row), context=context)
        _remove_token(row, context=context)
    if row.get("state") == "ANSWERING" and write_label(_review_of(row), _answer_of(row), s3=context.s3):
        _set_answered(row, context=context)
    # Before its time is over, a task has ended by this answer: another call delivered it, or this one was repeated.
    if not was_waiting and row["due_at"] <= now.isoformat():
        raise ReviewClosedError(
            f"the delivery of {row['s3_key']} waited until {row['due_at']} and no longer does; the label is kept"
        )


def _remove_token(row: Mapping[str, Any], *, context: ReviewContext) -> None:
    _update(row, context, UpdateExpression="REMOVE #token", ExpressionAttributeNames={"#token": "token"})


def _set_answered(row: Mapping[str, Any], *, context: ReviewContext) -> None:
    _update(
        row,
        context,
        UpdateExpression="SET #state = :answered",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item({":answered": "ANSWERED"}),
    )


def _update(row: Mapping[str, Any], context: ReviewContext, **update: object) -> None:
    conditional_write(
        context.dynamodb.update_item,
        TableName=context.table,
        Key=to_item({"arrival_id": row["arrival_id"]}),
        # The row may have been deleted, and must not come back as a fragment.
        ConditionExpression="attribute_exists(arrival_id)",
        **update,
    )


def _send(token: str, review_answer: ReviewAnswer, *, context: ReviewContext) -> bool:
    """Complete the task of a token. Return False if the task has ended already."""
    try:
        context.stepfunctions.send_task_success(taskToken=token, output=json.dumps(review_answer))
    except ClientError as error:
        if error_code(error) in _ENDED:
            return False
        raise
    return True


def _answer_of(row: Mapping[str, Any]) -> ReviewAnswer:
    return ReviewAnswer(answer=row["answer"], reviewer=row["reviewer"], answered_at=row["answered_at"])
