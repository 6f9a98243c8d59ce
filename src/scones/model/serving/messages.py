"""HTTP requests and responses, as they arrive, as the application sees them and as they are written. No I/O."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

import httptools

from scones.contract.layout import JSON, MAX_IMAGE_BYTES

MAX_HEAD_BYTES = 64 * 1024
# A body with its head, and with the lengths of its chunks or trailers, if it has any.
MAX_REQUEST_BYTES = MAX_IMAGE_BYTES + 1024 * 1024

# Made once, because each response needs one.
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """A complete request. The names of `headers` are in lower case; `path` is without the query."""

    method: bytes
    path: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    keep_alive: bool = True


class Response(NamedTuple):
    """A response before it is encoded; `content_type` is the header's value."""

    status: int
    content_type: str
    body: bytes

    def encode(self, date: bytes, closes: bool, has_body: bool = True) -> bytes:
        """Return the bytes to send.

        `date` is the Date header's value. `closes` adds `Connection: close`. A response to HEAD has no body
        (`has_body=False`), but the length that it would have.
        """
        return b"%sdate: %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n%s%s\r\n%s" % (
            _STATUS_LINES[self.status],
            date,
            self.content_type.encode(),
            len(self.body),
            b"retry-after: 1\r\n" if self.status == HTTPStatus.SERVICE_UNAVAILABLE else b"",
            b"connection: close\r\n" if closes else b"",
            self.body if has_body else b"",
        )


Respond = Callable[[Response], None]


class HttpError(Exception):
    """A request that cannot be answered: the HTTP status, the error's name, and a message for people."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name

    def response(self) -> Response:
        """Return the error as a JSON response with the keys `error` and `message`."""
        body = json.dumps({"error": self.name, "message": str(self)})
        return Response(self.status, JSON, body.encode())


def too_large() -> HttpError:
    """Return the error for a body over `MAX_IMAGE_BYTES`."""
    return HttpError(413, "PayloadTooLargeError", f"the body is over {MAX_IMAGE_BYTES} bytes; send a smaller one")


class RequestCycle:
    """One request, from its first byte to its answer.

    `since` is the loop's time at which it began; before that, the time since which the connection has been idle.
    `received` is the number of bytes that have come in reads after which it was not complete.
    """

    __slots__ = ("body", "body_bytes", "has_head", "headers", "received", "since", "url")

    def __init__(self, since: float) -> None:
        self.since = since
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.has_head = False
        self.received = 0
        # It grows where it is, and gives its bytes away without a copy: a list of pieces takes twice the memory.
        self.body = io.BytesIO()
        self.body_bytes = 0

    def measure(self, length: int) -> None:
        """Count a read after which the request is not complete. Raises HttpError if it is too long."""
        self.received += length
        if not self.has_head and self.received > MAX_HEAD_BYTES:
            raise HttpError(431, "HeadTooLargeError", f"the head is over {MAX_HEAD_BYTES} bytes; send less")
        if self.received > MAX_REQUEST_BYTES:
            raise too_large()

    def has_body(self) -> bool:
        """Return whether the head declares a body."""
        return b"transfer-encoding" in self.headers or self.headers.get(b"content-length", b"0") != b"0"

    def expects_continue(self, parser: httptools.HttpRequestParser) -> bool:
        """Return whether the client waits for `100 Continue` before it sends the body; HTTP/1.0 does not know it."""
        return self.headers.get(b"expect", b"").lower() == b"100-continue" and parser.get_http_version() != "1.0"

    def request(self, parser: httptools.HttpRequestParser) -> Request:
        """Return the complete request, and drop its body."""
        path = self.url.partition(b"?")[0]
        body = self.body.getvalue()
        self.body = io.BytesIO()
        return Request(parser.get_method(), path, self.headers, body, parser.should_keep_alive())
