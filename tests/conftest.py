"""The local AWS for tests: the real server as a program, on a free port and with its own state folder."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

# No deadline per example, because a busy machine may be slow at any of them. The database of examples goes into a
# folder that git ignores.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
set_hypothesis_home_dir(".pytest_cache/hypothesis")

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
TOY_IMAGE = Path(__file__).parent / "localaws" / "services" / "sagemaker" / "toy_image.py"
# Seconds that only a hang takes, even on a slow machine.
PATIENCE_SECONDS = 60
READ_SECONDS = 240


@dataclass(frozen=True)
class LocalAws:
    """A running server: its URL, its state folder and its process."""

    url: str
    state: Path
    process: subprocess.Popen[str]

    def client(self, service: str) -> Any:
        """Return a boto3 client of this server that does not retry, so that a test sees the first error."""
        config = Config(retries={"total_max_attempts": 1}, read_timeout=READ_SECONDS)
        return boto3.client(service, endpoint_url=self.url, config=config, **CREDENTIALS)

    def faults(self, method: str, **rule: object) -> Any:
        """POST a rule to the injector of faults, GET its report, or DELETE both; return the JSON of the answer."""
        body = json.dumps(rule).encode() if rule else None
        request = urllib.request.Request(f"{self.url}/_localaws/faults", body, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return json.loads(response.read())

    def wait(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def started(state: Path, *options: str) -> Iterator[LocalAws]:
    """Run a server with the toy image. It ends with the block, or with the process of the tests."""
    argv = [sys.executable, "-m", "localaws", "serve", "--state", str(state), "--until-eof"]
    argv += ["--image", f"toy={sys.executable} {TOY_IMAGE}", *options]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield LocalAws(_ready(process, state), state, process)
    finally:
        _end(process)


def _ready(process: subprocess.Popen[str], state: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("localaws ready on "), line
    return str(json.loads((state / "server.json").read_text())["url"])


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return the first true result of `condition`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (result := condition()):
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.02)
    return result


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Waits for a condition: `eventually(lambda: is_done())` returns its first true result."""
    return wait_for


@pytest.fixture(scope="session")
def localaws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """The server that all tests of a session share."""
    with started(tmp_path_factory.mktemp("localaws")) as server:
        yield server


@pytest.fixture(scope="session")
def start_localaws() -> Any:
    """Starts another server, for a test that changes what all see: `with start_localaws(state) as server`."""
    return started
