"""One worker process: an event loop for the connections that the supervisor has accepted.

It does not listen. It ends when its channel to the supervisor does, after it has answered the requests under way.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from email.utils import formatdate

import uvloop

from scones.model.inference.classifier import Classifier
from scones.model.serving.admission import Admission
from scones.model.serving.application import PING, Application
from scones.model.serving.connection import Connection
from scones.model.serving.decode_lock import DecodeLock
from scones.model.serving.messages import HttpError, Request, Respond, Response

# With its other files, a worker stays below the usual limit of 1,024 open files.
MAX_CONNECTIONS = 900
# SageMaker kills the container 30 s after SIGTERM.
DRAIN_SECONDS = 25


def serve(classifier: Classifier, lock: DecodeLock, channel: socket.socket) -> None:
    """Answer the connections that come through `channel`, until it ends; `lock` is shared by all workers."""
    uvloop.run(Worker(Application(classifier, lock), channel).run())


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
        self._admission = Admission()

    async def run(self) -> None:
        """Serve until the channel ends; then answer the requests under way, for at most `DRAIN_SECONDS`."""
        loop = asyncio.get_running_loop()
        self._channel.setblocking(False)
        loop.add_reader(self._channel, self._receive_connections)
        while not self._channel_ended.is_set():
            self._tick(loop.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._channel_ended.wait(), 1)
        loop.remove_reader(self._channel)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._drain()
        self._application.close()

    def receive(self, connection: Connection, length: int) -> None:
        """Count `length` more bytes held for this connection. Raises HttpError (503) if they do not fit."""
        self._admission.receive(connection, length)

    def forget(self, connection: Connection) -> None:
        """Count nothing of what `receive` counted for this connection any more."""
        self._admission.forget(connection)

    def answer(self, connection: Connection, request: Request, respond: Respond) -> None:
        """Call `respond` once, now or later: with 503 if too many requests are waiting."""
        # SageMaker replaces a container whose ping fails, so that a refused ping would make an outage of an overload.
        if request.path == PING:
            self._admission.forget(connection)
            self._application.answer(request, respond)
            return
        length = len(request.body)
        try:
            self._admission.admit(connection, length)
        except HttpError as error:
            respond(error.response())
            return

        def release_and_respond(response: Response) -> None:
            self._admission.release(length)
            respond(response)

        self._application.answer(request, release_and_respond)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended, and tell the supervisor."""
        self.connections.discard(connection)
        self._admission.forget(connection)
        with suppress(OSError):
            self._channel.send(b"-")

    def _receive_connections(self) -> None:
        # All that are there: a turn of the loop takes a tenth of a second under load, and a ping should not wait for
        # one turn for each connection before it.
        for _ in range(MAX_CONNECTIONS):
            message = b""
            descriptors = list[int]()
            try:
                message, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
            except BlockingIOError:
                return
            except ConnectionError:
                # The supervisor was killed; the channel has ended then too.
                pass
            if not message:
                self._channel_ended.set()
                return
            self._open(descriptors)

    def _open(self, descriptors: Iterable[int]) -> None:
        loop = asyncio.get_running_loop()
        for descriptor in descriptors:
            self._make_room()
            opening = loop.connect_accepted_socket(lambda: Connection(self), socket.socket(fileno=descriptor))
            task: asyncio.Task[object] = loop.create_task(opening)
            # The event loop keeps only a weak reference to a task.
            self._openings.add(task)
            task.add_done_callback(self._openings.discard)

    def _make_room(self) -> None:
        """End a connection if there are too many: the oldest half-sent request, or else what has been idle longest."""
        if len(self.connections) < MAX_CONNECTIONS or self._admission.evict_oldest():
            return
        idle = [connection for connection in self.connections if connection.idle_since is not None]
        if idle:
            min(idle, key=_idle_since).drain()

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


def _idle_since(connection: Connection) -> float:
    return connection.idle_since or 0.0
