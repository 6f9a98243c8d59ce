"""HTTP as a connection speaks it, over a transport that only keeps what was written."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.layout import JSON, MAX_IMAGE_BYTES
from scones.model.serving.connection import IDLE_SECONDS, RECEIVE_SECONDS, Connection
from scones.model.serving.messages import MAX_HEAD_BYTES, MAX_REQUEST_BYTES, HttpError, Request, Respond, Response

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

    def __init__(self, waits: bool = False) -> None:
        self.connections = set[Connection]()
        self.is_draining, self.date = False, b"now"
        self.held, self.seen = 0, list[Request]()
        self.send_answer: Callable[[], None] = lambda: None
        self._waits = waits

    def receive(self, connection: Connection, length: int) -> None:
        self.held += length

    def forget(self, connection: Connection) -> None:
        self.held = 0

    def answer(self, connection: Connection, request: Request, respond: Respond) -> None:
        self.forget(connection)
        self.seen.append(request)
        response = Response(200, JSON, b" ".join((request.method, request.path, request.body)))
        if self._waits:
            self.send_answer = lambda: respond(response)
        else:
            respond(response)

    def remove(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.forget(connection)


def talk(server: Echo, pieces: Sequence[bytes], then: Callable[[Connection], None] | None = None) -> Transport:
    """Send the pieces one after the other, do what comes then, and end the connection: nothing is held any more."""
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
    assert server.held == 0
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


def test_an_evicted_client_learns_why_and_its_connection_is_closed() -> None:
    error = HttpError(503, "OverloadedError", "full")
    transport = talk(Echo(), [POST[:-1]], lambda connection: connection.evict(error))
    assert (statuses(transport), transport.is_closed) == ([503], True)
    assert b"retry-after: 1" in transport.written


def test_only_a_request_that_is_not_complete_is_held() -> None:
    server, held = Echo(waits=True), list[int]()
    talk(server, [POST[:50], POST[50:70]], lambda _: held.append(server.held))
    talk(server, [POST[:50], POST[50:]], lambda _: held.append(server.held))
    assert held == [70, 0]


def test_a_request_behind_one_that_is_being_answered_closes_the_connection() -> None:
    server = Echo(waits=True)
    transport = talk(server, [POST + PING], lambda _: server.send_answer())
    assert (statuses(transport), transport.has_ended, len(server.seen)) == ([200], True, 1)


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
    upgrade = PING.replace(b"Host: x", b"Connection: Upgrade\r\nUpgrade: h2c")
    assert statuses(talk(Echo(), [upgrade])) == [200]


@pytest.mark.parametrize("at", [1, 40, 150, -3, -1])
def test_an_offer_to_upgrade_with_a_body_gets_one_response(at: int) -> None:
    upgrade = POST.replace(b"Host: x", b"Connection: Upgrade\r\nUpgrade: h2c")
    transport = talk(Echo(), [upgrade[:at], upgrade[at:]])
    assert statuses(transport) == [400]
    assert b"without the Upgrade header" in transport.written


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


def test_a_refused_head_request_gets_no_body() -> None:
    refused = talk(Echo(), [b"HEAD / HTTP/1.1\r\nx: " + b"x" * MAX_HEAD_BYTES])
    assert statuses(refused) == [431]
    assert refused.written.endswith(b"\r\n\r\n")


def test_a_client_of_http_1_0_gets_no_100_continue() -> None:
    expecting = POST.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host: x", b"Expect: 100-continue")
    assert statuses(talk(Echo(), [expecting])) == [200]


def test_trailers_do_not_replace_headers() -> None:
    server = Echo()
    head = CHUNKED.replace(b"Host: x", b"Content-Type: image/png")
    talk(server, [head + b"1\r\nx\r\n0\r\nContent-Type: text/plain\r\n\r\n"])
    assert [request.headers[b"content-type"] for request in server.seen] == [b"image/png"]


def test_trailers_without_an_end_are_refused() -> None:
    endless = [CHUNKED + b"1\r\nx\r\n0\r\nx: ", *[b"x" * 1024 * 1024] * (MAX_REQUEST_BYTES // 1024**2 + 1)]
    assert statuses(talk(Echo(), endless)) == [413]


def test_a_request_after_an_offer_to_upgrade_is_answered() -> None:
    upgrade = PING.replace(b"Host: x", b"Connection: Upgrade\r\nUpgrade: h2c")
    assert statuses(talk(Echo(), [upgrade + PING])) == [200, 200]


def test_the_bytes_of_one_request_do_not_count_as_the_head_of_the_next() -> None:
    size = MAX_HEAD_BYTES + 1
    first = b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    assert statuses(talk(Echo(), [first + PING[:10], PING[10:]])) == [200, 200]
