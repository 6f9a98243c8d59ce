"""SageMaker's API: the dispatch of a request to its operation, and the answer or error on the wire."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localaws import wire
from localaws.services.sagemaker import registry, store, tags
from localaws.services.sagemaker.hosting import endpoint_configs, endpoints, models, runtime
from localaws.services.sagemaker.jobs import processing, training, transform
from localaws.wire import Answer, ApiError, SerializationException, UnknownOperationException

_OPERATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    **training.OPERATIONS,
    **processing.OPERATIONS,
    **transform.OPERATIONS,
    **models.OPERATIONS,
    **endpoint_configs.OPERATIONS,
    **endpoints.OPERATIONS,
    **registry.OPERATIONS,
    **tags.OPERATIONS,
}
_MAX_REQUEST_BYTES = 4 * 1024 * 1024
# Invocations wait for containers: they must not use up the threads that the engine's other services share.
_invocations = ThreadPoolExecutor(64, thread_name_prefix="sagemaker-invocation")


def call(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run an operation of the control plane; timestamps are seconds since the epoch. Raises ApiError as AWS would."""
    implementation = _OPERATIONS.get(operation)
    if implementation is None:
        raise UnknownOperationException(f"{operation} is not implemented by this local SageMaker")
    members = wire.drop_nulls(request)
    wire.validate("sagemaker", operation, members)
    with store.LOCK:
        return wire.shape_answer("sagemaker", operation, implementation(members))


def operations() -> frozenset[str]:
    """Return the names of the implemented operations."""
    return frozenset(_OPERATIONS)


async def handle_request(method: str, path: str, headers: Mapping[str, str], body: bytes, _query: object) -> Answer:
    """Answer a request to SageMaker's control plane or its runtime; the engine's entry point.

    `headers` have lower-case names.
    """
    if runtime.is_invocation(path):
        return await _invoke(path, headers, body)
    operation = headers.get("x-amz-target", "").rpartition(".")[2] or f"{method} {path}"
    try:
        return wire.json_answer(call(operation, _parse(body)))
    except ApiError as error:
        return wire.error_answer(error)


async def _invoke(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    run = contextvars.copy_context().run
    try:
        reply = await asyncio.get_running_loop().run_in_executor(_invocations, run, runtime.invoke, path, headers, body)
    except ApiError as error:
        # The runtime speaks REST-JSON, whose errors have another body than the control plane's.
        error_headers = {"content-type": "application/json", "x-amzn-errortype": error.code}
        return error.status, error_headers, runtime.error_body(error)
    # Header names stay in lower case, or the engine would rewrite the container's JSON type to one of its own.
    return reply.status, dict(reply.headers), reply.body


def _parse(body: bytes) -> dict[str, Any]:
    if len(body) > _MAX_REQUEST_BYTES:
        raise SerializationException(f"The request body has over {_MAX_REQUEST_BYTES} bytes")
    return wire.parse(body)
