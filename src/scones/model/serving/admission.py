"""What one worker holds of the requests of its connections: complete ones that wait, and half-sent ones.

Only complete requests are waiting work. The memory of both has one limit; where it is reached, the half-sent request
that began first is ended, so that clients that stop sending do not hold up the others.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Protocol

from scones.contract.layout import MAX_IMAGE_BYTES
from scones.model.serving.messages import HttpError

# As many requests as are answered in about half a second.
MAX_WAITING_REQUESTS = 256
# One request of the largest size, and others beside it.
MAX_HELD_BYTES = MAX_IMAGE_BYTES + 4 * 1024 * 1024


class Client(Protocol):
    """A connection, which can be ended while its request is half-sent."""

    def evict(self, error: HttpError) -> None:
        """End the connection with this error."""


class Admission:
    """The requests that one worker holds."""

    def __init__(self) -> None:
        self._requests = 0
        self._bytes = 0
        # In the order in which the requests began.
        self._half_sent: dict[Client, int] = {}

    def receive(self, client: Client, length: int) -> None:
        """Count `length` more bytes that the worker holds for a half-sent request or a response.

        Ends the half-sent requests that began first, this one included, until there is room.
        """
        self._half_sent[client] = self._half_sent.get(client, 0) + length
        self._bytes += length
        self._make_room(0)

    def admit(self, client: Client, length: int) -> None:
        """Count a complete request with a body of `length` bytes as waiting. Raises HttpError (503) if there are many.

        What was counted as half-sent is not counted any more.
        """
        self.forget(client)
        self._make_room(length)
        # A client that retries in a second is served sooner than one that waits in a long queue.
        if self._requests >= MAX_WAITING_REQUESTS or self._bytes + length > MAX_HELD_BYTES:
            raise _overloaded(f"{self._requests} requests are waiting")
        self._requests += 1
        self._bytes += length

    def release(self, length: int) -> None:
        """Give back what `admit` counted."""
        self._requests -= 1
        self._bytes -= length

    def forget(self, client: Client) -> None:
        """Count nothing as half-sent for this client any more."""
        self._bytes -= self._half_sent.pop(client, 0)

    def evict_oldest(self) -> bool:
        """End the half-sent request that began first, and return whether there was one."""
        oldest = next(iter(self._half_sent), None)
        if oldest is None:
            return False
        self.forget(oldest)
        oldest.evict(_overloaded("many requests are half-sent, and this was the oldest"))
        return True

    def _make_room(self, length: int) -> None:
        while self._bytes + length > MAX_HELD_BYTES and self.evict_oldest():
            pass


def _overloaded(reason: str) -> HttpError:
    return HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "OverloadedError", f"{reason}; try again in a second")
