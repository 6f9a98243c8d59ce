"""The command line as a person meets it, run as a program in a folder of its own."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from scones.steps.dataset.sketches import draw, png

from ..processes import VANISHED

SCONES = [sys.executable, "-c", "from scones.cli import main; main()"]
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SCONES_"))}
NOBODY = PLAIN | {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}


def scones(folder: Path, *arguments: str, env: dict[str, str] = NOBODY) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SCONES, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def children_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that commands run in a folder have left: those that work in it or name it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and (
                process.cwd().startswith(str(folder)) or str(folder) in process.cmdline()
            ):
                found.append(process)
        except (*VANISHED, psutil.AccessDenied):
            continue
    return found


@pytest.fixture
def folder(tmp_path: Path, eventually: Callable[..., Any]) -> Iterator[Path]:
    yield tmp_path
    eventually(lambda: not children_of(tmp_path))


def test_a_release_starts_from_one_kind_of_weights(folder: Path) -> None:
    (folder / "w.npz").touch()
    done = scones(folder, "release", "3f2a", "--backbone", "w.npz", "--from-scratch")
    assert (done.returncode, "give one of them" in done.stderr) == (2, True), done.stderr


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
def test_without_credentials_every_command_says_what_to_do(folder: Path, arguments: list[str]) -> None:
    done = scones(folder, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no AWS credentials; run `aws configure`")
    assert done.stderr.count("\n") == 1


def test_an_account_that_cannot_be_reached_is_one_line(folder: Path) -> None:
    known = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    closed = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    done = scones(folder, "cleanup", "--plan", env=NOBODY | known | closed)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:9" in done.stderr


def test_a_folder_that_does_not_exist_stops_the_demo_before_it_starts_anything(folder: Path) -> None:
    done = scones(folder, "demo", "--data", "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error: nowhere does not exist; name a folder of images")
    assert not (folder / ".scones" / "demo").exists()


def test_a_single_class_ends_the_demo_and_leaves_nothing_running(folder: Path) -> None:
    pictures = folder / "images" / "bicycle"
    pictures.mkdir(parents=True)
    for seed in range(10):
        (pictures / f"{seed}.png").write_bytes(png(draw("bicycle", seed)))
    done = scones(folder, "demo", "--data", "images")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "class" in done.stderr
    assert not (folder / ".scones" / "demo").exists()


def test_a_second_demo_at_once_is_refused(folder: Path) -> None:
    (folder / ".scones").mkdir()
    with (folder / ".scones" / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = scones(folder, "demo", "--data", "sketches")
    assert done.returncode == 1
    assert done.stderr.startswith("error: another demo runs in this folder")


@pytest.mark.parametrize("text", ['project = "Has Spaces"', "no_such_setting = 1", "this is no TOML"])
def test_settings_that_do_not_fit_are_a_usage_error_that_names_the_file(folder: Path, text: str) -> None:
    (folder / "scones.toml").write_text(text)
    done = scones(folder, "demo")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "scones.toml" in done.stderr


def test_a_wrong_option_is_a_usage_error(folder: Path) -> None:
    assert scones(folder, "demo", "--no-such-option").returncode == 2


@pytest.mark.parametrize("reached", ["deploy:", "stage:", "release: Train"])
def test_ctrl_c_stops_every_process_and_leaves_no_state(folder: Path, reached: str) -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A shell lets what it starts in the background ignore SIGINT, and so would these tests there.
    command = ["env", "--default-signal=INT", *SCONES, "demo", "--data", "sketches"]
    started = subprocess.Popen(command, cwd=folder, env=NOBODY, text=True, **pipes)
    assert started.stdout is not None
    assert any(reached in line for line in started.stdout)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=120)
    assert (started.returncode, errors) == (130, "error: interrupted\n")
    assert {path.name for path in folder.iterdir()} <= {".scones", "runs"}
    assert {path.name for path in (folder / ".scones").iterdir()} <= {"cache", "demo.lock"}


def test_a_killed_demo_takes_its_aws_along(folder: Path, eventually: Callable[..., Any]) -> None:
    started = subprocess.Popen(
        [*SCONES, "demo", "--data", "sketches"], cwd=folder, env=NOBODY, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert any("release: Train" in line for line in started.stdout)
    started.kill()
    started.communicate()
    eventually(lambda: not children_of(folder))
