"""Review: asks a person about a picture, and hands the answer to the delivery that waits for it. Runs in Lambda.

The one function that sees task tokens. A token is a bearer secret: who has it can decide a delivery. It stands in the
reviews table, which no other role may read, and goes nowhere else: not into a log, a notification or an answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.delivery import ImageData, Label, Review, ReviewAnswer
from scones.contract.layout import JSON, KEPT_SECONDS, LABELS, NEITHER
from scones.errors import BadAnswerError, EventError, ReviewAnsweredError, ReviewClosedError, ReviewNotFoundError
from scones.items import conditional_write, from_item, query_by_state, to_item
from scones.workflow.clients import client
from scones.workflow.events import parse_image_data

# What Step Functions says of a token whose task has ended, whichever way.
_ENDED = ("TaskTimedOut", "TaskDoesNotExist")


@dataclass(frozen=True)
class Desk:
    """Where reviews are kept, who is told of them, how long they wait in seconds, and AWS's clients."""

    table: str
    topic: str
    seconds: float
    dynamodb: Any
    s3: Any
    sns: Any
    stepfunctions: Any


def handler(event: Mapping[str, Any], context: object) -> Any:
    """`action` is ask (from the state machine), list, answer, or measure (from the clock)."""
    desk = Desk(
        table=os.environ["REVIEWS_TABLE"],
        topic=os.environ["TOPIC_ARN"],
        seconds=float(os.environ["REVIEW_SECONDS"]),
        **{name: client(name) for name in ("dynamodb", "s3", "sns", "stepfunctions")},
    )
    now = datetime.now(UTC)
    match event.get("action"):
        case "ask":
            return ask(parse_image_data(event["data"]), event["token"], desk=desk, now=now)
        case "list":
            return waiting(desk=desk, now=now)
        case "answer":
            return answer(event["arrival_id"], event["answer"], event["reviewer"], desk=desk, now=now)
        case "measure":
            return print(json.dumps(oldest(desk=desk, now=now)))
    raise EventError("the event's action is none of ask, list, answer and measure")


def ask(data: ImageData, token: str, *, desk: Desk, now: datetime) -> None:
    """Keep the token and tell the depot's people; an arrival that was answered before gets that answer at once."""
    inferences, labels = data["inferences"], data.get("labels", [])
    review = Review(
        arrival_id=data["arrival_id"],
        s3_bucket=data["s3_bucket"],
        s3_key=data["s3_key"],
        version_id=data.get("version_id"),
        labels=labels,
        inferences=inferences,
        novelty=data.get("novelty"),
        model=data.get("model"),
        asked_at=now.isoformat(),
        due_at=(now + timedelta(seconds=desk.seconds)).isoformat(),
    )
    row = {**review, "state": "WAITING", "token": token, "expires_at": int(now.timestamp()) + KEPT_SECONDS}
    if _put_unless_answered(row, desk=desk):
        told = {"arrival_id": data["arrival_id"], "image": f"s3://{data['s3_bucket']}/{data['s3_key']}"}
        desk.sns.publish(
            TopicArn=desk.topic,
            Subject="A picture waits for review",
            Message=json.dumps(
                told | {"model": dict(zip(labels, inferences, strict=False)), "answer": "scones review"}
            ),
        )
    else:
        before = _row(data["arrival_id"], desk=desk)
        _send(token, _answer_of(before), desk=desk)


def waiting(*, desk: Desk, now: datetime) -> list[Review]:
    """Return what waits for an answer, oldest first, without tokens.

    An answer that a crash kept from its delivery is no longer listed by anybody, so it is handed on here.
    """
    for row in _in_state("ANSWERING", desk=desk):
        with suppress(ReviewClosedError):
            _hand_on(_row(row["arrival_id"], desk=desk), desk=desk)
    rows = [row for row in _in_state("WAITING", desk=desk) if row["due_at"] > now.isoformat()]
    return [Review(**{name: row.get(name) for name in Review.__annotations__}) for row in rows]  # type: ignore[typeddict-item]


def answer(arrival: str, said: str, reviewer: str, *, desk: Desk, now: datetime) -> ReviewAnswer:
    """Take a person's answer, once, and hand it on: to `labels/` and to the delivery.

    Raises ReviewNotFoundError, ReviewAnsweredError for a second answer, ReviewClosedError where the delivery no longer
    waits, BadAnswerError if `said` is neither a class of the model nor "neither".
    """
    row = _row(arrival, desk=desk)
    if not row:
        raise ReviewNotFoundError(f"nobody asked about {arrival}; `scones review` lists what waits")
    if said not in (*row["labels"], NEITHER):
        raise BadAnswerError(f"the answer {said!r} is none of {', '.join((*row['labels'], NEITHER))}")
    given = ReviewAnswer(answer=said, reviewer=reviewer, answered_at=now.isoformat())
    _answer_once(arrival, given, desk=desk)
    # A crash may have kept the first answer from being handed on: then whoever comes next does it.
    row = _row(arrival, desk=desk)
    _hand_on(row, desk=desk)
    if _answer_of(row) != given:
        raise ReviewAnsweredError(
            f"{row['reviewer']} has answered {row['answer']} at {row['answered_at']}; that stands"
        )
    return given


def oldest(*, desk: Desk, now: datetime) -> dict[str, Any]:
    """Return the age of the oldest review in CloudWatch's embedded metric format: logged, it is a metric."""
    times = [datetime.fromisoformat(review["asked_at"]) for review in waiting(desk=desk, now=now)]
    metric = {"Name": "OldestReview", "Unit": "Seconds"}
    directive = {"Namespace": "Scones", "Dimensions": [["Table"]], "Metrics": [metric]}
    return {
        "_aws": {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        "Table": desk.table,
        "OldestReview": (now - min(times)).total_seconds() if times else 0,
    }


def _in_state(state: str, *, desk: Desk) -> list[dict[str, Any]]:
    return [from_item(item) for item in desk.dynamodb.query(**query_by_state(desk.table, state))["Items"]]


def _row(arrival: str, *, desk: Desk) -> dict[str, Any]:
    key = to_item({"arrival_id": arrival})
    return from_item(desk.dynamodb.get_item(TableName=desk.table, Key=key, ConsistentRead=True).get("Item", {}))


def _put_unless_answered(row: Mapping[str, Any], *, desk: Desk) -> bool:
    return conditional_write(
        desk.dynamodb.put_item,
        TableName=desk.table,
        Item=to_item(row),
        ConditionExpression="attribute_not_exists(answer)",
    )


def _answer_once(arrival: str, given: ReviewAnswer, *, desk: Desk) -> None:
    conditional_write(
        desk.dynamodb.update_item,
        TableName=desk.table,
        Key=to_item({"arrival_id": arrival}),
        UpdateExpression="SET #state = :answering, answer = :answer, reviewer = :reviewer, answered_at = :at",
        ConditionExpression="attribute_not_exists(answer)",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item(
            {":answering": "ANSWERING", ":answer": given["answer"], ":reviewer": given["reviewer"]}
            | {":at": given["answered_at"]}
        ),
    )


def _hand_on(row: Mapping[str, Any], *, desk: Desk) -> None:
    """Keep the label, wake the delivery, and forget the token: each may be done twice, none may be left out."""
    if "token" not in row:
        return
    _write_label(row, desk=desk)
    woken = _send(row["token"], _answer_of(row), desk=desk)
    desk.dynamodb.update_item(
        TableName=desk.table,
        Key=to_item({"arrival_id": row["arrival_id"]}),
        UpdateExpression="SET #state = :answered REMOVE #token",
        ExpressionAttributeNames={"#token": "token", "#state": "state"},
        ExpressionAttributeValues=to_item({":answered": "ANSWERED"}),
    )
    if not woken:
        raise ReviewClosedError(
            f"the delivery of {row['s3_key']} waited until {row['due_at']} and no longer does; the label is kept"
        )


def _send(token: str, given: ReviewAnswer, *, desk: Desk) -> bool:
    """Whether the delivery still waited."""
    try:
        desk.stepfunctions.send_task_success(taskToken=token, output=json.dumps(given))
    except ClientError as error:
        if error.response["Error"]["Code"] in _ENDED:
            return False
        raise
    return True


def _write_label(row: Mapping[str, Any], *, desk: Desk) -> None:
    """The answer, and the picture's own copy: arrivals are forgotten after a month, training data is not."""
    image_key = f"{LABELS}{row['arrival_id']}{PurePosixPath(row['s3_key']).suffix.lower()}"
    label = Label(
        **_answer_of(row),
        arrival_id=row["arrival_id"],
        s3_key=row["s3_key"],
        image_key=image_key,
        model=row.get("model"),
        inferences=row["inferences"],
    )
    source = {"Bucket": row["s3_bucket"], "Key": row["s3_key"]}
    if "version_id" in row:
        source["VersionId"] = row["version_id"]
    desk.s3.copy_object(Bucket=row["s3_bucket"], Key=image_key, CopySource=source)
    desk.s3.put_object(
        Bucket=row["s3_bucket"], Key=f"{LABELS}{row['arrival_id']}.json", Body=json.dumps(label), ContentType=JSON
    )


def _answer_of(row: Mapping[str, Any]) -> ReviewAnswer:
    return ReviewAnswer(answer=row["answer"], reviewer=row["reviewer"], answered_at=row["answered_at"])
