"""One serving container: the image's `serve` on a port of its own, behind a pool of kept-alive connections.

Does not know which endpoint or job it belongs to, nor when it is to be replaced.
"""

from __future__ import annotations

import contextvars
import logging
import random
import select
import shutil
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

from localaws.server import processes
from localaws.services.sagemaker.containers import container, objects
from localaws.services.sagemaker.containers.logs import LogStream, follow
from localaws.services.sagemaker.errors import ContainerError, ServiceUnavailable, UnhealthyError

# The time that a container has until its first healthy ping, unless the caller gives another.
STARTUP_SECONDS = 240

_LOG = logging.getLogger("localaws")
_PING_SECONDS = 2.0
_PING_PAUSE_SECONDS = 0.05
# The longest wait for the last words of a container that has ended, whose children may still hold its output.
_LAST_WORDS_SECONDS = 10.0
_INVOCATION_SECONDS = 60.0
_DRAIN_SECONDS = 60.0
_IDLE_SECONDS = 1.0
_TERM_GRACE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 30.0
_ANSWER_BYTES = 25 * 1024 * 1024
# Below the ephemeral ports of Linux and macOS, so that no outgoing connection takes the port before the container.
_PORTS = range(20_000, 32_000)


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class NoReplyError(Exception):
    """The container took a request and did not answer it."""


class Server:
    """`variant` has VariantName, Image, Environment and, where there is a model archive, ModelDataUrl."""

    def __init__(
        self, variant: Mapping[str, Any], log: LogStream, invocation_seconds: float = _INVOCATION_SECONDS
    ) -> None:
        self.variant, self.log = variant, log
        self._invocation_seconds = invocation_seconds
        self._folder = container.make_workspace("endpoint")
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread()
        self._port = 0
        self._connections: deque[tuple[float, HTTPConnection]] = deque()
        self._in_flight = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()

    def start(self, seconds: float) -> None:
        """Load the model and wait until /ping answers 200.

        Raises ContainerError where the model cannot be loaded, and UnhealthyError where that takes over `seconds`, or
        where the container ends before; nothing is left then.
        """
        try:
            self._prepare()
            self._launch()
            self._wait_until_healthy(seconds)
        except BaseException:
            self.close()
            raise

    def keep_alive(self) -> None:
        """From now on start the process again whenever it ends; returns at once."""
        threading.Thread(target=contextvars.copy_context().run, args=(self._restart,), daemon=True).start()

    def acquire(self) -> None:
        """Announce an invocation, which `release` ends: a server is not closed before."""
        with self._changed:
            self._in_flight += 1

    def release(self) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """POST /invocations.

        Raises ServiceUnavailable where nothing listens, NoReplyError where the container hangs up, takes too long, or
        answers more than 25 MB.
        """
        connection = self._connect()
        try:
            return self._exchange(connection, body, headers)
        except TimeoutError as error:
            connection.close()
            raise NoReplyError("Your invocation timed out while waiting for a response from container") from error
        except (OSError, HTTPException) as error:
            connection.close()
            raise NoReplyError(f"could not get a response from the container: {error!r}") from error

    def retire(self) -> None:
        """Close once the invocations in flight have ended, at the latest after 60 seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._in_flight, _DRAIN_SECONDS)
        self.close()

    def close(self, grace_seconds: float = _TERM_GRACE_SECONDS) -> None:
        """End the process, with SIGKILL after the grace that SageMaker gives too, and remove its folder."""
        self._closing.set()
        if self._process is not None:
            processes.stop(self._process, grace_seconds)
        while self._connections:
            self._connections.pop()[1].close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self) -> None:
        model = self._folder / "ml/model"
        model.mkdir(parents=True)
        if "ModelDataUrl" in self.variant:
            objects.unpack_archive(self.variant["ModelDataUrl"], model)

    def _launch(self) -> None:
        self._port = _free_port()
        environment = {**self.variant.get("Environment", {}), "SAGEMAKER_BIND_TO_PORT": str(self._port)}
        process = container.start(self.variant["Image"], ["serve"], self._folder, environment)
        context = contextvars.copy_context()
        self._reader = threading.Thread(target=context.run, args=(follow, process, self.log.put), daemon=True)
        self._reader.start()
        self._process = process
        if self._closing.is_set():
            processes.stop(process, 0)

    def _wait_until_healthy(self, seconds: float) -> None:
        name, deadline = self.variant["VariantName"], time.monotonic() + seconds
        why = f"The primary container for production variant {name} did not pass the ping health check."
        assert self._process is not None  # noqa: S101 - _launch came before
        while time.monotonic() < deadline:
            if self._is_healthy():
                return
            if self._process.poll() is not None:
                self._reader.join(_LAST_WORDS_SECONDS)
                code = self._process.returncode
                raise UnhealthyError(f"{why} The container exited with code {code}: {self.log.tail}")
            time.sleep(_PING_PAUSE_SECONDS)
        raise UnhealthyError(f"{why} Please check CloudWatch logs for this endpoint.")

    def _is_healthy(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_PING_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _restart(self) -> None:
        """With longer and longer pauses where the process does not stay."""
        pause = 0.0
        while not self._closing.is_set() and self._process is not None:
            began = time.monotonic()
            self._process.wait()
            if self._closing.wait(pause):
                return
            pause = 1.0 if time.monotonic() - began > _LONGEST_PAUSE_SECONDS else min(2 * pause + 1, 30.0)
            _LOG.warning("%s: the container exited with code %s", self.log.group, self._process.returncode)
            processes.stop(self._process, 0)
            with suppress(ContainerError):
                self._launch()

    def _connect(self) -> HTTPConnection:
        # A request is never sent twice, so no connection is used that the container may be about to close.
        while self._connections:
            since, connection = self._connections.pop()
            if time.monotonic() - since < _IDLE_SECONDS and not _is_closed(connection.sock):
                return connection
            connection.close()
        connection = HTTPConnection("127.0.0.1", self._port, timeout=self._invocation_seconds)
        try:
            connection.connect()
        except OSError as error:
            raise ServiceUnavailable(f"The container of variant {self.variant['VariantName']} is restarting") from error
        return connection

    def _exchange(self, connection: HTTPConnection, body: bytes, headers: Mapping[str, str]) -> Reply:
        connection.request("POST", "/invocations", body, dict(headers))
        response = connection.getresponse()
        answer = response.read(_ANSWER_BYTES + 1)
        if len(answer) > _ANSWER_BYTES:
            raise HTTPException(f"the answer has over {_ANSWER_BYTES} bytes")
        reply = Reply(response.status, {key.lower(): value for key, value in response.getheaders()}, answer)
        if response.will_close or self._closing.is_set():
            connection.close()
        else:
            self._connections.append((time.monotonic(), connection))
        return reply


def _is_closed(idle: socket.socket) -> bool:
    """Whether the other side has closed, or said something that nobody asked for."""
    poll = select.poll()
    poll.register(idle, select.POLLIN)
    return bool(poll.poll(0))


def _free_port() -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ContainerError(f"No port is free between {_PORTS.start} and {_PORTS.stop}")
