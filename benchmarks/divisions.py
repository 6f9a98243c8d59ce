"""Requests over raw sockets, divided at random into what the server reads at once: one response each, or too many?"""

from __future__ import annotations

import random
import re
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

# Interim responses, such as 100 Continue, are no answer.
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) ")
_CLIENTS = 8


@dataclass(frozen=True)
class Sent:
    """A request's bytes, its status, and whether the connection ends with it."""

    data: bytes
    status: int
    ends: bool = False


def post(body: bytes, status: int, content_type: str = "image/png", more: str = "", method: str = "POST") -> Sent:
    """Return an invocation with a Content-Length."""
    head = f"{method} /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n{more}"
    return Sent(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, status)


def chunked(body: bytes, status: int, rng: random.Random) -> Sent:
    """Return an invocation in chunks of random sizes."""
    parts = [b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"]
    start = 0
    while start < len(body):
        size = rng.randrange(1, len(body) + 1)
        piece = body[start : start + size]
        parts.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        start += size
    return Sent(b"".join([*parts, b"0\r\n\r\n"]), status)


def requests(image: bytes, rng: random.Random) -> list[Sent]:
    """Return one to three requests that a client sends without waiting for a response."""
    large = rng.randbytes(rng.randrange(64 * 1024, 130 * 1024))
    upgrade = "Connection: Upgrade\r\nUpgrade: h2c\r\n"
    kinds = [
        post(image, 200),
        post(image, 200, more="Expect: 100-continue\r\n"),
        post(large, 415, "text/plain"),
        post(large, 400),
        post(b"", 405, method="HEAD"),
        chunked(image, 200, rng),
        chunked(large, 400, rng),
        Sent(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        Sent(b"GET /none HTTP/1.1\r\nHost: x\r\n" + upgrade.encode() + b"\r\n", 404),
        Sent(post(image, 400, more=upgrade).data, 400, ends=True),
        Sent(b"GET / HTTP/1.1\r\nx: " + bytes(700_000).replace(b"\0", b"x") + b"\r\n\r\n", 431, ends=True),
        Sent(b"POST /invocations HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n" + large, 413, ends=True),
        Sent(b"GET / HTTP/9\r\n\r\n" + large, 400, ends=True),
    ]
    return rng.choices(kinds, k=rng.randrange(1, 4))


def converse(port: int, sent: list[Sent], rng: random.Random) -> list[int]:
    """Send the requests in pieces, and return the statuses of the responses up to the end of the connection."""
    data = b"".join(request.data for request in sent)
    cuts = sorted(rng.randrange(len(data)) for _ in range(rng.randrange(6)))
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                connection.sendall(data[start:end])
                # Long enough for the server to read what came so far, at times.
                time.sleep(rng.choice([0, 0.0005, 0.002]))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            # It was refused, and its connection closed.
            pass
        return [int(status) for status in _STATUS.findall(_read(connection))]


def _read(connection: socket.socket) -> bytes:
    parts = list[bytes]()
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def is_too_many(sent: list[Sent], statuses: list[int]) -> bool:
    """Return whether there is a response that no request asked for.

    A connection may end early: by a refusal, or because the client did not wait for a response.
    """
    expected = [request.status for request in sent]
    ends = [index for index, request in enumerate(sent) if request.ends]
    if ends:
        expected = expected[: ends[0] + 1]
    # Of a request that is refused while it arrives, the response may be lost with its connection.
    return statuses != expected[: len(statuses)]


def measure(port: int, image: bytes, count: int, seed: int) -> dict[str, object]:
    """Send `count` random divisions; return how many got a response too many, or none at all."""
    counts = Counter[str]()

    def one(number: int) -> None:
        rng = random.Random(seed * 1_000_000 + number)  # noqa: S311
        sent = requests(image, rng)
        statuses = converse(port, sent, rng)
        counts["too many"] += is_too_many(sent, statuses)
        counts["none"] += not statuses
        counts["responses"] += len(statuses)

    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(one, range(count)))
    return {"n": count, "seed": seed, "two_responses": counts["too many"], "no_response": counts["none"],
            "responses": counts["responses"]}  # fmt: skip
