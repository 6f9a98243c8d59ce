"""What is not here says so by name: services that ministack lacks, and what it would only pretend to do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from ministack import app

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]


class Handlers(dict[str, Handler]):
    """The services by name; asking for one that is not there gives a handler that says so."""

    def get(self, service: str, default: object = None) -> Handler:
        return self[service] if service in self else partial(refuse, service)


async def refuse(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Answer:
    """An UnknownOperationException that names the service and the operation, as far as it can be told."""
    operation = _operation(headers) or f"{method} {path}"
    return _refusal(f"The service {service} is not implemented by localaws ({operation}).")


def _without_builds(handler: Handler) -> Handler:
    """CodeBuild's handler, but for builds, which ministack would report as SUCCEEDED without running anything."""

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


def install() -> None:
    handlers = Handlers(app.SERVICE_HANDLERS)
    handlers["codebuild"] = _without_builds(handlers["codebuild"])
    app.SERVICE_HANDLERS = handlers
