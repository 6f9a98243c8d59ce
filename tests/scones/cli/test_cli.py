"""The command line as a program, each test in an empty folder."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .program import NO_CREDENTIALS, SCONES, children_of, scones


@pytest.mark.parametrize(
    "arguments",
    [
        ["deploy"],
        ["stage", "sketches"],
        ["release", "abc"],
        ["classify", ".", "--out", "out.csv"],
        ["report"],
        ["cleanup", "--plan"],
    ],
)
def test_every_command_without_credentials_says_what_to_do(folder: Path, arguments: list[str]) -> None:
    done = scones(folder, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no AWS credentials; run `aws configure`")
    assert done.stderr.count("\n") == 1


def test_an_unreachable_endpoint_is_one_line_on_stderr(folder: Path) -> None:
    known = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    closed = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    done = scones(folder, "cleanup", "--plan", env=NO_CREDENTIALS | known | closed)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:9" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "--out", "file"], "error: file cannot be written: "),
        (["simulate", "--out", "file/chart.svg"], "error: file/chart.svg cannot be written: "),
        (["orders", "sample", "file/evening.csv"], "error: file/evening.csv cannot be written: "),
        (["simulate", "--out", "folder.svg"], "error: folder.svg cannot be written: it is a folder; "),
    ],
)
def test_an_output_that_cannot_be_written_is_named_before_the_work(
    folder: Path, arguments: list[str], said: str
) -> None:
    (folder / "file").touch()
    (folder / "folder.svg").mkdir()
    done = scones(folder, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(said)


def test_what_aws_refuses_is_one_line_with_action_and_resource(folder: Path, start_localaws: Any) -> None:
    known = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    with start_localaws(folder / "state") as server:
        server.faults("POST", kind="access-denied", service="cloudformation")
        done = scones(folder, "stage", "sketches", env=NO_CREDENTIALS | known | {"AWS_ENDPOINT_URL": server.url})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "AWS does not allow you cloudformation:DescribeStacks on scones-storage; add this action" in done.stderr


@pytest.mark.parametrize("text", ['project = "Has Spaces"', "no_such_setting = 1", "this is no TOML"])
def test_invalid_settings_are_a_usage_error_that_names_the_file(folder: Path, text: str) -> None:
    (folder / "scones.toml").write_text(text)
    done = scones(folder, "demo")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "scones.toml" in done.stderr


def test_an_unknown_option_is_a_usage_error(folder: Path) -> None:
    assert scones(folder, "demo", "--no-such-option").returncode == 2


@pytest.mark.parametrize("reached", ["deploy:", "stage:", "release: Train"])
def test_ctrl_c_stops_every_process_and_removes_the_state(folder: Path, reached: str) -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A shell makes its background jobs ignore SIGINT, and these tests may run in one.
    command = ["env", "--default-signal=INT", *SCONES, "demo", "--data", "sketches"]
    started = subprocess.Popen(command, cwd=folder, env=NO_CREDENTIALS, text=True, **pipes)
    assert started.stdout is not None
    assert any(reached in line for line in started.stdout)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=120)
    assert (started.returncode, errors) == (130, "error: interrupted\n")
    assert {path.name for path in folder.iterdir()} <= {".scones", "runs"}
    assert {path.name for path in (folder / ".scones").iterdir()} <= {"cache", "demo.lock"}


def test_the_local_aws_ends_when_the_demo_is_killed(folder: Path, eventually: Callable[..., Any]) -> None:
    started = subprocess.Popen(
        [*SCONES, "demo", "--data", "sketches"], cwd=folder, env=NO_CREDENTIALS, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert any("release: Train" in line for line in started.stdout)
    started.kill()
    started.communicate()
    eventually(lambda: not children_of(folder))
