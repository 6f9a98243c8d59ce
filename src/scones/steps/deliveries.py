"""Deliveries: list the executions of the delivery state machine, and redrive those that failed.

Step Functions' own redrive continues at the state that failed, which here is the Fail state after Record. A failed
delivery is therefore replayed from its start, with the same input, as `<name>-r<number>`. Its arrival keeps what it
has: Claim lets a replay take over the row of a failed execution, and Dispatch returns the order assigned before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.errors import DeliveryError
from scones.items import conditional_write, to_item
from scones.progress import Progress
from scones.steps.run.delivery import Delivery, Selection, from_execution, from_message, input_key
from scones.steps.run.executions import execution_arn, list_executions, start_execution
from scones.steps.run.names import by_prefix
from scones.steps.storage.threads import in_threads

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef
    from types_boto3_stepfunctions import SFNClient
    from types_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef, ExecutionListItemTypeDef

ALL: Final = Selection()
FAILED: Final = ("FAILED", "TIMED_OUT", "ABORTED")
# How far back failed deliveries are looked for: as long as an event stays in the dead letter queue.
MAX_AGE = timedelta(days=14)
MAX_LISTED = 1000
# How many are described for each look for those of one driver.
_DESCRIBED_AT_ONCE = 50
# An execution's name has at most 80 characters; 73 leave room for `-r` and five digits. EventBridge's names have 73.
_MAX_BASE_CHARS = 73
_REPLAY = re.compile(r"(?P<base>.+)-r(?P<number>[1-9][0-9]{0,3})")
# How long a message that was received is hidden from other receivers: longer than it takes to receive all of them.
_HIDDEN_SECONDS = 30


@dataclass(frozen=True)
class DeliveryContext:
    """The delivery state machine's ARN, its dead letter queue's URL, the table of arrivals, and their clients."""

    machine: str
    queue: str
    table: str
    stepfunctions: SFNClient
    sqs: SQSClient
    dynamodb: DynamoDBClient


def list_deliveries(context: DeliveryContext, selection: Selection = ALL, *, limit: int = MAX_LISTED) -> list[Delivery]:
    """Return up to `limit` deliveries, newest first, of the newest `MAX_LISTED` that match the name and the time."""
    executions = islice(_matching(context, selection), MAX_LISTED)
    # Each costs a call. A driver is known only after it, so that more are described than are listed.
    size = limit if selection.driver is None else max(limit, _DESCRIBED_AT_ONCE)
    found: list[Delivery] = []
    while len(found) < limit and (batch := list(islice(executions, size))):
        found += [delivery for delivery in _describe_all(batch, context) if selection.includes(delivery)]
    return found[:limit]


def failed_deliveries(context: DeliveryContext, selection: Selection = ALL) -> list[Delivery]:
    """Return the failed deliveries of the newest `MAX_AGE` that have not been retried, and then the undelivered events.

    The deliveries are sorted by their start, oldest first.
    """
    failed = _describe_all(_failed_executions(context), context)
    messages = _dead_letters(context)
    for message in messages:
        # Shown again at once, so that `redrive` finds the messages right after they were listed.
        _show_again(message, context)
    found = failed + [from_message(message) for message in messages]
    return [delivery for delivery in found if selection.includes(delivery)]


def redrive(context: DeliveryContext, selection: Selection = ALL, *, progress: Progress) -> list[Delivery]:
    """Start again what `failed_deliveries` lists, and return it. Two calls at the same time start each one once.

    A name in the selection is a whole one here; `find_failed` completes it. An event without an image's key stays in
    the queue, with a note.
    """
    started = []
    for execution in _failed_executions(context):
        described = context.stepfunctions.describe_execution(executionArn=execution["executionArn"])
        if _is_selected(from_execution(described), selection):
            started.append(_replay(described, context, progress))
    for message in _dead_letters(context):
        if not _is_selected(from_message(message), selection):
            _show_again(message, context)
            continue
        if input_key(message["Body"]) is None:
            progress.note(
                f"{message['MessageId']} names no image and stays in {context.queue}; look at it, and delete it there"
            )
            continue
        # SQS may deliver a message twice. Its ID as the name makes the second start fail, which `_start` ignores.
        start_execution(context.machine, message["MessageId"], message["Body"], stepfunctions=context.stepfunctions)
        context.sqs.delete_message(QueueUrl=context.queue, ReceiptHandle=message["ReceiptHandle"])
        started.append(from_message(message))
    return started


def find_failed(prefix: str, context: DeliveryContext) -> str:
    """Return the name of the one failed delivery that begins with `prefix`.

    Raises UsageError if several do, DeliveryError if no failed delivery does.
    """
    name = by_prefix(prefix, (delivery["name"] for delivery in failed_deliveries(context)), "failed deliveries")
    if name is None:
        raise DeliveryError(f"no failed delivery begins with {prefix}; `scones deliveries --failed` lists them")
    return name


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


def _is_selected(delivery: Delivery, selection: Selection) -> bool:
    return selection.name in ("", delivery["name"]) and selection.includes(delivery)


def _replay(described: DescribeExecutionOutputTypeDef, context: DeliveryContext, progress: Progress) -> Delivery:
    name = described["name"]
    _release_claim(name, context)
    # Somebody else may have redriven it in the meantime; an execution with this name and input is then left as it is.
    start_execution(context.machine, next_name(name), described["input"], stepfunctions=context.stepfunctions)
    progress.note(f"{name} started again")
    return from_execution(described)


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


def _show_again(message: MessageTypeDef, context: DeliveryContext) -> None:
    context.sqs.change_message_visibility(
        QueueUrl=context.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )


def _matching(context: DeliveryContext, selection: Selection) -> Iterator[ExecutionListItemTypeDef]:
    """Yield the executions whose name and start match, newest first."""
    since = selection.since or datetime.min.replace(tzinfo=UTC)
    executions = list_executions(context.machine, stepfunctions=context.stepfunctions)
    # They are listed newest first, so that the pages of all earlier ones are never asked for.
    recent = takewhile(lambda execution: execution["startDate"] >= since, executions)
    return (execution for execution in recent if execution["name"].startswith(selection.name))


def _describe_all(executions: Sequence[ExecutionListItemTypeDef], context: DeliveryContext) -> list[Delivery]:
    def describe(execution: ExecutionListItemTypeDef) -> Delivery:
        return from_execution(context.stepfunctions.describe_execution(executionArn=execution["executionArn"]))

    return in_threads(describe, executions, Progress(), "")
