"""The laptop's AWS as the demo needs it: started as a program on a free port, and gone when the demo is."""

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
from typing import Any

import boto3
from botocore.config import Config

from scones.errors import AlreadyRunningError, LocalServerError
from scones.progress import Reporter
from scones.steps.account.inventory import Client

HOME = Path(".scones")
CACHE = HOME / "cache"
_STATE = HOME / "demo"
_KEPT = HOME / "localaws"


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the demo's lock. Raises AlreadyRunningError where another demo runs in this folder."""
    HOME.mkdir(exist_ok=True)
    with (HOME / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError("another demo runs in this folder; wait for it, or end it with Ctrl-C") from error
        yield


@contextmanager
def laptop(reporter: Reporter, *, keep: bool) -> Iterator[Client]:
    """Start `localaws` and yield a maker of boto3 clients that speak to it; stop it afterwards unless `keep`.

    Raises LocalAwsError with the last line of its log where it does not start.
    """
    shutil.rmtree(_STATE, ignore_errors=True)
    with reporter.step("start", "an AWS on a free port of this laptop"):
        server = None if keep else _serve()
        url = _url_of(server) if server else _up()
    try:
        yield _clients(url)
    except BaseException:
        if server is None:
            _down()
        raise
    finally:
        if server is not None:
            _stop(server)


def _serve() -> subprocess.Popen[str]:
    # Its standard input is a pipe of ours: when we are gone, however that comes, it stops by itself.
    command = [sys.executable, "-m", "localaws", "serve", "--state", str(_STATE), "--port", "0", "--until-eof"]
    _STATE.mkdir(parents=True)
    with (_STATE / "localaws.log").open("w") as log:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )


def _url_of(server: subprocess.Popen[str]) -> str:
    for line in server.stdout or ():
        if "ready on " in line:
            return line.rsplit(maxsplit=1)[-1]
    server.wait()
    lines = (_STATE / "localaws.log").read_text(errors="replace").strip().splitlines()
    raise LocalServerError(f"localaws did not start: {lines[-1] if lines else 'its log is empty'}")


def _stop(server: subprocess.Popen[str]) -> None:
    if server.stdin:
        server.stdin.close()
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(_STATE, ignore_errors=True)


def _up() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "localaws", "up", "--state", str(_KEPT), "--port", "0"], capture_output=True, text=True
    )
    if done.returncode:
        raise LocalServerError(done.stderr.strip() or "localaws did not start")
    return str(json.loads((_KEPT / "server.json").read_text())["url"])


def _down() -> None:
    subprocess.run([sys.executable, "-m", "localaws", "down", "--state", str(_KEPT)], capture_output=True)


def _clients(url: str) -> Client:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")  # noqa: S106
    config = Config(s3={"addressing_style": "path"}, max_pool_connections=16, retries={"mode": "standard"})

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=url, config=config)

    return cache(client)
