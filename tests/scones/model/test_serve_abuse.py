"""What a client may do wrong, on purpose or not: the endpoint refuses it and answers the next one as before."""

import base64
import http.client
import io
import json
import random
import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from PIL import Image

from scones.contract.layout import JSON_LINES
from scones.model.container import cpus
from scones.model.serving.admission import MAX_WAITING_REQUESTS
from scones.model.serving.json_lines import MAX_REQUEST_DECODE_BYTES
from scones.model.serving.messages import MAX_HEAD_BYTES

Shape = Callable[..., bytes]
Ask = Callable[..., tuple[int, Mapping[str, str], Any]]


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is so large, with a body that would be."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100_000), 9)) + chunk(b"IEND", b"")


def malformed(shape: Shape, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)  # noqa: S311
    yield from (b"", b"PK\x03\x04" + rng.randbytes(500), b"<html><body>no</body></html>")
    yield b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"/>'
    yield from (bomb(10_000, 10_000), bomb(100_000, 1_000))
    for file_format in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        good = shape("circle", seed, file_format)
        yield good[: rng.randrange(len(good) // 2)]
        yield rng.randbytes(rng.randrange(2000))
        yield good[:12] + rng.randbytes(300)


def test_malformed_images_are_4xx_with_a_named_error(serving: int, ask: Ask, shape: Shape) -> None:
    good = shape("square", 5)
    before = ask(serving, "POST", "/invocations", good, Content_Type="image/png")
    for seed in range(20):
        for body in malformed(shape, seed):
            status, _, answer = ask(serving, "POST", "/invocations", body, Content_Type="application/x-image")
            assert (status, answer["error"]) == (400, "ImageRejectedError")
    assert ask(serving, "POST", "/invocations", good, Content_Type="image/png")[2] == before[2]


def was_cut_off(connection: socket.socket) -> bool:
    try:
        for _ in range(1000):
            connection.sendall(b"x" * MAX_HEAD_BYTES)
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("start", [b"POST /invocations HTTP/1.1\r\nx: ", b"GET /", b"POST /ping HTTP/1.1\r\n"])
def test_a_head_without_an_end_is_cut_off(serving: int, ask: Ask, start: bytes) -> None:
    with socket.create_connection(("127.0.0.1", serving), timeout=30) as connection:
        connection.sendall(start)
        assert was_cut_off(connection)
    assert ask(serving, "GET", "/ping")[0] == 200


def half_sent(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(
        b"POST /invocations HTTP/1.1\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n0123456789"
    )
    return connection


def test_many_half_sent_requests_hold_up_nobody(serving: int, ask: Ask, shape: Shape) -> None:
    with ExitStack() as stack:
        for _ in range(2 * cpus() * MAX_WAITING_REQUESTS):
            stack.enter_context(half_sent(serving))
        assert ask(serving, "GET", "/ping")[0] == 200
        assert ask(serving, "POST", "/invocations", shape("square", 1), Content_Type="image/png")[0] == 200


def test_bombs_in_many_lines_are_refused_after_some(serving: int) -> None:
    file = io.BytesIO()
    Image.new("L", (7000, 7000)).save(file, "PNG")
    count = MAX_REQUEST_DECODE_BYTES // 7000**2
    line = json.dumps({"image": base64.b64encode(file.getvalue()).decode()}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", serving, timeout=120)
    connection.request("POST", "/invocations", b"\n".join([line] * (count + 2)), {"Content-Type": JSON_LINES})
    answers = [json.loads(each) for each in connection.getresponse().read().splitlines()]
    connection.close()
    assert ["error" in answer for answer in answers] == [False] * count + [True] * 2
    assert "fewer at once" in answers[-1]["message"]
