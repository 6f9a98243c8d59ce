"""The model's commands as programs, with invalid arguments. `tests/scones/test_workflow.py` runs their steps."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scones.errors import DataNotFoundError, ReleaseError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.cleanup import cleanup
from scones.steps.dataset.sketches import draw, png

from .conftest import Run
from .program import NO_CREDENTIALS, scones

ROOT = Path(__file__).parents[3]


def test_backbone_and_from_scratch_cannot_be_combined(folder: Path) -> None:
    (folder / "w.npz").touch()
    done = scones(folder, "release", "3f2a", "--backbone", "w.npz", "--from-scratch")
    assert (done.returncode, "give one of them" in done.stderr) == (2, True), done.stderr


def test_a_missing_image_folder_stops_the_demo_before_it_starts_anything(folder: Path) -> None:
    done = scones(folder, "demo", "--data", "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error: nowhere does not exist; name a folder of images")
    assert not (folder / ".scones" / "demo").exists()


def test_a_single_class_stops_the_demo_and_leaves_nothing_running(folder: Path) -> None:
    images = folder / "images" / "bicycle"
    images.mkdir(parents=True)
    for seed in range(10):
        (images / f"{seed}.png").write_bytes(png(draw("bicycle", seed)))
    done = scones(folder, "demo", "--data", "images")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "class" in done.stderr
    assert not (folder / ".scones" / "demo").exists()


def test_a_second_demo_in_the_same_folder_is_refused(folder: Path) -> None:
    (folder / ".scones").mkdir()
    with (folder / ".scones" / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = scones(folder, "demo", "--data", "sketches")
    assert done.returncode == 1
    assert done.stderr.startswith("error: another demo runs in this folder")


def stage_nothing(localaws: Any) -> str:
    """Put a data set without images into the bucket, and return its digest."""
    digest = "3f2a" + "0" * 60
    counts = {"negatives": 0, "test-negatives": 0}
    manifest = json.dumps({"digest": digest, "negatives": counts, "classes": [], "counts": {}, "images": []}).encode()
    localaws.client("s3").put_object(Bucket="depot-cli", Key=f"data/{digest}/manifest.json", Body=manifest)
    return digest


def test_a_release_ends_with_what_it_made(run: Run, outputs: dict[str, str], localaws: Any) -> None:
    digest = stage_nothing(localaws)
    definition = json.dumps({"StartAt": "Released", "States": {"Released": {"Type": "Succeed"}}})
    machine = outputs["ReleaseMachine"]
    localaws.client("stepfunctions").update_state_machine(stateMachineArn=machine, definition=definition)
    (row,) = json.loads(run("release", digest[:4]).stdout)
    assert row["execution"].endswith(f":{row['release']}")
    assert row.items() >= {"digest": digest, "minimum_accuracy": 0.75, "endpoint": "depot"}.items()


def test_a_release_without_a_digest_takes_what_was_staged_last_and_says_so(run: Run, localaws: Any) -> None:
    digest = stage_nothing(localaws)
    done = run("release")
    assert f"data set {digest}, staged last, at 20" in done.stderr
    # The state machine of these stacks does nothing but fail.
    assert isinstance(done.exception, ReleaseError)
    assert isinstance(run("release", "3f2").exception, ReleaseError)
    assert isinstance(run("release", "4").exception, DataNotFoundError)


@pytest.mark.parametrize(("option", "warning"), [("--negatives", ""), ("--others", "warning: --others is deprecated")])
def test_evaluate_takes_negatives_also_under_their_old_name(folder: Path, option: str, warning: str) -> None:
    (folder / "street").mkdir()
    done = scones(folder, "evaluate", "--data", ".", option, "street")
    *warnings, error = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split(";")[0] for line in warnings] == ([warning] if warning else [])
    assert error.startswith("error: no AWS credentials")


def test_the_old_name_of_negatives_is_not_in_the_help(folder: Path) -> None:
    shown = scones(folder, "evaluate", "--help").stdout
    assert "--negatives" in shown
    assert "--others" not in shown


@pytest.fixture
def defaults(localaws: Any) -> Iterator[dict[str, str]]:
    """The environment of a shell that sets nothing, and a deployed workflow stack of the default project."""
    cloudformation = localaws.client("cloudformation")
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/scones-defaults"}}
    tags = [{"Key": "scones:project", "Value": "scones"}]
    cloudformation.create_stack(
        StackName="scones-workflow", TemplateBody=json.dumps({"Resources": {"Group": group}}), Tags=tags
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="scones-workflow", WaiterConfig={"Delay": 1})
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    yield NO_CREDENTIALS | keys | {"AWS_ENDPOINT_URL": localaws.url}
    cleanup(Settings(), client=localaws.client, progress=Progress())


def test_deploying_defaults_over_a_deployed_project_needs_an_option(folder: Path, defaults: dict[str, str]) -> None:
    done = scones(folder, "deploy", env=defaults)
    assert (done.returncode, done.stdout) == (2, "settings: defaults, no scones.toml here\n")
    assert "add --defaults" in done.stderr
    assert scones(folder, "deploy", "--defaults", env=defaults).returncode == 0
    # What was deployed is what would be deployed: 15 in the defaults equals 15.0 in the file.
    (folder / "scones.toml").write_text((ROOT / "scones.toml").read_text())
    planned = scones(folder, "deploy", "--plan", env=defaults)
    assert planned.stdout.splitlines() == [f"settings: {folder.resolve() / 'scones.toml'}", "nothing to change"]


def test_cleanup_says_whose_settings_it_takes(folder: Path, defaults: dict[str, str]) -> None:
    (folder / "scones.toml").write_text('project = "nobody"\n')
    done = scones(folder, "cleanup", env=defaults)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"settings: {folder.resolve() / 'scones.toml'}")
