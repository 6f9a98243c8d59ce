"""HTTP/1.1 on one connection of a worker: limits what comes in, and answers each request before the next is read.

httptools parses; the application decides what a request means. A client that sends a request before the previous one
was answered has its connection closed after that answer, as RFC 9112 (9.3.2) allows.
"""

from __future__ import annotations

import asyncio
import io
from enum import Enum, auto
from typing import Protocol, cast

import httptools

from scones.contract.layout import MAX_IMAGE_BYTES
from scones.model.serving.messages import HttpError, Request, RequestCycle, Respond, Response, too_large

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

    def receive(self, connection: Connection, length: int) -> None:
        """Count `length` more bytes held for this connection. May call `evict` of others; raises HttpError if full."""

    def forget(self, connection: Connection) -> None:
        """Count nothing of what `receive` counted for this connection any more."""

    def answer(self, connection: Connection, request: Request, respond: Respond) -> None:
        """Call `respond` once, now or later; calls `forget` before."""

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""


class State(Enum):
    """The state of a connection. From IDLE to ANSWERING and back to IDLE, or to CLOSING from any state."""

    IDLE = auto()
    RECEIVING = auto()
    ANSWERING = auto()
    # Takes no more requests. The connection closes after the answer under way, if any.
    CLOSING = auto()


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
        # Whether the client has sent all that it will.
        self._has_ended = False
        # The time since which the client has not read its answers.
        self._paused_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start; called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        self._host.connections.add(self)

    def eof_received(self) -> bool:
        """Keep the connection open for the answer under way, if any; called by the loop at the end of what is sent."""
        self._has_ended = True
        return self._pending is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """End; called by the loop."""
        self._state = State.CLOSING
        # It refers to this object, in a cycle that would keep the body until the next garbage collection.
        del self._parser
        self._host.remove(self)

    def pause_writing(self) -> None:
        """Read nothing more from a client that does not read its answers, which are held for it."""
        self._paused_since = _now()
        self._transport.pause_reading()
        try:
            self._host.receive(self, self._transport.get_write_buffer_size())
        except HttpError:
            self._transport.abort()

    def resume_writing(self) -> None:
        """Read again."""
        self._paused_since = None
        self._host.forget(self)
        # It may be closing by now.
        if not self._transport.is_closing():
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
        self._parse(data)
        # What ended in these bytes is in memory already, so only a request that goes on is measured.
        if self._state is State.RECEIVING:
            try:
                self._host.receive(self, len(data))
                # Of a request that began in the middle of these bytes, the length is not known.
                if self._cycle is cycle:
                    cycle.measure(len(data))
            except HttpError as error:
                self._refuse(error)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The connection stays HTTP/1.1, as RFC 9110 (7.8) allows, and requests may follow.
            if rest := data[upgrade.args[0] :]:
                self._parse(rest)
        except httptools.HttpParserError as error:
            message = f"the request is not valid HTTP/1.1: {error}; send a valid request"
            self._refuse(HttpError(400, "BadRequestError", message))

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
        # The parser goes on behind a request that is being answered, whose headers must stay as they are. Trailers come
        # after a body in chunks, and must not replace the headers.
        if self._state is State.RECEIVING and not self._cycle.has_head:
            self._cycle.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Refuse a body that is declared too long before it is sent."""
        if self._state is State.CLOSING:
            return
        cycle = self._cycle
        cycle.has_head = True
        if int(cycle.headers.get(b"content-length") or 0) > MAX_IMAGE_BYTES:
            self._refuse(too_large())
        elif self._parser.should_upgrade() and cycle.has_body():
            # httptools takes such a body for the other protocol's, and would parse it as the next request.
            message = "the request offers another protocol and has a body; send it without the Upgrade header"
            self._refuse(HttpError(400, "BadRequestError", message))
        elif cycle.expects_continue(self._parser):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body."""
        cycle = self._cycle
        cycle.body_bytes += len(body)
        if cycle.body_bytes > MAX_IMAGE_BYTES:
            self._refuse(too_large())
        elif self._state is not State.CLOSING:
            cycle.body.write(body)

    def on_message_complete(self) -> None:
        """Have the request answered."""
        if self._state is State.CLOSING:
            return
        self._state = State.ANSWERING
        request = self._cycle.request(self._parser)
        self._pending = request
        self._host.answer(self, request, self._respond)

    def tick(self, now: float) -> None:
        """End what takes too long; to be called every second or so with the loop's time."""
        waited = now - self._cycle.since
        if self._paused_since is not None and now - self._paused_since > RECEIVE_SECONDS:
            self._transport.abort()
        if self._state is State.RECEIVING and waited > RECEIVE_SECONDS:
            message = f"the request took over {RECEIVE_SECONDS} s to arrive; send it faster"
            self._refuse(HttpError(408, "RequestTimeoutError", message))
        elif self._state is State.IDLE and waited > IDLE_SECONDS:
            self._transport.close()

    @property
    def idle_since(self) -> float | None:
        """The loop's time since which nothing has been received or answered; None while there is a request."""
        return self._cycle.since if self._state is State.IDLE else None

    def evict(self, error: HttpError) -> None:
        """End at once, because others need the room: with the error, or with the rest of a response unsent."""
        if self._paused_since is None:
            self._refuse(error)
            self._transport.close()
        else:
            self._transport.abort()

    def drain(self) -> None:
        """Close if idle. A request under way closes the connection with its response, as the host is draining."""
        if self._state is State.IDLE:
            self._transport.close()

    def _respond(self, response: Response) -> None:
        request = self._pending
        self._pending = None
        if request is None or self._transport.is_closing():
            return
        is_refusing = self._state is State.CLOSING
        closes = is_refusing or self._has_ended or self._host.is_draining or not request.keep_alive
        self._transport.write(response.encode(self._host.date, closes, has_body=request.method != b"HEAD"))
        if is_refusing and not self._has_ended:
            self._linger()
        elif closes:
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
        self._host.forget(self)
        self._cycle.body = io.BytesIO()
        has_body = self._parser.get_method() != b"HEAD"
        self._transport.write(error.response().encode(self._host.date, closes=True, has_body=has_body))
        self._linger()

    def _linger(self) -> None:
        # Closing at once would reset the connection while the client still sends, and lose the response.
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)


def _now() -> float:
    return asyncio.get_running_loop().time()
