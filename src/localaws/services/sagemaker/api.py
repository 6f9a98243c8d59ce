"""SageMaker's API: which operation a request is, and its answer or its error on the wire."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localaws import wire
from localaws.services.sagemaker import registry, store, tags
from localaws.services.sagemaker.errors import SageMakerError, SerializationException, UnknownOperationException
from localaws.services.sagemaker.hosting import endpoint_configs, endpoints, models, runtime
from localaws.services.sagemaker.jobs import processing, training, transform

_OPERATIONS = {
    **training.OPERATIONS,
    **processing.OPERATIONS,
    **transform.OPERATIONS,
    **models.OPERATIONS,
    **endpoint_configs.OPERATIONS,
    **endpoints.OPERATIONS,
    **registry.OPERATIONS,
    **tags.OPERATIONS,
}
_REQUEST_BYTES = 4 * 1024 * 1024
# Invocations wait for containers: they must not use up the threads that the engine's other services share.
_invocations = ThreadPoolExecutor(64, thread_name_prefix="sagemaker-invocation")

Answer = tuple[int, dict[str, str], bytes]


def call(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run an operation of the control plane; timestamps are seconds since the epoch. Raises SageMakerError."""
    implementation = _OPERATIONS.get(operation)
    if implementation is None:
        raise UnknownOperationException(f"{operation} is not implemented by this local SageMaker")
    given = {name: value for name, value in request.items() if value is not None}
    wire.validate(operation, given)
    with store.LOCK:
        return wire.shape_answer(operation, implementation(given))


def operations() -> frozenset[str]:
    """The names of the operations that exist."""
    return frozenset(_OPERATIONS)


async def handle_request(method: str, path: str, headers: Mapping[str, str], body: bytes, _query: object) -> Answer:
    """The engine's entry point for both SageMaker's control plane and its runtime."""
    # Names of headers are in lower case, or the engine would make one JSON type of every JSON type.
    if runtime.is_invocation(path):
        return await _invoke(path, headers, body)
    operation = headers.get("x-amz-target", "").rpartition(".")[2] or f"{method} {path}"
    try:
        answer = call(operation, _parse(body))
    except SageMakerError as error:
        content = json.dumps({"__type": error.code, "message": str(error)}).encode()
        return error.status, _headers("application/x-amz-json-1.1", error), content
    return 200, _headers("application/x-amz-json-1.1"), json.dumps(answer).encode()


async def _invoke(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    run = contextvars.copy_context().run
    try:
        reply = await asyncio.get_running_loop().run_in_executor(_invocations, run, runtime.invoke, path, headers, body)
    except SageMakerError as error:
        return error.status, _headers("application/json", error), runtime.error_members(error)
    return reply.status, dict(reply.headers), reply.body


def _headers(content_type: str, error: SageMakerError | None = None) -> dict[str, str]:
    return {"content-type": content_type, **({"x-amzn-errortype": error.code} if error else {})}


def _parse(body: bytes | str) -> dict[str, Any]:
    if len(body) > _REQUEST_BYTES:
        raise SerializationException(f"The request body has over {_REQUEST_BYTES} bytes")
    try:
        request = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise SerializationException(f"The request body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise SerializationException("The request body is not a JSON object")
    return request
