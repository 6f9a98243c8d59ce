"""The local AWS that the demo runs against: a program on a free port, stopped when the demo ends."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from scones.errors import AlreadyRunningError, LocalServerError
from scones.progress import Reporter

if TYPE_CHECKING:
    from scones.clients import ClientFactory

HOME = Path(".scones")
CACHE = HOME / "cache"
_STATE = HOME / "demo"
# Where `scones local` looks for its server: what the demo keeps can be used and stopped with that command.
_KEPT_STATE = HOME / "localaws"
_STOP_SECONDS = 30


@contextmanager
def demo_lock() -> Iterator[None]:
    """Hold the lock of the demo. Raises AlreadyRunningError if another demo runs in this folder."""
    HOME.mkdir(exist_ok=True)
    with (HOME / "demo.lock").open("w") as lock:
        try:
            # The kernel releases this lock with the process, however it ends; a file that exists would stay.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError("another demo runs in this folder; wait for it, or end it with Ctrl-C") from error
        yield


@contextmanager
def laptop(reporter: Reporter, *, keep: bool) -> Iterator[ClientFactory]:
    """Start `localaws` and yield a factory of its clients. Stop it afterwards, unless `keep` is set.

    With `keep`, it is stopped only if the block raises. Raises LocalServerError with the last line of the server's log
    if it does not start.
    """
    shutil.rmtree(_STATE, ignore_errors=True)
    with reporter.step("start", "an AWS on a free port of this laptop"):
        server = None if keep else _serve()
        url = _read_url(server) if server else _start_in_background()
    try:
        yield _client_factory(url)
    except BaseException:
        if server is None:
            _stop_in_background()
        raise
    finally:
        if server is not None:
            _stop(server)


def _serve() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "localaws", "serve", "--state", str(_STATE), "--port", "0", "--until-eof"]
    _STATE.mkdir(parents=True)
    with (_STATE / "localaws.log").open("w") as log:
        # The server stops when its standard input ends. The other end of that pipe closes with this process, so that
        # no server is left even if this process is killed. A session of its own keeps Ctrl-C from the server: this
        # process needs it to clean up.
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )


def _read_url(server: subprocess.Popen[str]) -> str:
    for line in server.stdout or ():
        if "ready on " in line:
            return line.rsplit(maxsplit=1)[-1]
    # The end of its output is the end of the server.
    server.wait()
    log = (_STATE / "localaws.log").read_text(errors="replace").strip().splitlines()
    raise LocalServerError(f"localaws did not start: {log[-1] if log else 'its log is empty'}")


def _stop(server: subprocess.Popen[str]) -> None:
    if server.stdin:
        server.stdin.close()
    try:
        server.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(_STATE, ignore_errors=True)


def _start_in_background() -> str:
    command = [sys.executable, "-m", "localaws", "up", "--state", str(_KEPT_STATE), "--port", "0"]
    completed = subprocess.run(command, capture_output=True, text=True)
    if completed.returncode:
        raise LocalServerError(completed.stderr.strip() or "localaws did not start")
    return str(json.loads((_KEPT_STATE / "server.json").read_text())["url"])


def _stop_in_background() -> None:
    subprocess.run([sys.executable, "-m", "localaws", "down", "--state", str(_KEPT_STATE)], capture_output=True)


def _client_factory(url: str) -> ClientFactory:
    # The server accepts any credentials; without these, boto3 would look for the caller's own.
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")  # noqa: S106
    config = Config(s3={"addressing_style": "path"}, max_pool_connections=16, retries={"mode": "standard"})

    def client(service: Any) -> object:
        return session.client(service, endpoint_url=url, config=config)

    return cast("ClientFactory", cache(client))
