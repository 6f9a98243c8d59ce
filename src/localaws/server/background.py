"""The server as a background process: find it by its server.json, start it detached, stop it, describe it.

Runs in the process of the command line. Loads the standard library only; boto3 and psutil are imported where a server
is described or stopped.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from localaws.errors import ServerError
from localaws.server.environment import REGION

LOG = "localaws.log"
# IANA has assigned it to nothing, and no system chooses it for outgoing connections: those begin at 32768.
DEFAULT_PORT = 24566
# A failing start ends its process at once; only a slow machine needs this long.
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class RunningServer:
    """A running server, as its server.json describes it; `started_at` is ISO 8601 in UTC."""

    pid: int
    port: int
    url: str
    started_at: str


def find(state: Path) -> RunningServer | None:
    """Return the server that runs on this folder now, or None."""
    # The lock decides, not server.json: a killed server leaves the file behind, but the system releases its lock.
    try:
        with (state / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except BlockingIOError:
        return _read(state)
    except OSError:
        return None


def _read(state: Path) -> RunningServer | None:
    try:
        about = json.loads((state / "server.json").read_text())
        return RunningServer(int(about["pid"]), int(about["port"]), str(about["url"]), str(about["started_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def choose_port(state: Path) -> int:
    """Return the port of the server that ran on this folder last, or DEFAULT_PORT."""
    try:
        port = int((state / "port").read_text())
    except (OSError, ValueError):
        return DEFAULT_PORT
    return port if 0 < port < 65536 else DEFAULT_PORT


@contextmanager
def changing(state: Path) -> Iterator[None]:
    """Start or stop the folder's server in this block: other processes that enter theirs wait until it ends.

    Raises ServerError if the folder cannot be written.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        # Not the server's own lock, which tells whether a server runs.
        lock = (state / "command.lock").open("w")
    except OSError as error:
        raise _unwritable(state, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start(state: Path, port: int, sleep: Sleep = time.sleep) -> RunningServer:
    """Start a server in the background and return it once it answers.

    Raises ServerError, with the error from the server's log, if it does not start.
    """
    log = _open_log(state)
    begin = log.tell()
    argv = [sys.executable, "-m", "localaws", "serve", "--state", str(state), "--port", str(port)]
    with log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, close_fds=True
        )
    try:
        server = _wait_until_ready(process, state, sleep)
    except BaseException:
        # Ctrl-C does not reach the server's session, and a server that nobody waits for must not be left.
        process.kill()
        raise
    if server is None:
        process.kill()
        raise ServerError(_failure(state / LOG, begin))
    return server


def _wait_until_ready(process: subprocess.Popen[bytes], state: Path, sleep: Sleep) -> RunningServer | None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        server = _read(state)
        # An earlier server's file may still be there until the new one has taken the lock.
        if server is not None and server.pid == process.pid:
            return server
        sleep(_POLL_SECONDS)
    return None


def _open_log(state: Path) -> IO[bytes]:
    try:
        state.mkdir(parents=True, exist_ok=True)
        return (state / LOG).open("ab")
    except OSError as error:
        raise _unwritable(state, error) from error


def _unwritable(state: Path, error: OSError) -> ServerError:
    return ServerError(f"{state} cannot be written: {error.strerror}; give another --state.")


def _failure(log: Path, begin: int) -> str:
    lines = log.read_bytes()[begin:].decode(errors="replace").strip().splitlines() or ["The server did not start."]
    # Another server may write to the same log; only an error explains why this one has ended.
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return f"{(errors or lines)[-1]} (The log is {log}.)"


def stop(server: RunningServer, sleep: Sleep = time.sleep) -> None:
    """Terminate the server and wait until it has ended; kill it if it does not react in 20 seconds.

    Raises ServerError if the process survives both signals.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(server.pid, number)
        except ProcessLookupError:
            return
        if _has_ended(server.pid, _STOP_SECONDS, sleep):
            return
    raise ServerError(f"Process {server.pid} cannot be stopped; end it by hand.")


def _has_ended(pid: int, seconds: float, sleep: Sleep) -> bool:
    """Wait up to `seconds` for the end of a process."""
    deadline = time.monotonic() + seconds
    while _is_alive(pid):
        if time.monotonic() > deadline:
            return False
        sleep(_POLL_SECONDS)
    return True


def _is_alive(pid: int) -> bool:
    import psutil

    # Reaps the server if it is our own child, as in a test; else it is init's.
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        # The first process of a container may reap no orphans; the ended server then stays a zombie.
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def describe(server: RunningServer) -> dict[str, object]:
    """Return the server's address, port, process id, age in seconds, memory in MB and number of resources of each kind.

    Raises ServerError if it does not answer.
    """
    age = datetime.now(UTC) - datetime.fromisoformat(server.started_at)
    return {
        "url": server.url,
        "port": server.port,
        "pid": server.pid,
        "uptime_seconds": round(age.total_seconds()),
        "memory_mb": _memory_mb(server.pid),
        **_counts(server.url),
    }


def _memory_mb(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss) >> 20
    except psutil.NoSuchProcess as error:
        raise ServerError(f"The server (pid {pid}) has just ended.") from error


def _counts(url: str) -> dict[str, int]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    # The caller's own credentials must not matter, nor be needed.
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
    buckets = session.client("s3", endpoint_url=url).get_paginator("list_buckets")
    functions = session.client("lambda", endpoint_url=url).get_paginator("list_functions")
    machines = session.client("stepfunctions", endpoint_url=url).get_paginator("list_state_machines")
    endpoints = session.client("sagemaker", endpoint_url=url).get_paginator("list_endpoints")
    try:
        return {
            "buckets": sum(len(page.get("Buckets", ())) for page in buckets.paginate()),
            "functions": sum(len(page.get("Functions", ())) for page in functions.paginate()),
            "state_machines": sum(len(page.get("stateMachines", ())) for page in machines.paginate()),
            "endpoints": sum(len(page.get("Endpoints", ())) for page in endpoints.paginate()),
        }
    except (BotoCoreError, ClientError) as error:
        raise ServerError(f"The server on {url} does not answer: {error}") from error
