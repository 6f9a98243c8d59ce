"""Calls to the other services of the local AWS, in process. For threads only: never from the server's event loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from ministack import app

from localaws.wire import Answer


class HttpRequest(NamedTuple):
    """An HTTP request to a service of the engine; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    query: Mapping[str, str] = {}


def call(service: str, request: HttpRequest) -> Answer:
    """Return a service's answer to `request` in the caller's account and region."""
    # In process and not over the network, because a job may read thousands of objects.
    answer: Answer = app.call_service_handler_sync(
        app.SERVICE_HANDLERS[service],
        request.method,
        request.path,
        dict(request.headers),
        request.body,
        dict(request.query),
    )
    return answer


def call_logs(action: str, members: Mapping[str, object]) -> int:
    """Run an operation of CloudWatch Logs and return the HTTP status."""
    # AWS's date-stamped name of the CloudWatch Logs API.
    headers = {"x-amz-target": f"Logs_20140328.{action}", "content-type": "application/x-amz-json-1.1"}
    status, _, _ = call("logs", HttpRequest("POST", "/", headers, json.dumps(members).encode()))
    return status
