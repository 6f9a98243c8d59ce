"""Deliveries: list the executions of the delivery state machine, and redrive those that failed.

Step Functions' own redrive continues at the state that failed, which here is the Fail state after Record. A failed
delivery is therefore replayed from its start, with the same input, as `<name>-r<number>`. Its arrival keeps what it
has: Claim lets a replay take over the row of a failed execution, and Dispatch returns the order assigned before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Final, TypedDict

from botocore.exceptions import ClientError

from scones.items import conditional_write, to_item
from scones.progress import Progress
from scones.steps.run.executions import execution_arn, list_executions
from scones.steps.run.patience import error_code

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef
    from types_boto3_stepfunctions import SFNClient
    from types_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

FAILED: Final = ("FAILED", "TIMED_OUT", "ABORTED")
# How far back failed deliveries are looked for: as long as an event stays in the dead letter queue.
MAX_AGE = timedelta(days=14)
MAX_LISTED = 1000
# An execution's name has at most 80 characters; 73 leave room for `-r` and five digits. EventBridge's names have 73.
_MAX_BASE_CHARS = 73
_REPLAY = re.compile(r"(?P<base>.+)-r(?P<number>[1-9][0-9]{0,3})")
# How long a message that was received is hidden from other receivers: longer than it takes to receive all of them.
_HIDDEN_SECONDS = 30


class Delivery(TypedDict):
    """One execution, or an event in the dead letter queue (`status` UNDELIVERED).

    `started_at` is ISO 8601 in UTC, empty for an event; `s3_key` is the image's key, None if the input names none.
    """

    name: str
    status: str
    started_at: str
    s3_key: str | None
    error: str | None
    cause: str | None


@dataclass(frozen=True)
class DeliveryContext:
    """The delivery state machine's ARN, its dead letter queue's URL, the table of arrivals, and their clients."""

    machine: str
    queue: str
    table: str
    stepfunctions: SFNClient
    sqs: SQSClient
    dynamodb: DynamoDBClient


def list_deliveries(context: DeliveryContext) -> list[Delivery]:
    """Return the newest `MAX_LISTED` executions, newest first, without `s3_key`, `error` and `cause`."""
    newest = islice(list_executions(context.machine, stepfunctions=context.stepfunctions), MAX_LISTED)
    return [_from_execution(execution) for execution in newest]


def failed_deliveries(context: DeliveryContext) -> list[Delivery]:
    """Return the failed deliveries of the newest `MAX_AGE` that have not been retried, and then the undelivered events.

    The deliveries are sorted by their start, oldest first.
    """
    failed = [_describe(execution, context) for execution in _failed_executions(context)]
    messages = _dead_letters(context)
    for message in messages:
        # Shown again at once, so that `redrive` finds the messages right after they were listed.
        context.sqs.change_message_visibility(
            QueueUrl=context.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return failed + [_from_message(message) for message in messages]


def redrive(context: DeliveryContext, *, progress: Progress) -> list[Delivery]:
    """Start again what `failed_deliveries` lists, and return it. Two calls at the same time start each one once.

    An event without an image's key stays in the queue, with a note.
    """
    started = [_replay(execution, context, progress) for execution in _failed_executions(context)]
    for message in _dead_letters(context):
        if input_key(message["Body"]) is None:
            progress.note(
                f"{message['MessageId']} names no image and stays in {context.queue}; look at it, and delete it there"
            )
            continue
        # SQS may deliver a message twice. Its ID as the name makes the second start fail, which `_start` ignores.
        _start(message["MessageId"], message["Body"], context)
        context.sqs.delete_message(QueueUrl=context.queue, ReceiptHandle=message["ReceiptHandle"])
        started.append(_from_message(message))
    return started


def next_name(name: str) -> str:
    """Return the name of the execution that replays `name`: `<name>-r1`, then `<name>-r2`, and so on.

    Two names never have the same next name: a long one is cut, and its SHA-256 takes the place of what was cut off.
    """
    match = _REPLAY.fullmatch(name)
    base, number = (match["base"], int(match["number"])) if match else (name, 0)
    if len(base) > _MAX_BASE_CHARS:
        digest = hashlib.sha256(base.encode()).hexdigest()[:8]
        base = f"{base[: _MAX_BASE_CHARS - 9]}-{digest}"
    return f"{base}-r{number + 1}"


def _replay(execution: ExecutionListItemTypeDef, context: DeliveryContext, progress: Progress) -> Delivery:
    described = context.stepfunctions.describe_execution(executionArn=execution["executionArn"])
    _release_claim(execution["name"], context)
    _start(next_name(execution["name"]), described["input"], context)
    progress.note(f"{execution['name']} started again")
    return _from_execution(described)


def _start(name: str, text: str, context: DeliveryContext) -> None:
    try:
        context.stepfunctions.start_execution(stateMachineArn=context.machine, name=name, input=text)
    except ClientError as error:
        # Somebody else has redriven it in the meantime.
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise


def _release_claim(execution: str, context: DeliveryContext) -> None:
    """Mark the arrivals of an execution as failed, so that a replay may claim them.

    Record does so itself; an execution that timed out or was stopped never reached it.
    """
    pages = context.dynamodb.get_paginator("scan").paginate(
        TableName=context.table,
        FilterExpression="execution = :execution",
        ExpressionAttributeValues=to_item({":execution": execution}),
        ProjectionExpression="arrival_id",
    )
    for page in pages:
        for item in page["Items"]:
            # The condition fails if a replay started by somebody else has claimed the arrival since the scan.
            conditional_write(
                context.dynamodb.update_item,
                TableName=context.table,
                Key={"arrival_id": item["arrival_id"]},
                UpdateExpression="SET #state = :failed",
                ConditionExpression="execution = :execution",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item({":failed": "FAILED", ":execution": execution}),
            )


def _failed_executions(context: DeliveryContext) -> list[ExecutionListItemTypeDef]:
    """Return the failed executions of the newest `MAX_AGE` whose replay does not exist, oldest first."""
    oldest = datetime.now(UTC) - MAX_AGE
    failed: list[ExecutionListItemTypeDef] = []
    for status in FAILED:
        executions = list_executions(context.machine, stepfunctions=context.stepfunctions, status=status)
        # They are listed newest first, so that the pages of all earlier ones are never asked for.
        failed += takewhile(lambda execution: execution["startDate"] >= oldest, executions)
    not_retried = [execution for execution in failed if not _is_retried(execution["name"], context)]
    return sorted(not_retried, key=lambda execution: execution["startDate"])


def _is_retried(name: str, context: DeliveryContext) -> bool:
    replay = execution_arn(context.machine, next_name(name))
    try:
        context.stepfunctions.describe_execution(executionArn=replay)
    except ClientError as error:
        if error_code(error) == "ExecutionDoesNotExist":
            return False
        raise
    return True


def _dead_letters(context: DeliveryContext) -> list[MessageTypeDef]:
    """Return all messages of the queue. Ends with the first receive that has no new message."""
    messages: dict[str, MessageTypeDef] = {}
    while True:
        # Without a wait SQS asks only a part of its servers, and may return nothing although there are messages.
        received = context.sqs.receive_message(
            QueueUrl=context.queue, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN_SECONDS, WaitTimeSeconds=1
        )
        batch = {message["MessageId"]: message for message in received.get("Messages", ())}
        new = {message_id: message for message_id, message in batch.items() if message_id not in messages}
        if not new:
            return list(messages.values())
        messages |= new


def _describe(execution: ExecutionListItemTypeDef, context: DeliveryContext) -> Delivery:
    return _from_execution(context.stepfunctions.describe_execution(executionArn=execution["executionArn"]))


def _from_execution(execution: Mapping[str, Any]) -> Delivery:
    return Delivery(
        name=execution["name"],
        status=execution["status"],
        started_at=execution["startDate"].isoformat(timespec="seconds"),
        s3_key=input_key(execution.get("input", "")),
        error=execution.get("error"),
        cause=execution.get("cause"),
    )


def _from_message(message: MessageTypeDef) -> Delivery:
    return Delivery(
        name=message["MessageId"],
        status="UNDELIVERED",
        started_at="",
        s3_key=input_key(message["Body"]),
        error=None,
        cause=None,
    )


def input_key(text: str) -> str | None:
    """Return the image's key in an execution's input: the data object of the course, or an event of EventBridge."""
    try:
        event = json.loads(text)
        return str(event["s3_key"] if "s3_key" in event else event["detail"]["object"]["key"])
    except (ValueError, TypeError, KeyError):
        return None
