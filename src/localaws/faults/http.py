"""Faults of HTTP requests, from a command or from a Lambda function, and the requests that set and show them.

`POST /_localaws/faults` adds a rule, GET returns the calls and the faults so far, DELETE clears everything.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from hypercorn.protocol.events import StreamClosed

from localaws.faults.errors import ANSWERED, error_answer
from localaws.faults.injector import Injector
from localaws.faults.operations import Operation, Request, operation_of
from localaws.faults.rules import Call, Rule, RuleError, parse
from localaws.server.asgi import Message, Receive, Send, respond

Headers = dict[str, str]
Forward = Callable[[Message, Headers, Receive, Send], Awaitable[None]]

PATH = "/_localaws/faults"
_JSON = {"content-type": "application/json"}
_MAX_RULE_BYTES = 65_536
# As long as boto3's clients wait for an answer by default.
_HANG_SECONDS = 60


class HttpFaults:
    """Lets requests through to `forward`, or makes them fail as the injector says."""

    def __init__(self, injector: Injector, forward: Forward) -> None:
        self._injector = injector
        self._forward = forward

    async def __call__(self, scope: Message, headers: Headers, receive: Receive, send: Send) -> None:
        """Answer one request. `headers` have lower-case names."""
        if scope["path"] == PATH:
            await self._configure(scope["method"], receive, send)
        elif self._injector.is_armed and scope["type"] == "http":
            await self._forward_or_fail(scope, headers, receive, send)
        else:
            await self._forward(scope, headers, receive, send)

    async def _configure(self, method: str, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        status = 200
        answer = {}
        try:
            if method == "POST":
                self._injector.arm(_parse_rule(body))
            elif method == "DELETE":
                self._injector.clear()
            elif method == "GET":
                answer = self._injector.report()
            else:
                status = 405
                answer = {"message": "Use POST, GET or DELETE."}
        except RuleError as error:
            status = 400
            answer = {"message": str(error)}
        await respond(send, status, _JSON, json.dumps(answer).encode())

    async def _forward_or_fail(self, scope: Message, headers: Headers, receive: Receive, send: Send) -> None:
        # Read to its end, or a client that still sends would see another error than the one that is meant.
        body = await _read(receive)
        operation = operation_of(_request(scope, headers, body))
        kind = self._injector.take(Call(_side(headers), operation.service, operation.name))
        whole = _replay(body, receive)
        if kind is None:
            await self._forward(scope, headers, whole, send)
        elif kind == "lost-answer":
            await self._forward(scope, headers, whole, _discard)
            await _close(send)
        else:
            await _fail(kind, operation, receive, send)


def _parse_rule(body: bytes) -> Rule | None:
    if len(body) > _MAX_RULE_BYTES:
        raise RuleError(f"The body has over {_MAX_RULE_BYTES} bytes.")
    return parse(body)


def _request(scope: Message, headers: Headers, body: bytes) -> Request:
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Request(scope["method"], scope["raw_path"].decode("latin-1"), query, headers, body)


def _side(headers: Headers) -> str:
    # Every SDK puts AWS_EXECUTION_ENV there, which a function's own environment cannot replace.
    return "lambda" if "exec-env/AWS_Lambda_" in headers.get("user-agent", "") else "command"


async def _fail(kind: str, operation: Operation, receive: Receive, send: Send) -> None:
    if kind in ANSWERED:
        await respond(send, *error_answer(operation, kind))
        return
    if kind == "hang":
        await _wait_for_disconnect(receive)
    await _close(send)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body, and then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _discard(message: Message) -> None:
    """Take a message of an answer that nobody receives."""


async def _wait_for_disconnect(receive: Receive) -> None:
    try:
        async with asyncio.timeout(_HANG_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def _close(send: Send) -> None:
    """Close the connection without an answer."""
    # ASGI has no message for that: an application that returns without an answer gets a 500 from the server.
    stream = send.__self__  # type: ignore[attr-defined]
    await stream.send(StreamClosed(stream_id=stream.stream_id))
