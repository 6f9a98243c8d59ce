"""Keeps the worker processes: hands each connection to the worker that has the fewest, and replaces one that dies.

Forks, so that the workers share what was loaded before; Linux and other Unix only. It reads and answers no request
itself, except that it says 503 while no worker lives.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

# How soon a signal is noticed.
_TICK_SECONDS = 0.1
# One that cannot live should not be forked over and over.
_SHORTEST_LIFE_SECONDS = 1.0
_ENDING = (signal.SIGTERM, signal.SIGINT)

_BODY = json.dumps({"error": "NoWorkerError", "message": "no worker lives; try again in a second"})
UNAVAILABLE = (
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    f"content-length: {len(_BODY)}\r\n\r\n{_BODY}"
).encode()


@dataclass
class Worker:
    """A child; through `line` it is sent connections, and sends a byte for each that has ended."""

    pid: int
    line: socket.socket
    started: float
    connections: int = 0


class Supervisor:
    """Runs `work(line)` in `count` processes: it takes connections with `socket.recv_fds` until its line ends.

    A worker's line ends when this process ends too, however it does, so that none is left behind.
    """

    def __init__(self, listener: socket.socket, work: Callable[[socket.socket], None], count: int) -> None:
        self._listener, self._work, self._count = listener, work, count
        self._selector = selectors.DefaultSelector()
        self._workers: list[Worker] = []
        self._next_start = 0.0
        self._ending = False

    def run(self) -> None:
        """Return after SIGTERM or SIGINT, once the workers have answered what is in flight."""
        for number in _ENDING:
            signal.signal(number, self._end)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._hand_over)
        while not self._ending:
            while len(self._workers) < self._count and time.monotonic() >= self._next_start:
                self._start()
            for key, _ in self._selector.select(_TICK_SECONDS):
                key.data()
        self._drain()

    def _end(self, *_: object) -> None:
        self._ending = True

    def _drain(self) -> None:
        self._listener.close()
        for worker in self._workers:
            worker.line.shutdown(socket.SHUT_WR)
        for worker in self._workers:
            os.waitpid(worker.pid, 0)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs)
        theirs.close()
        ours.setblocking(False)
        worker = Worker(pid, ours, time.monotonic())
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, partial(self._hear, worker))

    def _become_worker(self, ours: socket.socket, theirs: socket.socket) -> NoReturn:
        code = 1
        try:
            # A signal to the whole group is for the supervisor; its workers end with their lines.
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
            # Another's line would not end while this process holds it too.
            self._selector.close()
            for held in (self._listener, ours, *[worker.line for worker in self._workers]):
                held.close()
            self._work(theirs)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _hand_over(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                if not any(_send(worker, connection) for worker in sorted(self._workers, key=_connections)):
                    connection.sendall(UNAVAILABLE)

    def _hear(self, worker: Worker) -> None:
        ended = b""
        with suppress(ConnectionError):
            ended = worker.line.recv(4096)
        worker.connections -= len(ended)
        if not ended:
            self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        self._selector.unregister(worker.line)
        worker.line.close()
        self._workers.remove(worker)
        _, status = os.waitpid(worker.pid, 0)
        print(f"worker {worker.pid} ended with {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)
        self._next_start = worker.started + _SHORTEST_LIFE_SECONDS


def _connections(worker: Worker) -> int:
    return worker.connections


def _send(worker: Worker, connection: socket.socket) -> bool:
    """Whether the worker could be given the connection: it may be dead, or so busy that its line is full."""
    try:
        socket.send_fds(worker.line, [b"+"], [connection.fileno()])
    except OSError:
        return False
    worker.connections += 1
    return True
