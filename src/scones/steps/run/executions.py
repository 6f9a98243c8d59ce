"""Executions of state machines: starting, listing and following them, their histories, the cause of a failure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.progress import Progress
from scones.steps.run.patience import patiently

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient
    from types_boto3_stepfunctions.literals import ExecutionStatusType
    from types_boto3_stepfunctions.type_defs import (
        DescribeExecutionOutputTypeDef,
        ExecutionListItemTypeDef,
        HistoryEventTypeDef,
    )

# Where a cause may hold its reason: a job's description, a processing job's, a Lambda's error, a nested execution.
_REASONS = ("FailureReason", "ExitMessage", "errorMessage", "Cause")
_POLL_SECONDS = 1


def list_executions(
    machine: str, *, stepfunctions: SFNClient, status: ExecutionStatusType | None = None
) -> Iterator[ExecutionListItemTypeDef]:
    """Yield the executions of a state machine's ARN, newest first; with `status`, only those that have it."""
    paginator = stepfunctions.get_paginator("list_executions")
    if status is None:
        pages = paginator.paginate(stateMachineArn=machine)
    else:
        pages = paginator.paginate(stateMachineArn=machine, statusFilter=status)
    for page in pages:
        yield from page["executions"]


def execution_arn(machine: str, name: str) -> str:
    """Return the ARN of the execution of this name of a state machine's ARN."""
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def start_execution(machine: str, name: str, text: str, *, stepfunctions: SFNClient) -> str:
    """Start an execution of a state machine's ARN with this name and input; return its ARN. Safe to repeat.

    Raises ClientError with the code ExecutionAlreadyExists if the name is in use with another input.
    """
    try:
        return stepfunctions.start_execution(stateMachineArn=machine, name=name, input=text)["executionArn"]
    except ClientError as error:
        if error_code(error) != "ExecutionAlreadyExists":
            raise
        # Step Functions says so of an execution that has ended, too: one whose first answer was lost.
        execution = execution_arn(machine, name)
        if stepfunctions.describe_execution(executionArn=execution).get("input") != text:
            raise
        return execution


def stop_execution(execution: str, reason: str, *, stepfunctions: SFNClient, cause: str = "") -> None:
    """Stop an execution, with `reason` as its error and a `cause` for people, unless it has ended or does not exist."""
    try:
        stepfunctions.stop_execution(executionArn=execution, error=reason, cause=cause)
    except ClientError as error:
        # An execution may end between the look that found it running and this call.
        if error_code(error) == "ExecutionDoesNotExist" or not _is_running(execution, stepfunctions=stepfunctions):
            return
        raise


def _is_running(execution: str, *, stepfunctions: SFNClient) -> bool:
    return stepfunctions.describe_execution(executionArn=execution)["status"] == "RUNNING"


def history(execution: str, *, stepfunctions: SFNClient) -> Iterator[HistoryEventTypeDef]:
    """Yield the events of an execution's ARN, oldest first."""
    for page in stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution):
        yield from page["events"]


def follow(
    execution: str,
    show: Callable[[list[str]], None],
    *,
    stepfunctions: SFNClient,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> DescribeExecutionOutputTypeDef:
    """Call `show` once a second with the states entered so far; return the description of the ended execution.

    Ends with the execution, which its state machine's TimeoutSeconds limits. Raises an error of AWS only if it is not
    transient or lasts for five minutes.
    """

    def look() -> tuple[DescribeExecutionOutputTypeDef, list[str]]:
        # Before the history: whatever ends an execution is then in the last history that is shown.
        described = stepfunctions.describe_execution(executionArn=execution)
        return described, _entered_states(execution, stepfunctions=stepfunctions)

    while True:
        described, states = patiently(look, progress=progress, sleep=sleep)
        show(states)
        if described["status"] != "RUNNING":
            return described
        sleep(_POLL_SECONDS)


def _entered_states(execution: str, *, stepfunctions: SFNClient) -> list[str]:
    events = history(execution, stepfunctions=stepfunctions)
    names = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    # A state that is entered again, as in a loop that waits, is listed once.
    return list(dict.fromkeys(names))


def failure_reason(cause: str) -> str:
    """Return the sentence for a person in an execution's cause: a job's FailureReason, a Lambda's errorMessage."""
    try:
        value = json.loads(cause)
    except ValueError:
        return cause or "no cause given"
    if isinstance(value, dict):
        for name in _REASONS:
            if isinstance(value.get(name), str):
                # A reason may be JSON again: a nested execution's Cause holds the cause of its own failed task.
                return failure_reason(value[name])
    return cause
