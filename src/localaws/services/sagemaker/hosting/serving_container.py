"""A serving container: the image's `serve` program on its own port, behind a pool of kept-alive connections.

It is independent of the endpoint or the job that uses it, and of deployments.
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
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

from localaws.server import processes
from localaws.services.sagemaker.containers import container, objects
from localaws.services.sagemaker.containers.logs import LogStream, follow
from localaws.services.sagemaker.errors import ContainerError, ServiceUnavailable, UnhealthyError

# The default time until a container's first healthy ping.
STARTUP_SECONDS = 240

_LOG = logging.getLogger("localaws")
_PING_SECONDS = 2.0
_PING_PAUSE_SECONDS = 0.05
# The wait for the rest of the output after a container exited: its children may still hold the pipe open.
_OUTPUT_SECONDS = 10.0
# SageMaker's limits: the time of an invocation, the grace between SIGTERM and SIGKILL, and an answer's size.
_INVOCATION_SECONDS = 60.0
_TERM_GRACE_SECONDS = 30.0
_MAX_ANSWER_BYTES = 25 * 1024 * 1024
_DRAIN_SECONDS = 60.0
# gunicorn closes idle connections after 2 seconds, most servers later: a younger connection is very likely open.
_MAX_IDLE_SECONDS = 1.0
_MAX_RESTART_PAUSE_SECONDS = 30.0
# Below the ephemeral ports of Linux and macOS, so that no outgoing connection takes the port before the container.
_PORTS = range(20_000, 32_000)


class Reply(NamedTuple):
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoReplyError(Exception):
    """Raised if the container accepted a request and did not answer it."""


class ServingContainer:
    """The process of one production variant, or of one transform job, and the connections to it.

    `variant` has VariantName, Image, optionally Environment and ModelDataUrl; `invocation_seconds` limits each request.
    """

    def __init__(
        self, variant: Mapping[str, Any], log: LogStream, invocation_seconds: float = _INVOCATION_SECONDS
    ) -> None:
        self.variant = variant
        self.log = log
        self._invocation_seconds = invocation_seconds
        self._folder = container.make_workspace("endpoint")
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread()
        self._port = 0
        # Idle connections, each with the monotonic time of its last use; the last used is reused first.
        self._connections: deque[tuple[float, HTTPConnection]] = deque()
        self._in_flight = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()

    def start(self, timeout: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Download the model, launch the process, and wait until /ping answers 200.

        Raises ContainerError if the model cannot be downloaded, and UnhealthyError if the container exits or is not
        healthy after `timeout` seconds. In both cases the process and its folder are removed.
        """
        try:
            self._download_model()
            self._launch()
            self._wait_until_healthy(timeout, sleep)
        except BaseException:
            self.close()
            raise

    def keep_alive(self) -> None:
        """Restart the process whenever it exits, until `close`; returns at once."""
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._restart_repeatedly,), daemon=True).start()

    def acquire(self) -> None:
        """Announce an invocation, which `release` ends: `drain` waits for it."""
        with self._changed:
            self._in_flight += 1

    def release(self) -> None:
        """End an invocation that `acquire` announced."""
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a request to /invocations and return the answer; at most once, because it may not be idempotent.

        Raises ServiceUnavailable if nothing listens, and NoReplyError if the container closes the connection, takes
        too long or answers more than 25 MB.
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

    def drain(self) -> None:
        """Close after the invocations in flight have ended, at the latest after 60 seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._in_flight, _DRAIN_SECONDS)
        self.close()

    def close(self, grace_seconds: float = _TERM_GRACE_SECONDS) -> None:
        """End the process with SIGTERM, and with SIGKILL after the grace period, and remove its folder."""
        self._closing.set()
        if self._process is not None:
            processes.stop(self._process, grace_seconds)
        while self._connections:
            self._connections.pop()[1].close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _download_model(self) -> None:
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
        # `close` may have run while the process started, and then did not see it.
        if self._closing.is_set():
            processes.stop(process, 0)

    def _wait_until_healthy(self, timeout: float, sleep: Callable[[float], None]) -> None:
        deadline = time.monotonic() + timeout
        name = self.variant["VariantName"]
        reason = f"The primary container for production variant {name} did not pass the ping health check."
        assert self._process is not None  # noqa: S101 - _launch has set it
        while time.monotonic() < deadline:
            if self._is_healthy():
                return
            if self._process.poll() is not None:
                self._reader.join(_OUTPUT_SECONDS)
                code = self._process.returncode
                raise UnhealthyError(f"{reason} The container exited with code {code}: {self.log.tail}")
            sleep(_PING_PAUSE_SECONDS)
        raise UnhealthyError(f"{reason} Please check CloudWatch logs for this endpoint.")

    def _is_healthy(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_PING_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _restart_repeatedly(self) -> None:
        # With exponential backoff, which starts over after a process that ran for longer than the longest pause.
        pause = 0.0
        while not self._closing.is_set() and self._process is not None:
            started = time.monotonic()
            self._process.wait()
            if self._closing.wait(pause):
                return
            ran_long = time.monotonic() - started > _MAX_RESTART_PAUSE_SECONDS
            pause = 1.0 if ran_long else min(2 * pause + 1, _MAX_RESTART_PAUSE_SECONDS)
            _LOG.warning("%s: the container exited with code %s", self.log.group, self._process.returncode)
            # Its children may have outlived it.
            processes.stop(self._process, 0)
            with suppress(ContainerError):
                self._launch()

    def _connect(self) -> HTTPConnection:
        # A request is never sent twice, so no connection is used that the container may be about to close.
        while self._connections:
            last_used, connection = self._connections.pop()
            if time.monotonic() - last_used < _MAX_IDLE_SECONDS and not _is_closed(connection.sock):
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
        # One byte more than the limit distinguishes a larger answer from one of exactly the limit.
        answer = response.read(_MAX_ANSWER_BYTES + 1)
        if len(answer) > _MAX_ANSWER_BYTES:
            raise HTTPException(f"the answer has over {_MAX_ANSWER_BYTES} bytes")
        reply = Reply(response.status, {key.lower(): value for key, value in response.getheaders()}, answer)
        if response.will_close or self._closing.is_set():
            connection.close()
        else:
            self._connections.append((time.monotonic(), connection))
        return reply


def _is_closed(idle: socket.socket) -> bool:
    """Return whether the other side has closed the connection, or sent bytes without a request."""
    poll = select.poll()
    poll.register(idle, select.POLLIN)
    return bool(poll.poll(0))


def _free_port() -> int:
    # At random, so that servers on one machine seldom try the same port at the same time.
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ContainerError(f"No port is free between {_PORTS.start} and {_PORTS.stop}")
