"""Nested executions: `states:startExecution.sync` and `.sync:2` wait for the child and stop it with its parent.

ministack runs the child as StartSyncExecution would, in the parent's thread: it cannot be stopped, and its failure has
the child's own error. On AWS a child that does not succeed is States.TaskFailed, with its description as the cause.
Source: Step Functions Developer Guide, "Start a new AWS Step Functions state machine from a running execution".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import stepfunctions as engine

from localaws.services.stepfunctions import context

_POLL_SECONDS = 0.05


def start_and_wait(resource: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run a child execution to its end and return its description; `.sync:2` parses its output.

    Raises States.TaskFailed if the child does not succeed, and StepFunctions.<Error>Exception if it cannot be started.
    """
    child = _start(engine._nested_start_execution_request(request))
    # The engine does not link the two executions, so only this loop stops the child with its parent.
    while child["status"] == "RUNNING":
        if not context.is_running():
            engine._stop_execution({"executionArn": child["executionArn"], "cause": "The parent execution was stopped"})
        time.sleep(_POLL_SECONDS)
    described = _described(child)
    if child["status"] != "SUCCEEDED":
        raise engine._ExecutionError("States.TaskFailed", json.dumps(described))
    if resource.endswith(".sync:2"):
        described["Output"] = json.loads(described["Output"])
    return described


def _start(request: Mapping[str, Any]) -> dict[str, Any]:
    """Start the child and return the engine's own record of it, which changes as the child runs."""
    status, _, body = engine._start_execution(request)
    answer = json.loads(body)
    if status >= 400:
        raise engine._ExecutionError(f"StepFunctions.{answer['__type']}Exception", answer.get("message", ""))
    record: dict[str, Any] = engine._executions[answer["executionArn"]]
    return record


def _described(child: Mapping[str, Any]) -> dict[str, Any]:
    """Return DescribeExecution's answer with the capitalised names that the integration uses."""
    _, _, body = engine._describe_execution({"executionArn": child["executionArn"]})
    answer = json.loads(body)
    return {f"{name[0].upper()}{name[1:]}": value for name, value in answer.items() if value is not None}
