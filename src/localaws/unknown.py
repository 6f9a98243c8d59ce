"""What a service that is not here answers: its name, rather than ministack's 400 without a word. Runs in the server."""

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
    operation = headers.get("x-amz-target", "").rpartition(".")[2] or f"{method} {path}"
    message = f"The service {service} is not implemented by localaws ({operation})."
    answer = {"__type": "UnknownOperationException", "message": message}
    return 400, {"x-amzn-errortype": "UnknownOperationException"}, json.dumps(answer).encode()


def install() -> None:
    app.SERVICE_HANDLERS = Handlers(app.SERVICE_HANDLERS)
