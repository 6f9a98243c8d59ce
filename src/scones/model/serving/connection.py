"""HTTP/1.1 on one connection of a worker: limits what comes in, and answers each request before the next is read.

httptools parses; the application decides what a request means. A client that sends a request before the previous one
was answered has its connection closed after that answer, as RFC 9112 (9.3.2) allows.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Protocol, cast

import httptools

from scones.contract.layout import MAX_IMAGE_BYTES
from scones.model.serving.messages import HttpError, Request, Respond, Response

MAX_HEAD_BYTES = 64 * 1024
RECEIVE_SECONDS = 30
# Longer than a load balancer keeps idle connections, so that it never sends into one that is being closed.
IDLE_SECONDS = 75
# Time for a client to read why it was refused, before its connection is closed.
_LINGER_SECONDS = 2


class ConnectionHost(Protocol):
    """The part of a worker that its connections use; `date` is the Date header's value."""

    connections: set[Connection]
    is_draining: bool
    date: bytes

    def admit(self, length: int) -> None:
        """Reserve memory for a request body of `length` bytes. Raises HttpError if the worker is full."""

    def release(self, length: int) -> None:
        """Give back what `admit` reserved."""

    def answer(self, request: Request, respond: Respond) -> None:
        """Call `respond` once, now or later."""

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""


class State(Enum):
    """The state of a connection. From IDLE to ANSWERING and back to IDLE, or to CLOSING from any state."""

    IDLE = auto()
    RECEIVING = auto()
    ANSWERING = auto()
    # Takes no more requests. The connection closes after the answer under way, if any.
    CLOSING = auto()


class RequestCycle:
    """One request, from its first byte to its answer.

    `since` is the loop's time at which it began; before that, the time since which the connection has been idle.
    `reserved` is the number of bytes that the host has admitted for it, or None.
    """

    __slots__ = ("body", "body_bytes", "has_head", "head_bytes", "headers", "reserved", "since", "url")

    def __init__(self, since: float) -> None:
        self.since = since
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.has_head = False
        self.head_bytes = 0
        self.body: list[bytes] = []
        self.body_bytes = 0
        self.reserved: int | None = None

    def max_body_bytes(self) -> int:
        """Return the most bytes that the body may have: as declared, or the limit if it comes in chunks."""
        declared = self.headers.get(b"content-length")
        if declared:
            return int(declared)
        return MAX_IMAGE_BYTES if b"transfer-encoding" in self.headers else 0

    def expects_continue(self) -> bool:
        """Return whether the client waits for `100 Continue` before it sends the body."""
        return self.headers.get(b"expect", b"").lower() == b"100-continue"

    def request(self, parser: httptools.HttpRequestParser) -> Request:
        """Return the complete request, and drop the pieces of its body."""
        path = self.url.partition(b"?")[0]
        body = b"".join(self.body)
        self.body.clear()
        return Request(parser.get_method(), path, self.headers, body, parser.should_keep_alive())


class Connection(asyncio.Protocol):
    """The protocol of one connection. The parser calls the methods `on_...`, the loop and the host the other ones."""

    def __init__(self, host: ConnectionHost) -> None:
        self._host = host
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._state = State.IDLE
        self._cycle = RequestCycle(_now())
        # The request that waits for its answer. It is kept while CLOSING, until it has been answered.
        self._pending: Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start; called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        self._host.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what the connection held; called by the loop."""
        # A request that is being answered still uses its memory, and gives it back with the answer.
        if not self._pending:
            self._release()
        self._state = State.CLOSING
        self._host.remove(self)

    def pause_writing(self) -> None:
        """Read nothing more from a client that does not read its answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Parse `data`; the parser calls the `on_...` methods for what it finds."""
        cycle = self._cycle
        if self._state is State.CLOSING:
            # A refused client may still be sending its body. It is cut off if it does not stop.
            cycle.body_bytes += len(data)
            if cycle.body_bytes > MAX_IMAGE_BYTES:
                self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # The connection stays HTTP/1.1, as RFC 9110 (7.8) allows.
        except httptools.HttpParserError as error:
            message = f"the request is not valid HTTP/1.1: {error}; send a valid request"
            self._refuse(HttpError(400, "BadRequestError", message))
        # A head that ended in these bytes is in memory already, so only one that goes on is measured.
        if not cycle.has_head:
            cycle.head_bytes += len(data)
            if cycle.head_bytes > MAX_HEAD_BYTES:
                message = f"the head is over {MAX_HEAD_BYTES} bytes; send less"
                self._refuse(HttpError(431, "HeadTooLargeError", message))

    def on_message_begin(self) -> None:
        """Begin a request, unless one is being answered."""
        if self._state is not State.IDLE:
            self._state = State.CLOSING
            self._cycle.body_bytes = 0
            return
        self._state = State.RECEIVING
        self._cycle.since = _now()

    def on_url(self, url: bytes) -> None:
        """Add a piece of the URL."""
        if self._state is State.RECEIVING:
            self._cycle.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; of several with one name the last one counts."""
        # The parser goes on behind a request that is being answered, whose headers must stay as they are.
        if self._state is State.RECEIVING:
            self._cycle.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Reserve memory for the body, or refuse it before it is sent."""
        if self._state is State.CLOSING:
            return
        cycle = self._cycle
        cycle.has_head = True
        length = cycle.max_body_bytes()
        try:
            if length > MAX_IMAGE_BYTES:
                raise _too_large()
            self._host.admit(length)
        except HttpError as error:
            self._refuse(error)
            return
        cycle.reserved = length
        if cycle.expects_continue():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body."""
        cycle = self._cycle
        cycle.body_bytes += len(body)
        if cycle.body_bytes > MAX_IMAGE_BYTES:
            self._refuse(_too_large())
        elif self._state is not State.CLOSING:
            cycle.body.append(body)

    def on_message_complete(self) -> None:
        """Have the request answered."""
        if self._state is State.CLOSING:
            return
        self._state = State.ANSWERING
        request = self._cycle.request(self._parser)
        self._pending = request
        self._host.answer(request, self._respond)

    def tick(self, now: float) -> None:
        """End what takes too long; to be called every second or so with the loop's time."""
        waited = now - self._cycle.since
        if self._state is State.RECEIVING and waited > RECEIVE_SECONDS:
            message = f"the request took over {RECEIVE_SECONDS} s to arrive; send it faster"
            self._refuse(HttpError(408, "RequestTimeoutError", message))
        elif self._state is State.IDLE and waited > IDLE_SECONDS:
            self._transport.close()

    def drain(self) -> None:
        """Close if idle. A request under way closes the connection with its response, as the host is draining."""
        if self._state is State.IDLE:
            self._transport.close()

    def _respond(self, response: Response) -> None:
        request = self._pending
        self._pending = None
        self._release()
        if request is None or self._transport.is_closing():
            return
        closes = self._state is State.CLOSING or self._host.is_draining or not request.keep_alive
        self._transport.write(response.encode(self._host.date, closes, has_body=request.method != b"HEAD"))
        if closes:
            self._state = State.CLOSING
            self._transport.close()
        else:
            self._state = State.IDLE
            self._cycle = RequestCycle(_now())

    def _refuse(self, error: HttpError) -> None:
        """Respond before the request has ended: nothing that follows on this connection can be parsed."""
        if self._state is State.CLOSING:
            return
        self._state = State.CLOSING
        if self._pending:
            return
        self._release()
        self._transport.write(error.response().encode(self._host.date, closes=True))
        # Closing at once would reset the connection while the client still sends, and lose the response.
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)

    def _release(self) -> None:
        reserved = self._cycle.reserved
        self._cycle.reserved = None
        if reserved is not None:
            self._host.release(reserved)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _too_large() -> HttpError:
    return HttpError(413, "PayloadTooLargeError", f"the body is over {MAX_IMAGE_BYTES} bytes; send a smaller one")
