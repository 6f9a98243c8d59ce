import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

LOCALAWS = (sys.executable, "-m", "localaws")
# Never the default port: another server of this machine may have it.
FREE_PORT = {**os.environ, "LOCALAWS_PORT": "0"}


def run(*arguments: str, program: tuple[str, ...] = LOCALAWS, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**FREE_PORT, **variables}
    return subprocess.run([*program, *arguments], capture_output=True, text=True, check=False, env=environ)


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
    assert {description[name] for name in ("buckets", "functions", "state_machines", "endpoints")} == {0}
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
    message = refused.stderr.splitlines()[-1]
    assert message.startswith("error: 127.0.0.1:")
    assert "Address already in use; give another --port (0 picks a free one)" in message


def test_a_server_keeps_its_port_from_one_start_to_the_next(state: Path) -> None:
    at = ("--state", str(state))
    first = json.loads(run("up", "--json", *at).stdout)
    run("down", *at)
    again = json.loads(run("up", "--json", *at, LOCALAWS_PORT="").stdout)
    assert (first["started"], again["started"]) == (True, True)
    assert again["url"] == first["url"] == again["environment"]["AWS_ENDPOINT_URL"]


def test_another_port_than_that_of_the_running_server_is_an_error(state: Path) -> None:
    at = ("--state", str(state))
    port = json.loads(run("up", "--json", *at).stdout)["port"]
    refused = run("up", *at, "--port", "1")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: localaws is already up on port {port}; stop it with `")
    same = json.loads(run("up", "--json", *at, "--port", str(port)).stdout)
    assert (same["port"], same["started"]) == (port, False)


def test_of_two_that_start_at_once_one_waits_for_the_other(state: Path) -> None:
    argv = [*LOCALAWS, "up", "--json", "--state", str(state)]
    starting = [subprocess.Popen(argv, stdout=subprocess.PIPE, env=FREE_PORT, text=True) for _ in range(2)]
    answers = [json.loads(process.communicate()[0]) for process in starting]
    assert sorted(answer["started"] for answer in answers) == [False, True]
    assert answers[0]["url"] == answers[1]["url"]


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (LOCALAWS, "python -m localaws"),
        ((str(Path(sys.executable).with_name("localaws")),), "localaws"),
        ((str(Path(sys.executable).with_name("scones")), "local"), "scones local"),
    ],
    ids=["module", "script", "group"],
)
def test_messages_and_help_name_commands_as_the_user_types_them(
    tmp_path: Path, program: tuple[str, ...], name: str
) -> None:
    refused = run("env", "--state", str(tmp_path), program=program)
    assert refused.stderr == f"error: localaws is not up in {tmp_path}; start it with `{name} up`.\n"
    assert f"Example: {name} down" in run("down", "--help", program=program).stdout


def test_a_profile_reaches_the_server_and_is_printed_with_the_settings(localaws: Any, tmp_path: Path) -> None:
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    written = run("env", "--profile", "laptop", "--json", "--state", str(localaws.state), **files)
    settings = json.loads(written.stdout)
    assert (settings["profile"], settings["endpoint_url"], settings["region"]) == ("laptop", localaws.url, "us-east-1")
    localaws.client("s3").create_bucket(Bucket="seen-by-profile")
    look = "import boto3; print(boto3.Session(profile_name='laptop').client('s3').list_buckets()['Buckets'])"
    unset = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    seen = subprocess.run([sys.executable, "-c", look], env={**unset, **files}, capture_output=True, text=True)
    assert "seen-by-profile" in seen.stdout
    plain = run("env", "--profile", "laptop", "--state", str(localaws.state), **files)
    assert (plain.returncode, plain.stdout) == (0, "export AWS_PROFILE=laptop\n")


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
