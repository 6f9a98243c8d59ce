"""Idempotent StartExecution: a second start with the same name and input returns the execution that still runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.core.responses import json_response
from ministack.services import stepfunctions as engine

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
