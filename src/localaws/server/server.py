"""`localaws serve`: the engine, its extensions and its state, on one loopback port, until it is told to stop.

Runs in the foreground; `localaws.cli` puts it into the background. Imports the engine only once its environment is
set, because ministack reads that while it is imported.
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
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from localaws.errors import ServerError
from localaws.images import GROUP, Images, find_images
from localaws.server import environment, processes
from localaws.server.gateway import Gateway

if TYPE_CHECKING:
    from localaws.persistence.saver import Saver

_STOP_SECONDS = 3.0
# Below this much free disk no change is taken: what was acknowledged must still find room.
_RESERVE_BYTES = 4 << 20


def serve(state: Path, host: str, port: int, image_options: Sequence[str], until_eof: bool) -> None:
    """Serve until SIGTERM or SIGINT, or until the end of stdin if `until_eof`. Raises ServerError or ImageError."""
    images = find_images(entry_points(group=GROUP), image_options)
    lock = _lock(state)
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '') else host}:{port}"  # noqa: S104 - compared, not bound
    environment.prepare(os.environ, state, url, port)
    try:
        asyncio.run(_run(state, host, listener, url, images, until_eof))
    finally:
        processes.stop_all(_STOP_SECONDS)
        (state / "server.json").unlink(missing_ok=True)
        lock.close()


def _lock(state: Path) -> IO[str]:
    try:
        for folder in (state, state / "state", state / "s3"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (state / "lock").open("w")
        _take(lock, state)
        (state / "server.json").unlink(missing_ok=True)
        shutil.rmtree(state / "tmp", ignore_errors=True)
        (state / "tmp").mkdir(mode=0o700)
    except OSError as error:
        raise ServerError(f"{state} cannot be written: {error.strerror}; give another --state.") from error
    return lock


def _take(lock: IO[str], state: Path) -> None:
    # Whoever only looks whether a server runs holds the lock for a moment.
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
        raise ServerError(f"{host}:{port} cannot be used: {why}; give another --port or --host.") from error


async def _run(state: Path, host: str, listener: socket.socket, url: str, images: Images, until_eof: bool) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from ministack import app as engine

    from localaws.services import sagemaker

    saver = _extend_engine(state, images)
    stop = asyncio.Event()
    sweeping = asyncio.create_task(saver.sweep())

    async def stopping() -> None:
        sweeping.cancel()
        await asyncio.to_thread(sagemaker.shutdown)
        await asyncio.to_thread(processes.stop_all, _STOP_SECONDS)

    names = {host, socket.gethostname()}
    gateway = Gateway(engine.app, saver.track, lambda: _announce(state, url), stopping, lambda: _is_full(state), names)
    _stop_on(stop, until_eof)
    config = _config(listener)
    await hypercorn_serve(gateway, config, shutdown_trigger=stop.wait)
    await asyncio.to_thread(saver.close)


def _extend_engine(state: Path, images: Images) -> Saver:
    """Plug in what the engine has not or does otherwise than AWS, and give it the state that an earlier run left."""
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
    for extension in (
        awslambda,
        application_autoscaling,
        unsupported,
        s3,
        dynamodb,
        cloudformation,
        cloudwatch_logs,
        eventbridge,
    ):
        extension.install()
    return saver


def _config(listener: socket.socket) -> Any:
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = _STOP_SECONDS
    config.loglevel = "WARNING"
    return config


def _is_full(state: Path) -> bool:
    return shutil.disk_usage(state).free < _RESERVE_BYTES


def _announce(state: Path, url: str) -> None:
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"pid": os.getpid(), "port": int(url.rpartition(":")[2]), "url": url, "started_at": started_at}
    draft = state / "server.json.tmp"
    draft.write_text(json.dumps(about))
    draft.replace(state / "server.json")
    print(f"localaws ready on {url}", flush=True)


def _stop_on(stop: asyncio.Event, until_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_eof:
        threading.Thread(target=_wait_for_eof, args=(lambda: loop.call_soon_threadsafe(stop.set),), daemon=True).start()


def _wait_for_eof(then: Callable[[], object]) -> None:
    # Not through sys.stdin, whose lock would be held while the interpreter ends.
    while os.read(0, 4096):
        pass
    with suppress(RuntimeError):
        then()
