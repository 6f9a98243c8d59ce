"""HTTP as a connection speaks it, over a transport that only keeps what was written."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.layout import JSON, MAX_IMAGE_BYTES
from scones.model.serving.connection import IDLE_SECONDS, MAX_HEAD_BYTES, RECEIVE_SECONDS, Connection
from scones.model.serving.messages import HttpError, Request, Respond, Response

POST = b"POST /invocations?x=1 HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nhello"
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written, self.is_closed, self.has_ended = b"", False, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def write_eof(self) -> None:
        self.has_ended = True

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed


class Echo:
    """Answers with the method, path and body, at once or when `send_answer` is called."""

    def __init__(self, waits: bool = False, room: int = 10) -> None:
        self.connections = set[Connection]()
        self.is_draining, self.date = False, b"now"
        self.room, self.held, self.seen = room, list[int](), list[Request]()
        self.send_answer: Callable[[], None] = lambda: None
        self._waits = waits

    def admit(self, length: int) -> None:
        if len(self.held) >= self.room:
            raise HttpError(503, "OverloadedError", "full")
        self.held.append(length)

    def release(self, length: int) -> None:
        self.held.remove(length)

    def answer(self, request: Request, respond: Respond) -> None:
        self.seen.append(request)
        response = Response(200, JSON, b" ".join((request.method, request.path, request.body)))
        if self._waits:
            self.send_answer = lambda: respond(response)
        else:
            respond(response)

    def remove(self, connection: Connection) -> None:
        self.connections.discard(connection)


def talk(server: Echo, pieces: Sequence[bytes], then: Callable[[Connection], None] | None = None) -> Transport:
    """Send the pieces one after the other, do what comes then, and end the connection: all room must be free again."""
    transport = Transport()

    async def run() -> None:
        connection = Connection(server)
        connection.connection_made(transport)
        for piece in pieces:
            connection.data_received(piece)
        if then:
            then(connection)
        connection.connection_lost(None)

    asyncio.run(run())
    assert server.held == []
    assert server.connections == set()
    return transport


def statuses(transport: Transport) -> list[int]:
    return [int(part[:3]) for part in transport.written.split(b"HTTP/1.1 ")[1:]]


@given(cuts=st.lists(st.integers(0, 2 * len(POST) + len(PING)), max_size=8).map(sorted))
def test_however_requests_are_cut_each_is_answered_in_order(cuts: list[int]) -> None:
    data = POST + PING + POST
    ends = [*cuts, len(data)]
    transport = talk(Echo(), [data[start:end] for start, end in zip([0, *cuts], ends, strict=True)])
    assert [part.rpartition(b"\r\n\r\n")[2] for part in transport.written.split(b"HTTP/1.1 ")[1:]] == [
        b"POST /invocations hello",
        b"GET /ping ",
        b"POST /invocations hello",
    ]
    assert not transport.is_closed


@given(st.lists(st.binary(max_size=60) | st.sampled_from([POST, PING, CHUNKED, POST[:40], b"\r\n"]), max_size=8))
def test_any_bytes_are_answered_or_refused(pieces: list[bytes]) -> None:
    server = Echo()
    transport = talk(server, pieces)
    assert set(statuses(transport)) <= {200, 400}
    assert len(statuses(transport)) >= len(server.seen)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/9\r\n\r\n", 400),
        (b"GET /" + b"x" * MAX_HEAD_BYTES, 431),
        (b"GET / HTTP/1.1\r\nx: " + b"x" * MAX_HEAD_BYTES, 431),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_IMAGE_BYTES + 1), 413),
        (CHUNKED + b"%x\r\n" % (MAX_IMAGE_BYTES + 1) + bytes(MAX_IMAGE_BYTES + 1), 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ],
    ids=["another version", "long path", "long head", "declared too long", "too long", "two lengths"],
)
def test_an_invalid_request_is_refused_and_nothing_follows(sent: bytes, status: int) -> None:
    server = Echo()
    transport = talk(server, [sent, PING])
    assert (statuses(transport), transport.has_ended, server.seen) == ([status], True, [])
    assert b"connection: close" in transport.written


def test_a_refused_client_that_keeps_sending_is_cut_off() -> None:
    assert talk(Echo(), [b"?", bytes(MAX_IMAGE_BYTES + 1)]).is_closed


def test_a_full_server_asks_to_retry_later() -> None:
    transport = talk(Echo(room=0), [POST])
    assert statuses(transport) == [503]
    assert b"retry-after: 1" in transport.written


def test_a_request_behind_one_that_is_being_answered_closes_the_connection() -> None:
    server = Echo(waits=True)
    transport = talk(server, [POST + PING], lambda _: server.send_answer())
    assert (statuses(transport), transport.is_closed, len(server.seen)) == ([200], True, 1)


def test_an_answer_to_a_lost_connection_frees_its_memory() -> None:
    server = Echo(waits=True)

    def leave(connection: Connection) -> None:
        connection.connection_lost(None)
        assert server.held == [5]
        server.send_answer()

    talk(server, [POST], leave)


@pytest.mark.parametrize(
    ("sent", "seconds", "expected"),
    [
        (b"", IDLE_SECONDS + 1, ([], True)),
        (POST, IDLE_SECONDS + 1, ([200], True)),
        (POST, RECEIVE_SECONDS + 1, ([200], False)),
        (POST[:40], RECEIVE_SECONDS + 1, ([408], False)),
        (POST[:-1], RECEIVE_SECONDS + 1, ([408], False)),
        (POST[:-1], RECEIVE_SECONDS / 2, ([], False)),
    ],
)
def test_slow_requests_and_idle_connections_are_ended(
    sent: bytes, seconds: float, expected: tuple[list[int], bool]
) -> None:
    transport = talk(Echo(), [sent], lambda c: c.tick(asyncio.get_running_loop().time() + seconds))
    assert (statuses(transport), transport.is_closed) == expected


def test_a_draining_server_closes_connections_after_their_answer() -> None:
    server = Echo(waits=True)

    def drain(connection: Connection) -> None:
        server.is_draining = True
        connection.drain()
        server.send_answer()

    assert talk(server, [PING[:0]], drain).is_closed
    transport = talk(server, [POST], drain)
    assert (statuses(transport), transport.is_closed) == ([200], True)
    assert b"connection: close" in transport.written


@pytest.mark.parametrize(
    ("version", "header", "closes"),
    [(b"1.1", b"", False), (b"1.0", b"", True), (b"1.1", b"Connection: close\r\n", True)],
)
def test_a_connection_is_kept_as_its_client_asks(version: bytes, header: bytes, closes: bool) -> None:
    sent = b"GET /ping HTTP/" + version + b"\r\n" + header + b"\r\n"
    assert talk(Echo(), [sent]).is_closed is closes


def test_a_client_that_expects_100_continue_gets_it() -> None:
    head, _, body = POST.replace(b"Host: x", b"Expect: 100-continue").partition(b"hello")[0], None, b"hello"
    assert statuses(talk(Echo(), [head, body])) == [100, 200]


def test_an_answer_to_head_has_no_body() -> None:
    assert talk(Echo(), [b"HEAD /ping HTTP/1.1\r\n\r\n"]).written.endswith(b"\r\n\r\n")


def test_an_offer_to_upgrade_is_ignored() -> None:
    upgrade = POST.replace(b"Host: x", b"Connection: Upgrade\r\nUpgrade: h2c")
    assert statuses(talk(Echo(), [upgrade])) == [200]


@pytest.mark.parametrize("waits", [False, True])
def test_a_large_body_in_one_read_keeps_the_connection(waits: bool) -> None:
    server = Echo(waits=waits)
    size = MAX_HEAD_BYTES + 1
    sent = b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    transport = talk(server, [sent], lambda _: server.send_answer())
    assert (statuses(transport), transport.is_closed) == ([200], False)


def test_a_second_request_changes_nothing_in_the_one_being_answered() -> None:
    server = Echo(waits=True)
    second = PING.replace(b"Host: x", b"Content-Type: text/plain")
    talk(server, [POST, second, bytes(MAX_IMAGE_BYTES - len(second))], lambda _: server.send_answer())
    [request] = server.seen
    assert request.path == b"/invocations"
    assert request.headers[b"content-type"] == b"image/png"
