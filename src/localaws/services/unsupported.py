"""Refuses by name what this server cannot do: services that ministack lacks, and builds of CodeBuild."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack import app

Answer = tuple[int, dict[str, str], bytes]
# Takes a request's method, path, headers, body and query.
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]


class Handlers(dict[str, Handler]):
    """The handlers of the services by name; `get` returns a handler that refuses for a service that is missing."""

    def get(self, service: str, default: object = None) -> Handler:
        """Return the handler of a service; there is always one, so `default` is not used."""
        return self[service] if service in self else _refusing(service)


def install() -> None:
    """Replace ministack's table of handlers."""
    handlers = Handlers(app.SERVICE_HANDLERS)
    handlers["codebuild"] = _without_builds(handlers["codebuild"])
    app.SERVICE_HANDLERS = handlers


def _refusing(service: str) -> Handler:
    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        # Only the JSON protocols name the operation in a header.
        operation = _operation(headers) or f"{method} {path}"
        return _refusal(f"The service {service} is not implemented by localaws ({operation}).")

    return handle


def _without_builds(handler: Handler) -> Handler:
    # ministack reports a build as SUCCEEDED without running anything.
    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        if _operation(headers).startswith("StartBuild"):
            return _refusal("localaws runs no builds: an image here is a program on this machine, see --image.")
        return await handler(method, path, headers, body, query)

    return handle


def _operation(headers: Mapping[str, str]) -> str:
    return headers.get("x-amz-target", "").rpartition(".")[2]


def _refusal(message: str) -> Answer:
    answer = {"__type": "UnknownOperationException", "message": message}
    return 400, {"x-amzn-errortype": "UnknownOperationException"}, json.dumps(answer).encode()
