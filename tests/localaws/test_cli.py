import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "localaws", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    run("down", "--state", str(folder))


def status(state: Path) -> dict[str, object]:
    description: dict[str, object] = json.loads(run("status", "--json", "--state", str(state)).stdout)
    return description


def test_up_status_env_and_down(state: Path, ended: Callable[[int], bool]) -> None:
    at = ("--state", str(state))
    assert run("status", *at).returncode == 1
    assert run("env", *at).returncode == 1
    first = run("up", *at)
    assert first.returncode == 0
    description = status(state)
    assert description["up"] is True
    assert f"export AWS_ENDPOINT_URL={description['url']}" in first.stdout.splitlines()
    assert {description[name] for name in ("buckets", "functions", "machines", "endpoints")} == {0}
    again = run("up", *at)
    assert (again.returncode, "already up" in again.stdout) == (0, True)
    assert status(state)["pid"] == description["pid"]
    environment = run("env", *at).stdout.splitlines()
    assert environment[0] == f"export AWS_ENDPOINT_URL={description['url']}"
    assert run("down", *at).returncode == 0
    assert ended(int(str(description["pid"])))
    assert run("status", *at).returncode == 1
    assert run("down", *at).returncode == 0


def test_a_killed_server_is_not_reported_as_up(state: Path, eventually: Callable[..., Any]) -> None:
    run("up", "--state", str(state))
    pid = int(str(status(state)["pid"]))
    os.kill(pid, signal.SIGKILL)
    # While it dies, it is still up or does not answer.
    eventually(lambda: '"up": false' in run("status", "--json", "--state", str(state)).stdout)
    assert (state / "server.json").exists()
    assert status(state) == {"up": False}
    assert run("up", "--state", str(state)).returncode == 0
    assert status(state)["pid"] != pid


def test_a_port_in_use_is_reported_in_one_line(localaws: Any, state: Path) -> None:
    refused = run("up", "--state", str(state), "--port", localaws.url.rpartition(":")[2])
    assert refused.returncode == 1
    assert "Address already in use" in refused.stderr.splitlines()[-1]


def test_a_second_server_on_the_same_folder_is_refused(localaws: Any) -> None:
    refused = run("serve", "--state", str(localaws.state))
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "Another server uses" in refused.stderr


def test_an_unwritable_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run("serve", "--state", str(tmp_path / "file" / "state"))
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "cannot be written" in refused.stderr


@pytest.mark.parametrize("command", ["serve", "up", "down", "status", "env"])
def test_every_help_has_an_example(command: str) -> None:
    assert "Example: " in run(command, "--help").stdout


def test_the_commands_load_neither_the_engine_nor_boto3() -> None:
    look = (
        "import sys, localaws.cli; print([m for m in ('ministack', 'boto3', 'psutil', 'scones') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
