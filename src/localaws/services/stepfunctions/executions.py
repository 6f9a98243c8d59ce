"""Executions from outside: an idempotent StartExecution, and the end of those that an earlier server left running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.core.responses import json_response, request_scope
from ministack.services import stepfunctions as engine

from localaws.services.stepfunctions.timing import fail

# ministack's error of an execution whose thread ended with the server; it fails it silently while it loads the state.
_LEFT = "States.ServiceRestart"
_start = engine._start_execution


def start(request: Mapping[str, Any]) -> object:
    """Answer StartExecution. Source: its API reference, on idempotency."""
    machine = engine._resolve_state_machine_arn(request.get("stateMachineArn", ""))
    if machine and "name" in request:
        arn = f"{machine.replace(':stateMachine:', ':execution:', 1)}:{request['name']}"
        running = engine._executions.get(arn)
        if running and running["status"] == "RUNNING" and running["input"] == request.get("input", "{}"):
            return json_response({"executionArn": arn, "startDate": running["startDate"]})
    return _start(request)


def fail_interrupted() -> None:
    """Fail the executions that ran when an earlier server ended, with an event in the history and one for EventBridge.

    Call it once, when everything is loaded. Source: Step Functions Developer Guide, "Automating Step Functions event
    delivery with EventBridge".
    """
    for (account, region, _arn), execution in engine._executions.all_items():
        if execution.get("error") == _LEFT:
            # As it was: only an execution that runs can fail.
            execution["status"] = "RUNNING"
            with request_scope(account, region):
                fail(execution, "States.Runtime", "The server stopped while this execution was running.")
