"""What one worker holds of the requests of its connections: complete ones that wait, and half-sent ones.

Only complete requests are waiting work. The memory of both has one limit; where it is reached, half-sent requests whose
clients have stopped sending end, the oldest first, so that they do not hold up the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from scones.contract.layout import MAX_IMAGE_BYTES
from scones.model.serving.messages import HttpError

# As many requests as are answered in about half a second.
MAX_WAITING_REQUESTS = 256
# One request of the largest size, and others beside it.
MAX_HELD_BYTES = MAX_IMAGE_BYTES + 4 * 1024 * 1024
# A client that sends nothing for so long has stopped.
STALL_SECONDS = 1.0


class Client(Protocol):
    """A connection, which can be ended while its request is half-sent."""

    def evict(self, error: HttpError) -> None:
        """End the connection with this error."""


@dataclass
class _HalfSent:
    length: int
    last_read: float


class Admission:
    """The requests that one worker holds; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests = 0
        self._bytes = 0
        # In the order in which the requests began.
        self._half_sent: dict[Client, _HalfSent] = {}

    def receive(self, client: Client, length: int) -> None:
        """Count `length` more bytes that the worker holds for a half-sent request or a response.

        Ends others that have stopped sending, the oldest first, until there is room. Raises HttpError (503) if that is
        not enough; then nothing of this client is counted any more.
        """
        half_sent = self._half_sent.setdefault(client, _HalfSent(0, 0))
        half_sent.length += length
        half_sent.last_read = self._clock()
        self._bytes += length
        # A request that is still arriving is not ended for a newer one, or large ones would end each other.
        if not self._make_room(0):
            self.forget(client)
            raise _overloaded("other requests take all memory")

    def admit(self, client: Client, length: int) -> None:
        """Count a complete request with a body of `length` bytes as waiting. Raises HttpError (503) if there are many.

        What was counted as half-sent is not counted any more.
        """
        self.forget(client)
        # A client that retries in a second is served sooner than one that waits in a long queue.
        if self._requests >= MAX_WAITING_REQUESTS or not self._make_room(length):
            raise _overloaded(f"{self._requests} requests are waiting")
        self._requests += 1
        self._bytes += length

    def release(self, length: int) -> None:
        """Give back what `admit` counted."""
        self._requests -= 1
        self._bytes -= length

    def forget(self, client: Client) -> None:
        """Count nothing as half-sent for this client any more."""
        if half_sent := self._half_sent.pop(client, None):
            self._bytes -= half_sent.length

    def evict_oldest(self) -> bool:
        """End the half-sent request that began first, and return whether there was one."""
        oldest = next(iter(self._half_sent), None)
        if oldest is None:
            return False
        self._evict(oldest)
        return True

    def _make_room(self, length: int) -> bool:
        """Return whether there is room for `length` bytes, after ending what has stopped if need be."""
        if self._bytes + length <= MAX_HELD_BYTES:
            return True
        before = self._clock() - STALL_SECONDS
        for client in [client for client, half_sent in self._half_sent.items() if half_sent.last_read <= before]:
            self._evict(client)
            if self._bytes + length <= MAX_HELD_BYTES:
                return True
        return False

    def _evict(self, client: Client) -> None:
        self.forget(client)
        client.evict(_overloaded("others needed the room of this half-sent request"))


def _overloaded(reason: str) -> HttpError:
    return HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "OverloadedError", f"{reason}; try again in a second")
