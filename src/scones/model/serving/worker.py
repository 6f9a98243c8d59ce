"""One worker process: an event loop for the connections that the supervisor has accepted.

It does not listen. It ends when its channel to the supervisor does, after it has answered the requests under way.
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
from scones.model.serving.messages import HttpError, Request, Respond

# What may wait at once in one worker: as many requests as are answered in about half a second, and as many bytes as
# memory holds.
MAX_WAITING_REQUESTS = 256
MAX_WAITING_BYTES = 128 * 1024 * 1024
# SageMaker kills the container 30 s after SIGTERM.
DRAIN_SECONDS = 25


def serve(classifier: Classifier, channel: socket.socket) -> None:
    """Answer the connections that come through `channel`, until it ends."""
    uvloop.run(Worker(Application(classifier), channel).run())


class Worker:
    """The state that the connections of this process share; implements `connection.ConnectionHost`."""

    def __init__(self, application: Application, channel: socket.socket) -> None:
        self.connections = set[Connection]()
        self.is_draining = False
        self.date = b""
        self._application = application
        self._channel = channel
        self._channel_ended = asyncio.Event()
        self._openings = set[asyncio.Task[object]]()
        self._waiting_requests = 0
        self._waiting_bytes = 0

    async def run(self) -> None:
        """Serve until the channel ends; then answer the requests under way, for at most `DRAIN_SECONDS`."""
        loop = asyncio.get_running_loop()
        self._channel.setblocking(False)
        loop.add_reader(self._channel, self._receive_connection)
        while not self._channel_ended.is_set():
            self._tick(loop.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._channel_ended.wait(), 1)
        loop.remove_reader(self._channel)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._drain()
        self._application.close()

    def answer(self, request: Request, respond: Respond) -> None:
        """Call `respond` once, now or later."""
        self._application.answer(request, respond)

    def admit(self, length: int) -> None:
        """Reserve memory for a request body of `length` bytes. Raises HttpError (503) if the worker is full."""
        # A client that retries in a second is served sooner than one that waits in a long queue.
        if self._waiting_requests >= MAX_WAITING_REQUESTS or self._waiting_bytes + length > MAX_WAITING_BYTES:
            message = f"{self._waiting_requests} requests are waiting; try again in a second"
            raise HttpError(503, "OverloadedError", message)
        self._waiting_requests += 1
        self._waiting_bytes += length

    def release(self, length: int) -> None:
        """Give back what `admit` reserved."""
        self._waiting_requests -= 1
        self._waiting_bytes -= length

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended, and tell the supervisor."""
        self.connections.discard(connection)
        with suppress(OSError):
            self._channel.send(b"-")

    def _receive_connection(self) -> None:
        message = b""
        descriptors = list[int]()
        # If the supervisor was killed, reading fails; the channel has ended then too.
        with suppress(ConnectionError):
            message, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
        if not message:
            self._channel_ended.set()
        loop = asyncio.get_running_loop()
        for descriptor in descriptors:
            opening = loop.connect_accepted_socket(lambda: Connection(self), socket.socket(fileno=descriptor))
            task: asyncio.Task[object] = loop.create_task(opening)
            # The event loop keeps only a weak reference to a task.
            self._openings.add(task)
            task.add_done_callback(self._openings.discard)

    def _tick(self, now: float) -> None:
        # Once a second is often enough for the Date header, and saves formatting it for each response.
        self.date = formatdate(usegmt=True).encode()
        # A tick may end a connection, which changes the set.
        for connection in list(self.connections):
            connection.tick(now)

    async def _drain(self) -> None:
        self.is_draining = True
        # Connections that were accepted before the end may still open; so they are asked until none is left.
        while self._openings or self.connections:
            for connection in list(self.connections):
                connection.drain()
            await asyncio.sleep(0.05)
