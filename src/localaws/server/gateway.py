"""The ASGI application in front of ministack: it refuses web pages and holds an answer until its change is on disk.

Every program on this machine may call the server. A web page in a browser on this machine may not, whether it comes
through another origin or through DNS rebinding.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from localaws.faults.http import HttpFaults
from localaws.faults.injector import Injector
from localaws.server.asgi import App, Message, Receive, Send, respond

Save = Callable[[], Awaitable[None]]

# ministack holds a whole request in memory.
MAX_BODY_BYTES = 1 << 30
_JSON = {"content-type": "application/x-amz-json-1.0"}
_READS = ("Get", "Describe", "List", "Head", "BatchGet", "Query", "Scan", "Filter", "Lookup", "Validate", "Search")

# An invocation changes nothing itself: what a function or an endpoint changes, it changes by requests of its own.
_INVOKED = ("/2015-03-31/functions/", "/endpoints/")

# S3's clients use path-style addresses here; the scope of the signature tells S3 from other REST services.
_OBJECT = re.compile(r"/[^/]+/.+", re.DOTALL)
_S3_SCOPE = "/s3/aws4_request"


def is_own_host(host: str, names: Iterable[str]) -> bool:
    """Return whether a Host (or an Origin's authority) is this server: an IP address, localhost, or one of `names`.

    DNS rebinding needs a name, so an address is safe; `*.localhost` never leaves the machine (RFC 6761, 6.3).
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost") or name in names
    return True


def refusal(headers: dict[str, str], names: Iterable[str]) -> str | None:
    """Return why a request with these headers (names in lower case) is refused, or None."""
    if not is_own_host(headers.get("host", ""), names):
        return f"Host {headers.get('host', '')!r} is not this server."
    origin = headers.get("origin")
    if origin is not None and not is_own_host(origin.partition("://")[2], names):
        return f"Origin {origin!r} may not call this server."
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return f"A request body may have {MAX_BODY_BYTES} bytes here; use a multipart upload."
    return None


def operation_of(method: str, path: str, headers: Mapping[str, str], query: str) -> str:
    """Return the name of the AWS operation if the request has it outside of its body, else an empty string."""
    if method == "PUT" and not query and _OBJECT.fullmatch(path) and _S3_SCOPE in headers.get("authorization", ""):
        return "PutObject"
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    return target or path.partition("/operation/")[2] or parse_qs(query).get("Action", [""])[0]


def is_read(method: str, path: str, operation: str) -> bool:
    """Return whether a request changes nothing; one whose operation is not known counts as a change."""
    invokes = path.startswith(_INVOKED) and path.endswith("/invocations")
    return method in ("GET", "HEAD", "OPTIONS") or invokes or operation.startswith(_READS)


def frees_space(method: str, operation: str, query: str) -> bool:
    """Return whether a change only deletes or stops something, and so must work on a full disk too."""
    return method == "DELETE" or operation.startswith(("Delete", "Deregister", "Stop")) or query == "delete"


@dataclass(frozen=True)
class Hooks:
    """The functions of the server that the gateway calls.

    `track` takes the operation of a request that begins and returns the function that makes its changes durable.
    `is_full` returns whether the disk has no room for any change. `started` is called once the server accepts requests,
    and `stopping` is awaited before ministack shuts down.
    """

    track: Callable[[str], Save]
    is_full: Callable[[], bool]
    started: Callable[[], None]
    stopping: Callable[[], Awaitable[None]]


class Gateway:
    """The ASGI application around `app`; `names` are the host names of this server besides localhost."""

    def __init__(self, app: App, hooks: Hooks, injector: Injector, names: Iterable[str] = ()) -> None:
        self._app = app
        self._hooks = hooks
        self._serve = HttpFaults(injector, self._forward)
        self._names = frozenset(names)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, self._before_shutdown(receive), self._after_startup(send))
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        reason = refusal(headers, self._names)
        if reason is None:
            await self._serve(scope, headers, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _forbid(send, reason)

    async def _forward(self, scope: Message, headers: dict[str, str], receive: Receive, send: Send) -> None:
        path = scope["path"]
        method = scope.get("method", "GET")
        query = scope["query_string"].decode("latin-1")
        operation = operation_of(method, path, headers, query)
        if is_read(method, path, operation):
            await self._app(scope, receive, _answering(send, None))
        elif self._hooks.is_full() and not frees_space(method, operation, query):
            await _refuse_full(send, is_json="x-amz-target" in headers)
        else:
            await self._app(scope, receive, _answering(send, self._hooks.track(operation)))

    def _before_shutdown(self, receive: Receive) -> Receive:
        async def receive_and_stop() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._hooks.stopping()
            return message

        return receive_and_stop

    def _after_startup(self, send: Send) -> Send:
        async def send_and_announce(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._hooks.started()

        return send_and_announce


def _answering(send: Send, save: Save | None) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            # The status line is the acknowledgement: nothing may leave before the change is on disk.
            if save is not None:
                await save()
            # ministack allows every origin, which would let any web page read the answer.
            kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return answer


async def _forbid(send: Send, reason: str) -> None:
    body = json.dumps({"__type": "AccessDeniedException", "message": reason})
    await respond(send, 403, _JSON, body.encode())


async def _refuse_full(send: Send, *, is_json: bool) -> None:
    # 507 rather than 503, because AWS's clients retry a 503.
    code = "InsufficientStorage"
    message = "the disk that holds this server's state is full; free some space and try again"
    if is_json:
        await respond(send, 507, _JSON, json.dumps({"__type": code, "message": message}).encode())
    else:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        await respond(send, 507, {"content-type": "application/xml"}, body.encode())
