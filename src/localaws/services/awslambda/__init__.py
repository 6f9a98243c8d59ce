"""Lambda on this machine: python functions run on AWS's own runtime interface client, in processes that stay warm.

Plugs into ministack's Lambda, which keeps functions, versions and concurrency. Other runtimes are left to it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from localaws.services.awslambda.execution import execute, is_ours
from localaws.services.awslambda.sandbox import Sandbox

REQUEST_BYTES = 6_291_456
EVENT_BYTES = 1_048_576

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]


def install() -> None:
    """Put sandboxes in the place of ministack's workers, and Lambda's checks of an event in front of it."""
    other_worker = lambda_runtime._worker_class_for
    other_execution = lambda_svc._execute_function_warm
    other_logs = lambda_svc._emit_lambda_logs

    def worker_class_for(config: Mapping[str, Any]) -> type:
        return Sandbox if is_ours(config) else other_worker(config)

    def execute_warm(function: Mapping[str, Any], event: object, request_id: str) -> dict[str, Any]:
        return (execute if is_ours(function.get("config") or function) else other_execution)(
            function, event, request_id
        )

    def emit_logs(function: Mapping[str, Any], *arguments: Any, **options: Any) -> None:
        if not is_ours(function.get("config") or function):
            other_logs(function, *arguments, **options)

    lambda_runtime._worker_class_for = worker_class_for
    lambda_svc._execute_function_warm = execute_warm
    lambda_svc._emit_lambda_logs = emit_logs
    app.SERVICE_HANDLERS["lambda"] = _checked(app.SERVICE_HANDLERS["lambda"])


def _checked(handler: Handler) -> Handler:
    async def checked(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        if path.endswith("/invocations"):
            limit = EVENT_BYTES if headers.get("x-amz-invocation-type") == "Event" else REQUEST_BYTES
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
