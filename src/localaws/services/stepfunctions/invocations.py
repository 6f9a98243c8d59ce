"""The metadata in the result of a Task that calls Lambda: the version that ran, and the request id in its log.

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
_last_metadata: ContextVar[dict[str, Any] | None] = ContextVar("last_metadata", default=None)


def execute(function: Mapping[str, Any], event: object) -> dict[str, Any]:
    """Run a function and remember its version and the id of the request."""
    result: dict[str, Any] = _execute(function, event)
    # ministack passes either its record of a function or the configuration alone.
    version = (function.get("config") or function).get("Version", "$LATEST")
    _last_metadata.set({"ExecutedVersion": version, "SdkResponseMetadata": {"RequestId": result.get("request_id")}})
    return result


def invoke(resource: str, arguments: object) -> object:
    """Run a Task. Source: Step Functions Developer Guide, "Invoke an AWS Lambda function with Step Functions"."""
    _last_metadata.set(None)
    result = _invoke(resource, arguments)
    metadata = _last_metadata.get()
    if metadata is None or "states:::lambda:invoke" not in resource:
        return result
    return {**result, **metadata}
