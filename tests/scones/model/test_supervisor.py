"""The workers of a running endpoint: connections are spread, one that dies is replaced, and none is left behind."""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from scones.model.container import cpus
from scones.model.supervisor import Supervisor

Ask = Callable[..., tuple[int, Mapping[str, str], Any]]
Shape = Callable[..., bytes]


@pytest.fixture
def endpoint(
    trained: Path,
    free_port: Callable[[], int],
    start_program: Callable[..., subprocess.Popen[str]],
    wait_until_healthy: Callable[..., None],
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A running endpoint of this test's own: its port and its process."""
    port = free_port()
    process = start_program("serve", trained, SAGEMAKER_BIND_TO_PORT=str(port))
    wait_until_healthy(port, process)
    yield port, process
    process.kill()
    process.communicate()


def eventually(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to be")


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_open_connections_are_spread_over_the_workers(endpoint: tuple[int, subprocess.Popen[str]]) -> None:
    port, process = endpoint
    workers = psutil.Process(process.pid).children()
    assert len(workers) == cpus()
    open_ones = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(4 * len(workers))]
    for connection in open_ones:
        connection.request("GET", "/ping")
        connection.getresponse().read()
    counts = [len([c for c in worker.net_connections("tcp") if c.status == "ESTABLISHED"]) for worker in workers]
    for connection in open_ones:
        connection.close()
    assert max(counts) - min(counts) <= 1


def test_a_worker_that_dies_is_replaced(endpoint: tuple[int, subprocess.Popen[str]], ask: Ask, shape: Shape) -> None:
    port, process = endpoint
    supervisor = psutil.Process(process.pid)
    before = supervisor.children()
    before[0].kill()
    eventually(lambda: is_gone(before[0]) and len(supervisor.children()) == len(before))
    eventually(lambda: ask(port, "GET", "/ping")[0] == 200)
    for _ in range(2 * len(before)):
        assert ask(port, "POST", "/invocations", shape("circle", 1), Content_Type="image/png")[0] == 200


def test_no_worker_outlives_its_supervisor(endpoint: tuple[int, subprocess.Popen[str]]) -> None:
    port, process = endpoint
    workers = psutil.Process(process.pid).children()
    with socket.create_connection(("127.0.0.1", port)):
        process.kill()
        eventually(lambda: all(map(is_gone, workers)))


@pytest.mark.parametrize("to_all", [False, True], ids=["supervisor", "whole group"])
def test_what_is_in_flight_is_answered_before_the_end(
    endpoint: tuple[int, subprocess.Popen[str]], shape: Shape, to_all: bool
) -> None:
    port, process = endpoint
    picture = shape("circle", 1)
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(picture)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + picture[:100])
        time.sleep(0.3)
        for worker in psutil.Process(process.pid).children() if to_all else ():
            worker.send_signal(signal.SIGTERM)
        process.terminate()
        time.sleep(0.5)
        connection.sendall(picture[100:])
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200")
    assert process.wait(30) == 0


def test_while_no_worker_lives_the_answer_is_503(ask: Ask) -> None:
    statuses = list[int]()

    def invoke(port: int) -> None:
        eventually(lambda: statuses.append(ask(port, "GET", "/ping")[0]) is None)
        os.kill(os.getpid(), signal.SIGTERM)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=invoke, args=(listener.getsockname()[1],)).start()
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            Supervisor(listener, lambda line: None, count=0).run()
        finally:
            for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
                signal.signal(number, handler)
    assert statuses == [503]
