"""The workers of a running endpoint: connections are spread, one that dies is replaced, and none is left running."""

import http.client
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scones.model.container import cpus
from scones.model.serving.supervisor import Supervisor

from ...processes import children, is_gone, listening_ports

Ask = Callable[..., tuple[int, Mapping[str, str], Any]]
Shape = Callable[..., bytes]


@pytest.fixture
def endpoint(
    trained: Path,
    start_program: Callable[..., subprocess.Popen[str]],
    wait_until_healthy: Callable[[subprocess.Popen[str]], int],
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A running endpoint of this test's own: its port and its process."""
    process = start_program("serve", trained)
    yield wait_until_healthy(process), process
    process.kill()
    process.communicate()


def test_open_connections_are_spread_over_the_workers(endpoint: tuple[int, subprocess.Popen[str]]) -> None:
    port, process = endpoint
    workers = children(process.pid)
    assert len(workers) == cpus()
    connections = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(4 * len(workers))]
    for connection in connections:
        connection.request("GET", "/ping")
        connection.getresponse().read()
    counts = [len([c for c in worker.net_connections("tcp") if c.status == "ESTABLISHED"]) for worker in workers]
    for connection in connections:
        connection.close()
    assert max(counts) - min(counts) <= 1


def test_a_worker_that_dies_is_replaced(
    endpoint: tuple[int, subprocess.Popen[str]], ask: Ask, shape: Shape, eventually: Callable[..., Any]
) -> None:
    port, process = endpoint
    before = children(process.pid)
    before[0].kill()
    eventually(lambda: is_gone(before[0]) and len(children(process.pid)) == len(before))
    assert ask(port, "GET", "/ping")[0] == 200
    for _ in range(2 * len(before)):
        assert ask(port, "POST", "/invocations", shape("circle", 1), Content_Type="image/png")[0] == 200


def test_no_worker_outlives_its_supervisor(
    endpoint: tuple[int, subprocess.Popen[str]], eventually: Callable[..., Any]
) -> None:
    port, process = endpoint
    workers = children(process.pid)
    with socket.create_connection(("127.0.0.1", port)):
        process.kill()
        eventually(lambda: all(map(is_gone, workers)))


@pytest.mark.parametrize("to_all", [False, True], ids=["supervisor", "whole group"])
def test_requests_under_way_are_answered_before_the_end(
    endpoint: tuple[int, subprocess.Popen[str]], shape: Shape, eventually: Callable[..., Any], to_all: bool
) -> None:
    port, process = endpoint
    image = shape("circle", 1)
    # 100 Continue shows that the request has arrived.
    head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nExpect: 100-continue\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rb") as answer:
        connection.sendall(f"{head}Content-Length: {len(image)}\r\n\r\n".encode())
        assert answer.readline() + answer.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
        for worker in children(process.pid) if to_all else ():
            worker.send_signal(signal.SIGTERM)
        process.terminate()
        eventually(lambda: not listening_ports(process.pid))
        connection.sendall(image)
        assert answer.read().startswith(b"HTTP/1.1 200")
    assert process.wait(60) == 0


def test_the_answer_is_503_while_no_worker_is_running(ask: Ask) -> None:
    statuses = list[int]()

    def invoke(port: int) -> None:
        try:
            statuses.append(ask(port, "GET", "/ping")[0])
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=invoke, args=(listener.getsockname()[1],)).start()
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            Supervisor(listener, lambda channel: None, count=0).run()
        finally:
            for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
                signal.signal(number, handler)
    assert statuses == [503]
