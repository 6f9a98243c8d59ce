"""Deliveries: how the executions of the delivery machine ended, and those that failed started once more.

Runs where the operator sits. Step Functions' own redrive would go on at the state that failed, which here is the one
that ends a recorded failure; so a failed delivery is replayed whole, with its own input, as `<name>-r<number>`. What
its arrival got already it keeps: Claim hands over the row of a failed execution, and Dispatch gives the first answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypedDict

from botocore.exceptions import ClientError

from scones.items import conditional_write, to_item
from scones.progress import Progress

FAILED = ("FAILED", "TIMED_OUT", "ABORTED")
MOST = 1000
# A name has 80 characters at most; this leaves room for `-r` and five digits. EventBridge's have 73.
_MOST_FIRST = 73
_REPLAY = re.compile(r"(?P<first>.+)-r(?P<number>[1-9][0-9]{0,3})")
_HIDDEN_SECONDS = 30


class Delivery(TypedDict):
    """One execution, or an event in the dead letter queue (`status` UNDELIVERED); `started_at` in UTC."""

    name: str
    status: str
    started_at: str
    picture: str | None
    error: str | None
    cause: str | None


def list_deliveries(machine: str, *, stepfunctions: Any) -> list[Delivery]:
    """Return the newest executions, up to `MOST`, without their inputs' and errors' details."""
    return [_delivery(one) for one in islice(_executions(machine, stepfunctions=stepfunctions), MOST)]


def failed_deliveries(machine: str, queue: str, *, stepfunctions: Any, sqs: Any) -> list[Delivery]:
    """Return what failed and was not started again since, oldest first, and the events that started nothing."""
    found = [_described(one, stepfunctions=stepfunctions) for one in _failed(machine, stepfunctions=stepfunctions)]
    letters = _dead_letters(queue, sqs=sqs)
    for message in letters:
        # Who has read the list may redrive at once.
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    return found + [_undelivered(message) for message in letters]


def redrive(
    machine: str, queue: str, *, table: str, stepfunctions: Any, sqs: Any, dynamodb: Any, progress: Progress
) -> list[Delivery]:
    """Start again what `failed_deliveries` lists, and return it; what is started twice at once runs once."""
    failed = _failed(machine, stepfunctions=stepfunctions)
    started = [_replay(one, machine, table, stepfunctions, dynamodb, progress) for one in failed]
    for message in _dead_letters(queue, sqs=sqs):
        if _picture(message["Body"]) is None:
            progress.note(
                f"{message['MessageId']} names no picture and stays in {queue}; look at it, and delete it there"
            )
            continue
        # SQS may hand out a message twice, and its id is a name that Step Functions takes once.
        _start(machine, message["MessageId"], message["Body"], stepfunctions=stepfunctions)
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        started.append(_undelivered(message))
    return started


def next_name(name: str) -> str:
    """Return the name of the execution that replays `name`: `name-r1`, then `name-r2`, ...; no two names share one."""
    match = _REPLAY.fullmatch(name)
    first, number = (match["first"], int(match["number"])) if match else (name, 0)
    if len(first) > _MOST_FIRST:
        first = f"{first[: _MOST_FIRST - 9]}-{hashlib.sha256(first.encode()).hexdigest()[:8]}"
    return f"{first}-r{number + 1}"


def _replay(
    execution: dict[str, Any], machine: str, table: str, stepfunctions: Any, dynamodb: Any, progress: Progress
) -> Delivery:
    described = stepfunctions.describe_execution(executionArn=execution["executionArn"])
    _release_claim(execution["name"], table=table, dynamodb=dynamodb)
    _start(machine, next_name(execution["name"]), described["input"], stepfunctions=stepfunctions)
    progress.note(f"{execution['name']} started again")
    return _delivery(described)


def _start(machine: str, name: str, text: str, *, stepfunctions: Any) -> None:
    try:
        stepfunctions.start_execution(stateMachineArn=machine, name=name, input=text)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise


def _release_claim(execution: str, *, table: str, dynamodb: Any) -> None:
    """Give back the arrival of an execution that ended without a word: one that timed out or was stopped."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="execution = :execution",
        ExpressionAttributeValues=to_item({":execution": execution}),
        ProjectionExpression="arrival_id",
    )
    for item in (item for page in pages for item in page["Items"]):
        # Where somebody else redrives too, the replay has the arrival already.
        conditional_write(
            dynamodb.update_item,
            TableName=table,
            Key={"arrival_id": item["arrival_id"]},
            UpdateExpression="SET #state = :failed",
            ConditionExpression="execution = :execution",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=to_item({":failed": "FAILED", ":execution": execution}),
        )


def _failed(machine: str, *, stepfunctions: Any) -> list[dict[str, Any]]:
    executions = list(_executions(machine, stepfunctions=stepfunctions))
    names = {one["name"] for one in executions}
    failed = [one for one in executions if one["status"] in FAILED and next_name(one["name"]) not in names]
    return sorted(failed, key=lambda one: one["startDate"])


def _executions(machine: str, *, stepfunctions: Any) -> Iterator[dict[str, Any]]:
    for page in stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=machine):
        yield from page["executions"]


def _dead_letters(queue: str, *, sqs: Any) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    while True:
        # Without a wait SQS asks only some of its servers, and may say that there is nothing.
        received = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN_SECONDS, WaitTimeSeconds=1
        )
        messages = {message["MessageId"]: message for message in received.get("Messages", ())}
        fresh = {name: message for name, message in messages.items() if name not in found}
        if not fresh:
            return list(found.values())
        found |= fresh


def _described(execution: dict[str, Any], *, stepfunctions: Any) -> Delivery:
    return _delivery(stepfunctions.describe_execution(executionArn=execution["executionArn"]))


def _delivery(execution: dict[str, Any]) -> Delivery:
    return Delivery(
        name=execution["name"],
        status=execution["status"],
        started_at=execution["startDate"].isoformat(timespec="seconds"),
        picture=_picture(execution.get("input", "")),
        error=execution.get("error"),
        cause=execution.get("cause"),
    )


def _undelivered(message: dict[str, Any]) -> Delivery:
    picture = _picture(message["Body"])
    return Delivery(
        name=message["MessageId"], status="UNDELIVERED", started_at="", picture=picture, error=None, cause=None
    )


def _picture(text: str) -> str | None:
    """The key of the picture that an execution's input names, in either of the forms that start one."""
    try:
        event = json.loads(text)
        return str(event["s3_key"] if "s3_key" in event else event["detail"]["object"]["key"])
    except (ValueError, TypeError, KeyError):
        return None
