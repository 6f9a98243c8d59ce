"""What a Task that calls Lambda gets beside the payload: as on AWS the call's request id, which the function's log has.

Runs on the execution's thread, or on the one on which the engine times a Task.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc
from ministack.services import stepfunctions as engine

_execute = lambda_svc._execute_function_with_config_scope
_invoke = engine._invoke_resource
_last_request: ContextVar[str | None] = ContextVar("last_request", default=None)


def execute(function: Mapping[str, Any], event: object) -> dict[str, Any]:
    """Run a function, and remember by which request."""
    result: dict[str, Any] = _execute(function, event)
    _last_request.set(result.get("request_id"))
    return result


def invoke(resource: str, arguments: object) -> object:
    """Do what a Task asks for. Source: Step Functions' developer guide, "Invoke an AWS Lambda function"."""
    _last_request.set(None)
    result = _invoke(resource, arguments)
    request = _last_request.get()
    if request is None or "states:::lambda:invoke" not in resource:
        return result
    return {"ExecutedVersion": "$LATEST", **result, "SdkResponseMetadata": {"RequestId": request}}
