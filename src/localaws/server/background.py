"""The server as a background process: found by its server.json, started detached, stopped and described.

Runs in the command line's process; loads the standard library, and boto3 and psutil only to describe or stop one. A
server.json that a killed server left behind is told by its lock, which the system lets go when a process dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from localaws.errors import ServerError
from localaws.server.environment import REGION

LOG = "localaws.log"
# A start that fails ends by itself; a slow machine's takes long.
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_COUNTED = {
    "buckets": ("s3", "list_buckets", "Buckets"),
    "functions": ("lambda", "list_functions", "Functions"),
    "machines": ("stepfunctions", "list_state_machines", "stateMachines"),
    "endpoints": ("sagemaker", "list_endpoints", "Endpoints"),
}


@dataclass(frozen=True)
class Server:
    """A running server, as its server.json tells; `started_at` is ISO 8601 in UTC."""

    pid: int
    port: int
    url: str
    started_at: str


def find(state: Path) -> Server | None:
    """The server that runs on this folder now, or None."""
    try:
        with (state / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except BlockingIOError:
        pass
    except OSError:
        return None
    return _read(state)


def _read(state: Path) -> Server | None:
    try:
        about = json.loads((state / "server.json").read_text())
        return Server(int(about["pid"]), int(about["port"]), str(about["url"]), str(about["started_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def start(state: Path, port: int) -> Server:
    """Start a server and wait until it answers. Raises ServerError with its own last words if it does not."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        log = (state / LOG).open("ab")
    except OSError as error:
        raise ServerError(f"{state} cannot be written: {error.strerror}; give another --state.") from error
    argv = [sys.executable, "-m", "localaws", "serve", "--state", str(state), "--port", str(port)]
    with log:
        begin = log.tell()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, close_fds=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        server = _read(state)
        if server is not None and server.pid == process.pid:
            return server
        time.sleep(0.02)
    process.kill()
    raise ServerError(_last_words(state / LOG, begin))


def _last_words(log: Path, begin: int) -> str:
    lines = log.read_bytes()[begin:].decode(errors="replace").strip().splitlines() or ["The server did not start."]
    return f"{lines[-1].removeprefix('Error: ')} (The log is {log}.)"


def stop(server: Server) -> None:
    """End the server and wait until it is gone; one that does not react is killed, and its children with it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(server.pid, number)
        except ProcessLookupError:
            return
        if _wait(lambda: not _is_alive(server.pid), _STOP_SECONDS):
            return
    raise ServerError(f"Process {server.pid} cannot be stopped; end it by hand.")


def describe(server: Server) -> dict[str, object]:
    """Address, age, memory and how much of everything is there."""
    age = datetime.now(UTC) - datetime.fromisoformat(server.started_at)
    return {
        "url": server.url,
        "pid": server.pid,
        "uptime_s": round(age.total_seconds()),
        "rss_mb": _rss_mb(server.pid),
        **_counts(server.url),
    }


def _counts(url: str) -> dict[str, int]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    counts = {}
    try:
        for name, (service, operation, member) in _COUNTED.items():
            pages = boto3.client(service, endpoint_url=url, **credentials).get_paginator(operation).paginate()
            counts[name] = sum(len(page.get(member, ())) for page in pages)
    except (BotoCoreError, ClientError) as error:
        raise ServerError(f"The server on {url} does not answer: {error}") from error
    return counts


def _rss_mb(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss) >> 20
    except psutil.NoSuchProcess as error:
        raise ServerError(f"The server (pid {pid}) has just ended.") from error


def _is_alive(pid: int) -> bool:
    import psutil

    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        # A container's first process may reap no orphans: there the server stays a zombie.
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
