"""One worker process: an event loop that answers on the connections that the supervisor has accepted.

It listens nowhere, and ends when its line to the supervisor does, once what is in flight has been answered.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from email.utils import formatdate

import uvloop

from scones.model.inference.classifier import Classifier
from scones.model.serving.application import Application
from scones.model.serving.connection import Connection
from scones.model.serving.messages import HttpError

# What may wait at once in one worker: as many requests as are answered within half a second or so, and bytes that
# memory holds.
WAITING_REQUESTS, WAITING_BYTES = 256, 128 * 1024 * 1024
# SageMaker kills the container 30 s after SIGTERM.
DRAIN_SECONDS = 25


def serve(classifier: Classifier, line: socket.socket) -> None:
    """Answer the connections that come through `line`, until it ends."""
    uvloop.run(Worker(Application(classifier), line).run())


class Worker:
    """What the connections of this process share; see `connection.Server`."""

    def __init__(self, application: Application, line: socket.socket) -> None:
        self.answer, self._close = application.answer, application.close
        self.connections = set[Connection]()
        self.is_draining, self.date = False, b""
        self._line, self._ended = line, asyncio.Event()
        self._openings = set[asyncio.Task[object]]()
        self._requests = self._bytes = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._line.setblocking(False)
        loop.add_reader(self._line, self._receive)
        while not self._ended.is_set():
            self._tick(loop.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1)
        loop.remove_reader(self._line)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._drain()
        self._close()

    def enter(self, length: int) -> None:
        """Hold room for a request; who finds none should come again rather than wait in a line."""
        if self._requests >= WAITING_REQUESTS or self._bytes + length > WAITING_BYTES:
            raise HttpError(503, "OverloadedError", f"{self._requests} requests are waiting; try again in a second")
        self._requests, self._bytes = self._requests + 1, self._bytes + length

    def leave(self, length: int) -> None:
        self._requests, self._bytes = self._requests - 1, self._bytes - length

    def forget(self, connection: Connection) -> None:
        """Take out one that has ended, and tell the supervisor."""
        self.connections.discard(connection)
        with suppress(OSError):
            self._line.send(b"-")

    def _receive(self) -> None:
        message, descriptors = b"", list[int]()
        # A supervisor that was killed is an error here, and the end as well.
        with suppress(ConnectionError):
            message, descriptors, _, _ = socket.recv_fds(self._line, 1, 1)
        if not message:
            self._ended.set()
        loop = asyncio.get_running_loop()
        for descriptor in descriptors:
            opening = loop.connect_accepted_socket(lambda: Connection(self), socket.socket(fileno=descriptor))
            task: asyncio.Task[object] = loop.create_task(opening)
            self._openings.add(task)
            task.add_done_callback(self._openings.discard)

    def _tick(self, now: float) -> None:
        self.date = formatdate(usegmt=True).encode()
        for connection in list(self.connections):
            connection.tick(now)

    async def _drain(self) -> None:
        self.is_draining = True
        while self._openings or self.connections:
            for connection in list(self.connections):
                connection.drain()
            await asyncio.sleep(0.05)
