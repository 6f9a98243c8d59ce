"""The metadata in the result of a Task that calls Lambda: as on AWS, the request id that the function's log has.

Runs on the execution's thread, or on the thread with which ministack limits a Task's time.
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
    """Run a function and remember the id of the request."""
    result: dict[str, Any] = _execute(function, event)
    _last_request.set(result.get("request_id"))
    return result


def invoke(resource: str, arguments: object) -> object:
    """Run a Task. Source: Step Functions Developer Guide, "Invoke an AWS Lambda function with Step Functions"."""
    _last_request.set(None)
    result = _invoke(resource, arguments)
    request = _last_request.get()
    if request is None or "states:::lambda:invoke" not in resource:
        return result
    return {"ExecutedVersion": "$LATEST", **result, "SdkResponseMetadata": {"RequestId": request}}
