"""The input of a release, the upload of weights, and executions on the laptop's AWS followed to their end."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from scones.contract.release import ReleaseInput
from scones.errors import ReleaseError, UsageError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.release import MAX_BACKBONE_BYTES, release, release_input, summary, upload_backbone
from scones.steps.run.executions import execution_arn

from .conftest import Lossy, Notes

ROLE = "arn:aws:iam::000000000000:role/r"
NUMBERS = itertools.count()
REQUEST = ReleaseInput(
    name="depot-20261122-183005",
    digest="abc",
    channels=[],
    test_channels=[],
    hyperparameters={},
    minimum_accuracy=0.5,
)


@pytest.mark.parametrize("filled", [[], ["negatives"], ["negatives", "test-negatives"]])
def test_a_release_is_named_after_the_project_and_the_second(filled: list[str]) -> None:
    settings = Settings(project="depot", seed=7, minimum_accuracy=0.5)
    settings = settings.model_copy(update={"hyperparameters": {"epochs": "3"}})
    counts = {split: 3 * (split in filled) for split in ("negatives", "test-negatives")}
    staged: Any = {"digest": "abc", "classes": ["bicycle", "motorcycle"], "negatives": counts}
    request = release_input(settings, staged, now=datetime(2026, 11, 22, 18, 30, 5, tzinfo=UTC))
    assert request == {
        "name": "depot-20261122-183005",
        "digest": "abc",
        "channels": [{"name": split, "prefix": f"data/abc/{split}/"} for split in ("train", "validation", *filled[:1])],
        "test_channels": [{"name": split, "prefix": f"data/abc/{split}/"} for split in ("test", *filled[1:])],
        "hyperparameters": {"seed": "7", "epochs": "3"},
        "minimum_accuracy": 0.5,
    }


def test_an_alpha_of_other_classes_is_refused_before_anything_starts() -> None:
    staged: Any = {"digest": "abc", "classes": ["bicycle", "motorcycle"], "negatives": {}}
    settings = Settings(hyperparameters={"alpha": "bicycle:0.05,car:0.01"})
    with pytest.raises(UsageError, match="one for each of the classes, which are bicycle, motorcycle"):
        release_input(settings, staged)


def test_uploaded_weights_are_a_channel_of_the_training_job_only(s3: Any, bucket: str, tmp_path: Path) -> None:
    staged: Any = {
        "digest": "abc",
        "classes": ["bicycle", "motorcycle"],
        "negatives": {"negatives": 0, "test-negatives": 0},
    }
    weights = tmp_path / "w.npz"
    np.savez(weights, stem=np.zeros(3, np.float16))
    prefix = upload_backbone(weights, bucket=bucket, s3=s3)
    assert s3.get_object(Bucket=bucket, Key=f"{prefix}weights.npz")["Body"].read() == weights.read_bytes()
    request = release_input(Settings(), staged, backbone=prefix)
    assert request["channels"][-1] == {"name": "backbone", "prefix": prefix}
    assert [channel["name"] for channel in request["test_channels"]] == ["test"]


@pytest.mark.parametrize("content", [b"not a zip", bytes(MAX_BACKBONE_BYTES + 1)], ids=["not a zip", "too large"])
def test_a_file_that_cannot_be_weights_is_not_uploaded(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.npz").write_bytes(content)
    s3: Any = None
    with pytest.raises(UsageError, match=r"must be an \.npz file of at most 16 MB; make one with tools/pretrain.py"):
        upload_backbone(tmp_path / "w.npz", bucket="depot", s3=s3)


def test_the_summary_has_the_accuracy_with_its_interval_the_minimum_and_the_endpoint() -> None:
    evaluation: Any = {"accuracy": {"value": 0.95, "low": 0.91, "high": 0.97, "n": 200}}
    made = {"release": REQUEST["name"], "digest": "abc", "minimum_accuracy": 0.5, "endpoint": "depot", "execution": "e"}
    assert summary(REQUEST, "e", None, endpoint="depot") == made
    measured = {"accuracy": 0.95, "accuracy_low": 0.91, "accuracy_high": 0.97}
    assert summary(REQUEST, "e", evaluation, endpoint="depot") == made | measured


class Details(Progress):
    """Progress that keeps its details."""

    def __init__(self) -> None:
        self.details: list[tuple[float, str]] = []

    def update(self, done: float, total: float | None = None, detail: str = "") -> None:
        self.details.append((done, detail))


@pytest.fixture
def machine(localaws: Any) -> Iterator[Callable[..., str]]:
    """Creates a state machine of the given states; returns its ARN."""
    stepfunctions = localaws.client("stepfunctions")
    created: list[str] = []

    def create(**states: dict[str, Any]) -> str:
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
        name = f"releases-{next(NUMBERS)}"
        made = stepfunctions.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        created.append(made["stateMachineArn"])
        return created[-1]

    yield create
    for arn in created:
        stepfunctions.delete_state_machine(stateMachineArn=arn)


def test_a_release_shows_its_states_and_returns_its_execution(localaws: Any, machine: Callable[..., str]) -> None:
    arn = machine(
        Train={"Type": "Pass", "Next": "Evaluate"},
        Evaluate={"Type": "Pass", "Next": "Released"},
        Released={"Type": "Succeed"},
    )
    progress = Details()
    execution = release(arn, REQUEST, client=localaws.client, progress=progress)
    described = localaws.client("stepfunctions").describe_execution(executionArn=execution)
    assert (described["name"], json.loads(described["input"])) == (REQUEST["name"], REQUEST)
    assert list(dict.fromkeys(detail for _, detail in progress.details)) == ["Train", "Evaluate", "Released"]


def test_a_failed_release_raises_the_reason_of_its_cause(localaws: Any, machine: Callable[..., str]) -> None:
    cause = json.dumps({"FailureReason": "AlgorithmError: no GPU"})
    arn = machine(TrainingFailed={"Type": "Fail", "Error": "TrainingFailed", "Cause": cause})
    message = r"^release depot-20261122-183005 FAILED: TrainingFailed: AlgorithmError: no GPU$"
    with pytest.raises(ReleaseError, match=message):
        release(arn, REQUEST, client=localaws.client, progress=Progress())


def test_ctrl_c_stops_the_execution(localaws: Any, machine: Callable[..., str]) -> None:
    arn = machine(Wait={"Type": "Wait", "Seconds": 3600, "Next": "Done"}, Done={"Type": "Succeed"})

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        release(arn, REQUEST, client=localaws.client, progress=Progress(), sleep=interrupt)
    (execution,) = localaws.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    assert execution["status"] == "ABORTED"


def test_ctrl_c_whose_stop_fails_says_that_the_release_goes_on(localaws: Any, machine: Callable[..., str]) -> None:
    arn = machine(Wait={"Type": "Wait", "Seconds": 3600, "Next": "Done"}, Done={"Type": "Succeed"})
    stepfunctions = Lossy(localaws.client("stepfunctions"), "stop_execution", before=True)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ReleaseError, match="may go on, and its jobs cost money"):
        release(arn, REQUEST, client=only(stepfunctions, localaws), progress=Progress(), sleep=interrupt)
    stepfunctions.stop_execution(executionArn=execution_arn(arn, REQUEST["name"]))


def only(stepfunctions: Any, localaws: Any) -> Any:
    """The clients of the local AWS with another one of Step Functions."""
    return lambda service: stepfunctions if service == "stepfunctions" else localaws.client(service)


@pytest.mark.parametrize("operation", ["start_execution", "describe_execution", "get_execution_history"])
@pytest.mark.parametrize("before", [True, False], ids=["no call", "no answer"])
def test_a_call_that_fails_once_does_not_end_the_release(
    localaws: Any, machine: Callable[..., str], operation: str, before: bool
) -> None:
    stepfunctions = Lossy(localaws.client("stepfunctions"), operation, before=before)
    arn = machine(Done={"Type": "Succeed"})
    notes = Notes()
    release(arn, REQUEST, client=only(stepfunctions, localaws), progress=notes, sleep=lambda seconds: None)
    assert [note.endswith("trying again for 5 minutes") for note in notes.noted] == [True]
    (execution,) = localaws.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    assert execution["status"] == "SUCCEEDED"


class Denied:
    """A client that may do nothing but one operation; without one, it cannot even connect."""

    def __init__(self, client: Any, allowed: str = "", code: str = "AccessDeniedException") -> None:
        self.client = client
        self.allowed = allowed
        self.code = code

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name) if name == self.allowed else self.deny

    def deny(self, **arguments: Any) -> Any:
        response: Any = {"Error": {"Code": self.code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        raise ClientError(response, "Operation")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_release_that_cannot_be_followed_says_that_it_goes_on_and_how_to_stop_it(
    localaws: Any, machine: Callable[..., str], code: str
) -> None:
    arn = machine(Wait={"Type": "Wait", "Seconds": 3600, "Next": "Done"}, Done={"Type": "Succeed"})
    client = localaws.client("stepfunctions")
    execution = execution_arn(arn, REQUEST["name"])
    blind = only(Denied(client, "start_execution", code), localaws)
    with pytest.raises(ReleaseError, match=f"stop-execution --execution-arn {execution}"):
        release(arn, REQUEST, client=blind, progress=Progress(), sleep=lambda seconds: None)
    assert client.describe_execution(executionArn=execution)["status"] == "RUNNING"
    client.stop_execution(executionArn=execution)


def test_a_release_that_aws_refuses_is_said_not_to_be_started(localaws: Any, machine: Callable[..., str]) -> None:
    denied = only(Denied(localaws.client("stepfunctions")), localaws)
    with pytest.raises(ReleaseError, match=r"depot-20261122-183005 was not started: .*AccessDenied"):
        release(machine(Done={"Type": "Succeed"}), REQUEST, client=denied, progress=Progress())


def test_a_log_line_that_cannot_be_read_is_left_out(localaws: Any, machine: Callable[..., str]) -> None:
    arn = machine(Train={"Type": "Pass", "Next": "Done"}, Done={"Type": "Succeed"})
    clients = {"logs": Denied(None), "stepfunctions": localaws.client("stepfunctions")}
    progress = Details()
    release(arn, REQUEST, client=lambda service: clients[service], progress=progress)  # type: ignore[arg-type,return-value]
    assert "Train" in [detail for _, detail in progress.details]
