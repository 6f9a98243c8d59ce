"""The supervisor of the worker processes: it spreads the connections over them, and replaces one that dies.

It forks, so that the workers share the loaded model's memory; Linux and other Unix only. It reads and answers no
request itself, except that it responds with 503 while no worker is running.
"""

from __future__ import annotations

import json
import os
import select
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
# How long a new connection waits for a busy worker.
_HAND_OVER_SECONDS = 1.0
# A worker that dies at once, time and again, should not keep the processor busy with forking.
_MIN_LIFE_SECONDS = 1.0
_END_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_BODY = json.dumps({"error": "NoWorkerError", "message": "no worker is running; try again in a second"})
UNAVAILABLE = (
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    f"content-length: {len(_BODY)}\r\n\r\n{_BODY}"
).encode()


@dataclass
class WorkerProcess:
    """A child process. The supervisor sends it connections through `channel`; it sends a byte for each that ended."""

    pid: int
    channel: socket.socket
    started: float
    connections: int = 0


class Supervisor:
    """Runs `work(channel)` in `count` processes, which receive connections by `socket.recv_fds` until the channel ends.

    A worker's channel ends when this process does, in whatever way, so that no worker is left running.
    """

    def __init__(self, listener: socket.socket, work: Callable[[socket.socket], None], count: int) -> None:
        self._listener = listener
        self._work = work
        self._count = count
        self._selector = selectors.DefaultSelector()
        self._workers: list[WorkerProcess] = []
        self._next_start = 0.0
        self._is_ending = False

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; returns when the workers have answered the requests under way."""
        for number in _END_SIGNALS:
            signal.signal(number, self._end)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._dispatch_connection)
        while not self._is_ending:
            while len(self._workers) < self._count and time.monotonic() >= self._next_start:
                self._start_worker()
            for key, _ in self._selector.select(_TICK_SECONDS):
                key.data()
        self._drain()

    def _end(self, *_: object) -> None:
        self._is_ending = True

    def _drain(self) -> None:
        self._listener.close()
        for worker in self._workers:
            worker.channel.shutdown(socket.SHUT_WR)
        for worker in self._workers:
            os.waitpid(worker.pid, 0)

    def _start_worker(self) -> None:
        channel, worker_channel = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_worker(channel, worker_channel)
        worker_channel.close()
        channel.setblocking(False)
        worker = WorkerProcess(pid, channel, time.monotonic())
        self._workers.append(worker)
        self._selector.register(channel, selectors.EVENT_READ, partial(self._on_worker_message, worker))

    def _become_worker(self, channel: socket.socket, worker_channel: socket.socket) -> NoReturn:
        code = 1
        try:
            # A signal to the whole group is for the supervisor; its workers end with their channels.
            signal.pthread_sigmask(signal.SIG_BLOCK, _END_SIGNALS)
            # Another worker's channel would not end while this process has a copy of it.
            self._selector.close()
            for inherited in (self._listener, channel, *[worker.channel for worker in self._workers]):
                inherited.close()
            self._work(worker_channel)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            # Not sys.exit, which would unwind into the supervisor's own callers.
            os._exit(code)

    def _dispatch_connection(self) -> None:
        # A client may have left before it was accepted.
        with suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                if not self._hand_over(connection):
                    connection.sendall(UNAVAILABLE)

    def _hand_over(self, connection: socket.socket) -> bool:
        """Send the connection to the worker with the fewest, and return whether one took it."""
        if any(_send(worker, connection) for worker in sorted(self._workers, key=_connections)):
            return True
        if not self._workers:
            return False
        # After a burst of connections all channels can be full, until the workers' event loops come to read them.
        _, ready, _ = select.select([], [worker.channel for worker in self._workers], [], _HAND_OVER_SECONDS)
        return any(_send(worker, connection) for worker in self._workers if worker.channel in ready)

    def _on_worker_message(self, worker: WorkerProcess) -> None:
        message = b""
        with suppress(ConnectionError):
            message = worker.channel.recv(4096)
        worker.connections -= len(message)
        if not message:
            self._reap(worker)

    def _reap(self, worker: WorkerProcess) -> None:
        self._selector.unregister(worker.channel)
        worker.channel.close()
        self._workers.remove(worker)
        _, status = os.waitpid(worker.pid, 0)
        print(f"worker {worker.pid} ended with {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)
        self._next_start = worker.started + _MIN_LIFE_SECONDS


def _connections(worker: WorkerProcess) -> int:
    return worker.connections


def _send(worker: WorkerProcess, connection: socket.socket) -> bool:
    """Return whether the worker has been sent the connection; it may be dead, or its channel full."""
    try:
        socket.send_fds(worker.channel, [b"+"], [connection.fileno()])
    except OSError:
        return False
    worker.connections += 1
    return True
