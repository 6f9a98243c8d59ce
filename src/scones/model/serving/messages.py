"""A request and its response, as the application sees them and as a connection writes them; no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from scones.contract.layout import JSON

_HEADS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request; the names of `headers` are in lower case, `path` is without a query."""

    method: bytes
    path: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    keep_alive: bool = True


class Response(NamedTuple):
    status: int
    media: str
    body: bytes

    def encode(self, date: bytes, closes: bool, has_body: bool = True) -> bytes:
        """What is sent; `date` is the Date header's value."""
        return b"%sdate: %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n%s%s\r\n%s" % (
            _HEADS[self.status],
            date,
            self.media.encode(),
            len(self.body),
            b"retry-after: 1\r\n" if self.status == HTTPStatus.SERVICE_UNAVAILABLE else b"",
            b"connection: close\r\n" if closes else b"",
            self.body if has_body else b"",
        )


Respond = Callable[[Response], None]


class HttpError(Exception):
    """What ends a request without an answer: the HTTP status, the error's name, and a message for a person."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name

    def response(self) -> Response:
        return Response(self.status, JSON, json.dumps({"error": self.name, "message": str(self)}).encode())
