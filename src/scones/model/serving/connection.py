"""HTTP/1.1 on one connection of a worker: limits what comes, and has each request answered before the next is read.

httptools parses; what a request means is the application's affair. Whoever sends a request before the last one was
answered finds the connection closed behind that answer, as RFC 9112 (9.3.2) lets a server do.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

from scones.contract.layout import IMAGE_BYTES
from scones.model.serving.messages import HttpError, Request, Respond, Response

HEAD_BYTES = 64 * 1024
RECEIVE_SECONDS = 30
# Longer than a front keeps idle connections, so that it never sends into one that is being closed.
IDLE_SECONDS = 75
# For a client to read why it was refused, before it finds its connection gone.
_LINGER_SECONDS = 2


class Server(Protocol):
    """What a worker's connections share; `date` is the Date header's value."""

    connections: set[Connection]
    is_draining: bool
    date: bytes

    def enter(self, length: int) -> None:
        """Hold room for a request of so many bytes; raises HttpError where there is none."""

    def leave(self, length: int) -> None: ...

    def answer(self, request: Request, respond: Respond) -> None:
        """Call `respond` once, now or later."""

    def forget(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """The methods `on_...` are called by the parser, those without `_` by the loop and the server."""

    def __init__(self, server: Server) -> None:
        self._server, self._loop = server, asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._current: Request | None = None
        self._room: int | None = None
        self._head: int | None = 0
        self._received = 0
        self._since = self._loop.time()
        self._is_receiving = self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        # What is being answered needs its room until it has been.
        if not self._current:
            self._leave()
        self._is_over = True
        self._server.forget(self)

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            self._received += len(data)
            if self._received > IMAGE_BYTES:
                self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # It stays HTTP/1.1, as RFC 9110 (7.8) lets it.
        except httptools.HttpParserError as error:
            self._refuse(HttpError(400, "BadRequestError", f"this is no HTTP/1.1: {error}; send a valid request"))
        if self._head is not None:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._refuse(HttpError(431, "HeadTooLargeError", f"the head is over {HEAD_BYTES} bytes; send less"))

    def on_message_begin(self) -> None:
        self._is_over = self._is_over or self._current is not None
        self._url, self._headers, self._body = b"", dict[bytes, bytes](), list[bytes]()
        self._head, self._received = 0, 0
        self._since, self._is_receiving = self._loop.time(), True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._head = None
        if self._is_over:
            return
        declared, expected = self._headers.get(b"content-length"), self._headers.get(b"expect", b"")
        room = int(declared) if declared else IMAGE_BYTES * (b"transfer-encoding" in self._headers)
        try:
            if room > IMAGE_BYTES:
                raise _too_large()
            self._server.enter(room)
        except HttpError as error:
            self._refuse(error)
            return
        self._room = room
        if expected.lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._received += len(body)
        if self._received > IMAGE_BYTES:
            self._refuse(_too_large())
        elif not self._is_over:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._is_over:
            return
        self._head, self._is_receiving = 0, False
        method, path = self._parser.get_method(), self._url.partition(b"?")[0]
        body, self._body = b"".join(self._body), []
        self._current = Request(method, path, self._headers, body, self._parser.should_keep_alive())
        self._server.answer(self._current, self._respond)

    def tick(self, now: float) -> None:
        """To be called every second or so, for what takes too long."""
        waited = now - self._since
        if self._is_over or self._current:
            return
        if self._is_receiving and waited > RECEIVE_SECONDS:
            late = f"the request took over {RECEIVE_SECONDS} s to come; send it faster"
            self._refuse(HttpError(408, "RequestTimeoutError", late))
        elif waited > IDLE_SECONDS:
            self._transport.close()

    def drain(self) -> None:
        """Close where no request is under way; where one is, its response will, because the server is draining."""
        if not self._is_receiving and not self._current:
            self._transport.close()

    def _respond(self, response: Response) -> None:
        request, self._current = self._current, None
        self._leave()
        if request is None or self._transport.is_closing():
            return
        closes = self._is_over or self._server.is_draining or not request.keep_alive
        self._transport.write(response.encode(self._server.date, closes, has_body=request.method != b"HEAD"))
        self._since = self._loop.time()
        if closes:
            self._transport.close()

    def _refuse(self, error: HttpError) -> None:
        """Respond before the request's end: what follows on this connection cannot be told apart from it."""
        if self._is_over:
            return
        self._is_over = True
        if self._current:
            return
        self._leave()
        self._transport.write(error.response().encode(self._server.date, closes=True))
        self._transport.write_eof()
        self._loop.call_later(_LINGER_SECONDS, self._transport.close)

    def _leave(self) -> None:
        if self._room is not None:
            self._server.leave(self._room)
        self._room = None


def _too_large() -> HttpError:
    return HttpError(413, "PayloadTooLargeError", f"the body is over {IMAGE_BYTES} bytes; send a smaller one")
