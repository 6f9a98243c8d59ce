"""HTTP requests and responses, as the application sees them and as a connection writes them. No I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from scones.contract.layout import JSON

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
