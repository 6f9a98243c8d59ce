"""The door in front of the engine: who may speak to it, and when an answer may leave. Runs in the server.

Anything on this machine may call; a web page may not, however it got here. An answer to a change leaves only once
the change is on disk.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

BODY_BYTES = 1 << 30
_READS = ("Get", "Describe", "List", "Head", "BatchGet", "Query", "Scan", "Filter", "Lookup", "Validate", "Search")

# A function or an endpoint does its own requests for what it changes.
_INVOKED = ("/2015-03-31/functions/", "/endpoints/")

# As S3's clients are told to address a bucket here, and in whose name they sign.
_OBJECT, _S3 = re.compile(r"/[^/]+/.+", re.DOTALL), "/s3/aws4_request"


def is_own_host(host: str, names: Iterable[str]) -> bool:
    """Whether a Host (or an Origin's authority) is ours: an address, localhost, or one of `names`.

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
    """Why a request may not come in, or None."""
    if not is_own_host(headers.get("host", ""), names):
        return f"Host {headers.get('host', '')!r} is not this server."
    origin = headers.get("origin")
    if origin is not None and not is_own_host(origin.partition("://")[2], names):
        return f"Origin {origin!r} may not call this server."
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_BYTES:
        return f"A request body may have {BODY_BYTES} bytes here; use a multipart upload."
    return None


def operation_of(method: str, path: str, headers: Mapping[str, str], query: str) -> str:
    """The name of AWS's operation where the request says it outside of its body, else empty."""
    if method == "PUT" and not query and _OBJECT.fullmatch(path) and _S3 in headers.get("authorization", ""):
        return "PutObject"
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    return target or path.partition("/operation/")[2] or parse_qs(query).get("Action", [""])[0]


def is_read(method: str, path: str, operation: str) -> bool:
    """Whether a request changes nothing; what cannot be told is a change."""
    invokes = path.startswith(_INVOKED) and path.endswith("/invocations")
    return method in ("GET", "HEAD", "OPTIONS") or invokes or operation.startswith(_READS)


def frees_space(method: str, operation: str, query: str) -> bool:
    """Whether a change only takes away, and so must work on a full disk too."""
    return method == "DELETE" or operation.startswith(("Delete", "Deregister", "Stop")) or query == "delete"


class Gateway:
    """ASGI application around `app`; `started` and `stopping` tell of its life.

    `track` is called with a request's operation when it comes in; the result makes its changes durable. `is_full` says
    whether the disk has no room for any change.
    """

    def __init__(
        self,
        app: App,
        track: Callable[[str], Callable[[], Awaitable[None]]],
        started: Callable[[], None],
        stopping: Callable[[], Awaitable[None]],
        is_full: Callable[[], bool],
        names: Iterable[str] = (),
    ) -> None:
        self._app, self._track, self._started, self._stopping = app, track, started, stopping
        self._is_full = is_full
        self._names = frozenset(names)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, self._hear(receive), self._tell(send))
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        why = refusal(headers, self._names)
        if why is None:
            await self._let_in(scope, headers, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _forbid(send, why)

    async def _let_in(self, scope: Message, headers: dict[str, str], receive: Receive, send: Send) -> None:
        method, query = scope.get("method", "GET"), scope["query_string"].decode("latin-1")
        operation = operation_of(method, scope["path"], headers, query)
        if is_read(method, scope["path"], operation):
            await self._app(scope, receive, _answer(send, None))
        elif self._is_full() and not frees_space(method, operation, query):
            await _refuse_full(send, is_json="x-amz-target" in headers)
        else:
            await self._app(scope, receive, _answer(send, self._track(operation)))

    def _hear(self, receive: Receive) -> Receive:
        async def hear() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._stopping()
            return message

        return hear

    def _tell(self, send: Send) -> Send:
        async def tell(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._started()

        return tell


def _answer(send: Send, save: Callable[[], Awaitable[None]] | None) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            if save is not None:
                await save()
            kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return answer


async def _forbid(send: Send, why: str) -> None:
    body = json.dumps({"__type": "AccessDeniedException", "message": why})
    await _respond(send, 403, "application/x-amz-json-1.0", body)


async def _refuse_full(send: Send, *, is_json: bool) -> None:
    # 507 rather than 503, because clients try a 503 again and again.
    code, why = "InsufficientStorage", "the disk that holds this server's state is full; free some space and try again"
    if is_json:
        await _respond(send, 507, "application/x-amz-json-1.0", json.dumps({"__type": code, "message": why}))
    else:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{why}</Message></Error></ErrorResponse>"
        await _respond(send, 507, "application/xml", body)


async def _respond(send: Send, status: int, content_type: str, text: str) -> None:
    body = text.encode()
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
