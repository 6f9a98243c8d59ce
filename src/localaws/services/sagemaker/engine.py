"""The other services of the local AWS, called in process. For threads only: never from the server's event loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ministack import app

Answer = tuple[int, Mapping[str, str], bytes]


def call(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, str]
) -> Answer:
    """One request in the caller's account and region, without the network: a job may read thousands of objects."""
    answer: Answer = app.call_service_handler_sync(
        app.SERVICE_HANDLERS[service], method, path, dict(headers), body, dict(query)
    )
    return answer


def call_logs(action: str, **members: Any) -> int:
    """One operation of CloudWatch Logs; gives the HTTP status."""
    headers = {"x-amz-target": f"Logs_20140328.{action}", "content-type": "application/x-amz-json-1.1"}
    status, _, _ = call("logs", "POST", "/", headers, json.dumps(members).encode(), {})
    return status
