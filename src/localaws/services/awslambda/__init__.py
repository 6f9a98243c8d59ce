"""Lambda on this machine: Python functions run in processes that stay warm, on AWS's runtime client or our own.

Extends ministack's Lambda, which keeps functions, versions and concurrency, and runs the functions of other runtimes.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from localaws.services.awslambda.execution import execute, runs_in_sandbox
from localaws.services.awslambda.sandbox import Sandbox

# Lambda quotas, "Invocation payload": synchronous and asynchronous.
MAX_REQUEST_BYTES = 6_291_456
MAX_EVENT_BYTES = 1_048_576

Answer = tuple[int, dict[str, str], bytes]
# Takes a request's method, path, headers, body and query.
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]


def install() -> None:
    """Replace ministack's workers for Python by sandboxes, and check events as Lambda does before they reach it."""
    engine_worker = lambda_runtime._worker_class_for
    engine_execute = lambda_svc._execute_function_warm
    engine_logs = lambda_svc._emit_lambda_logs

    def worker_class_for(config: Mapping[str, Any]) -> type:
        return Sandbox if runs_in_sandbox(config) else engine_worker(config)

    def execute_warm(function: Mapping[str, Any], event: object, request_id: str) -> dict[str, Any]:
        run = execute if runs_in_sandbox(_config(function)) else engine_execute
        return run(function, event, request_id)

    def emit_logs(function: Mapping[str, Any], *arguments: object, **options: object) -> None:
        # A sandbox's lines are written by `execute`.
        if not runs_in_sandbox(_config(function)):
            engine_logs(function, *arguments, **options)

    lambda_runtime._worker_class_for = worker_class_for
    lambda_svc._execute_function_warm = execute_warm
    lambda_svc._emit_lambda_logs = emit_logs
    app.SERVICE_HANDLERS["lambda"] = _checked(app.SERVICE_HANDLERS["lambda"])


def _config(function: Mapping[str, Any]) -> Mapping[str, Any]:
    # ministack passes either its record of a function or the configuration alone.
    config: Mapping[str, Any] = function.get("config") or function
    return config


def _checked(handler: Handler) -> Handler:
    async def checked(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        if path.endswith("/invocations"):
            is_asynchronous = headers.get("x-amz-invocation-type") == "Event"
            limit = MAX_EVENT_BYTES if is_asynchronous else MAX_REQUEST_BYTES
            if len(body) > limit:
                message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
                return _refused(413, "RequestTooLargeException", message)
            try:
                json.loads(body or b"{}")
            except (ValueError, RecursionError) as error:
                message = f"Could not parse request body into json: {error}"
                return _refused(400, "InvalidRequestContentException", message)
        return await handler(method, path, headers, body, query)

    return checked


def _refused(status: int, error: str, message: str) -> Answer:
    return status, {"x-amzn-errortype": error}, json.dumps({"Type": "User", "message": message}).encode()
