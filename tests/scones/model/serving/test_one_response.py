"""One response to a request, over real sockets, for any division into what the server reads at once."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from scones.contract.layout import JSON
from scones.model.serving.connection import Connection
from scones.model.serving.messages import MAX_HEAD_BYTES, HttpError, Request, Respond, Response


class Host:
    """Answers like the application: a rejection at once, and an image in a later turn of the loop."""

    def __init__(self) -> None:
        self.connections = set[Connection]()
        self.is_draining, self.date = False, b"now"
        self.is_over = asyncio.Event()

    def receive(self, connection: Connection, length: int) -> None:
        pass

    def forget(self, connection: Connection) -> None:
        pass

    def answer(self, connection: Connection, request: Request, respond: Respond) -> None:
        if request.headers.get(b"content-type") == b"text/plain":
            respond(HttpError(415, "UnsupportedContentTypeError", "no").response())
        elif request.path == b"/ping":
            respond(Response(200, JSON, b"{}"))
        else:
            asyncio.get_running_loop().call_later(0.001, respond, Response(200, JSON, b"[1]"))

    def remove(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.is_over.set()


def post(size: int, more: str = "") -> bytes:
    return f"POST /invocations HTTP/1.1\r\n{more}Content-Length: {size}\r\n\r\n".encode() + bytes(size)


CHUNKS = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n" + bytes(0x5000) + b"\r\n0\r\n\r\n"
# Each with the status of its response, and whether it ends the connection.
REQUESTS = {
    "ping": (b"GET /ping HTTP/1.1\r\n\r\n", 200, False),
    "image": (post(300), 200, False),
    "large image": (post(2 * MAX_HEAD_BYTES), 200, False),
    "wrong type": (post(120_000, "Content-Type: text/plain\r\n"), 415, False),
    "chunks": (CHUNKS, 200, False),
    "HEAD": (b"HEAD /ping HTTP/1.1\r\n\r\n", 200, False),
    "Expect": (post(300, "Expect: 100-continue\r\n"), 200, False),
    "Upgrade": (b"GET /ping HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200, False),
    "Upgrade with a body": (post(300, "Connection: Upgrade\r\nUpgrade: h2c\r\n"), 400, True),
    "too long": (post(120_000).replace(b": 120000", b": 99999999"), 413, True),
    "not HTTP": (b"?" * 120_000, 400, True),
}


def converse(pieces: Sequence[bytes]) -> list[int]:
    """Send the pieces, each after the server has read the one before; return the statuses until the connection ends."""

    async def run() -> bytes:
        loop, host, received = asyncio.get_running_loop(), Host(), bytearray()
        client, server = socket.socketpair()
        client.setblocking(False)
        await loop.connect_accepted_socket(lambda: Connection(host), server)
        for piece in pieces:
            await loop.sock_sendall(client, piece)
            await asyncio.sleep(0)
        client.shutdown(socket.SHUT_WR)
        while part := await loop.sock_recv(client, 65536):
            received += part
        client.close()
        await host.is_over.wait()
        return bytes(received)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 ([2-5]\d\d) ", runner.run(run()))]


def divide(data: bytes, cuts: Sequence[float]) -> list[bytes]:
    ends = sorted(int(cut * len(data)) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


CUTS = st.lists(st.floats(0, 1, exclude_max=True), max_size=6)


@settings(max_examples=150)
@given(name=st.sampled_from(sorted(REQUESTS)), cuts=CUTS)
def test_a_request_gets_one_response(name: str, cuts: list[float]) -> None:
    data, status, _ = REQUESTS[name]
    assert converse(divide(data, cuts)) == [status]


@settings(max_examples=150)
@given(names=st.lists(st.sampled_from(sorted(REQUESTS)), min_size=2, max_size=4), cuts=CUTS)
def test_requests_that_do_not_wait_get_at_most_one_response_each_in_order(names: list[str], cuts: list[float]) -> None:
    sent = [REQUESTS[name] for name in names]
    end = next((number for number, (_, _, ends) in enumerate(sent, 1) if ends), len(sent))
    expected = [status for _, status, _ in sent[:end]]
    statuses = converse(divide(b"".join(data for data, _, _ in sent), cuts))
    assert statuses == expected[: len(statuses)]
    assert statuses


@pytest.mark.parametrize("name", [name for name, (_, _, ends) in REQUESTS.items() if not ends])
def test_the_connection_is_kept_for_the_next_request(name: str) -> None:
    data, status, _ = REQUESTS[name]

    async def run() -> list[bytes]:
        loop, host = asyncio.get_running_loop(), Host()
        client, server = socket.socketpair()
        await loop.connect_accepted_socket(lambda: Connection(host), server)
        reader, writer = await asyncio.open_connection(sock=client)
        lines = list[bytes]()
        for _ in range(3):
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 100 " in head:
                head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.findall(rb"content-length: (\d+)", head)[0])
            await reader.readexactly(0 if name == "HEAD" else length)
            lines.append(head[9:12])
        writer.close()
        await host.is_over.wait()
        return lines

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == [b"%d" % status] * 3
