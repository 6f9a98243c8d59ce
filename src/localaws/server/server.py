"""`localaws serve`: ministack, its extensions and its state, on one loopback port, until it is stopped.

Runs in the foreground; `localaws.server.background` starts it detached. Imports ministack only after its environment
variables are set, because ministack reads them while it is imported.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, TYPE_CHECKING

from localaws.errors import ServerError
from localaws.faults.injector import injector
from localaws.images import GROUP, ImageRegistry, find_images
from localaws.server import environment, processes
from localaws.server.gateway import Gateway, Hooks

if TYPE_CHECKING:
    from hypercorn.config import Config

    from localaws.persistence.saver import Saver

_STOP_SECONDS = 3.0
# Changes are refused below this much free disk: the changes that were acknowledged must still find room.
_RESERVE_BYTES = 4 << 20


@dataclass(frozen=True)
class _Site:
    """Where the server keeps its files, and where it is reached."""

    state: Path
    host: str
    port: int
    listener: socket.socket

    @property
    def url(self) -> str:
        reached = "127.0.0.1" if self.host in ("0.0.0.0", "") else self.host  # noqa: S104 - compared, not bound
        return f"http://{reached}:{self.port}"


def serve(state: Path, host: str, port: int, image_options: Sequence[str], until_eof: bool) -> None:
    """Serve until SIGTERM or SIGINT, or until the end of stdin if `until_eof`; port 0 picks a free one.

    Raises ServerError if the folder or the address cannot be used, and ContainerImageError if an option names no image.
    """
    images = find_images(entry_points(group=GROUP), image_options)
    lock = _lock(state)
    listener = _listen(host, port)
    site = _Site(state, host, listener.getsockname()[1], listener)
    environment.prepare(os.environ, state, site.url, site.port)
    try:
        asyncio.run(_run(site, images, until_eof))
    finally:
        processes.stop_all(_STOP_SECONDS)
        (state / "server.json").unlink(missing_ok=True)
        lock.close()


def _lock(state: Path) -> IO[str]:
    """Make the folders of the state and return the file whose lock keeps other servers out."""
    try:
        for folder in (state, state / "state", state / "s3"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (state / "lock").open("w")
        _acquire(lock, state)
        # Left by a server that was killed; from here on they are ours alone.
        (state / "server.json").unlink(missing_ok=True)
        shutil.rmtree(state / "tmp", ignore_errors=True)
        (state / "tmp").mkdir(mode=0o700)
    except OSError as error:
        raise ServerError(f"{state} cannot be written: {error.strerror}; give another --state.") from error
    return lock


def _acquire(lock: IO[str], state: Path) -> None:
    # A command that looks whether a server runs holds the lock for a moment.
    for _ in range(5):
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.1)
    raise ServerError(f"Another server uses {state}; stop it, or give another --state.")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ServerError(f"{host}:{port} cannot be used: {why}; give another --port (0 picks a free one).") from error


async def _run(site: _Site, images: ImageRegistry, until_eof: bool) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from ministack import app as engine

    from localaws.services import sagemaker
    from localaws.services.stepfunctions import executions

    saver = _extend_engine(site.state, images)
    stop = asyncio.Event()
    sweeping = asyncio.create_task(saver.sweep())

    def started() -> None:
        executions.fail_interrupted()
        _announce(site)

    async def stopping() -> None:
        sweeping.cancel()
        await asyncio.to_thread(sagemaker.shutdown)
        await asyncio.to_thread(processes.stop_all, _STOP_SECONDS)

    hooks = Hooks(
        track=saver.track,
        is_full=lambda: _is_full(site.state),
        started=started,
        stopping=stopping,
    )
    gateway = Gateway(engine.app, hooks, injector, {site.host, socket.gethostname()})
    _set_on_signals(stop, until_eof)
    await hypercorn_serve(gateway, _config(site.listener), shutdown_trigger=stop.wait)
    await asyncio.to_thread(saver.close)


def _extend_engine(state: Path, images: ImageRegistry) -> Saver:
    """Add to ministack what it lacks or does otherwise than AWS, and load the state that an earlier run left."""
    from localaws.persistence import open_saver
    from localaws.services import (
        application_autoscaling,
        awslambda,
        cloudformation,
        cloudwatch_logs,
        dynamodb,
        eventbridge,
        s3,
        sagemaker,
        stepfunctions,
        unsupported,
    )
    from localaws.services.sagemaker import integrations

    saver = open_saver(state / "state.db")
    stepfunctions.install(integrations.resources)
    sagemaker.install(images)
    awslambda.install()
    application_autoscaling.install()
    # Copies ministack's table of services, so it comes after the services that add themselves to it.
    unsupported.install()
    for extension in (s3, dynamodb, cloudformation, cloudwatch_logs, eventbridge):
        extension.install()
    return saver


def _config(listener: socket.socket) -> Config:
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = _STOP_SECONDS
    config.loglevel = "WARNING"
    return config


def _is_full(state: Path) -> bool:
    return shutil.disk_usage(state).free < _RESERVE_BYTES


def _announce(site: _Site) -> None:
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"pid": os.getpid(), "port": site.port, "url": site.url, "started_at": started_at}
    # Renamed into its place, because a waiting `up` may read the file at any moment.
    draft = site.state / "server.json.tmp"
    draft.write_text(json.dumps(about))
    draft.replace(site.state / "server.json")
    # The next `up` listens where clients expect the server.
    (site.state / "port").write_text(str(site.port))
    print(f"localaws ready on {site.url}", flush=True)


def _set_on_signals(stop: asyncio.Event, until_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_eof:
        threading.Thread(target=_set_on_eof, args=(stop, loop), daemon=True).start()


def _set_on_eof(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    # Not through sys.stdin: this thread would hold its lock while the interpreter ends, and block it.
    while os.read(0, 4096):
        pass
    # The loop is closed if a signal has stopped the server first.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stop.set)
