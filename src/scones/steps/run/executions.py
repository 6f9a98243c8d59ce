"""Executions of state machines: the list of them, their histories, the end of a running one, the cause of a failure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

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


def history(execution: str, *, stepfunctions: SFNClient) -> Iterator[HistoryEventTypeDef]:
    """Yield the events of an execution's ARN, oldest first."""
    for page in stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution):
        yield from page["events"]


def follow(
    execution: str,
    show: Callable[[list[str]], None],
    *,
    stepfunctions: SFNClient,
    sleep: Callable[[float], None] = time.sleep,
) -> DescribeExecutionOutputTypeDef:
    """Call `show` once a second with the states entered so far; return the description of the ended execution.

    Ends with the execution, which its state machine's TimeoutSeconds limits.
    """
    while True:
        # Before the history: whatever ends an execution is then in the last history that is shown.
        described = stepfunctions.describe_execution(executionArn=execution)
        show(_entered_states(execution, stepfunctions=stepfunctions))
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
