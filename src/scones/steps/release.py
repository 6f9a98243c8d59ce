"""Release: build the input of the release state machine, start an execution and follow it to its end."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scones.aws_errors import is_transient
from scones.contract import hyperparameters
from scones.contract.layout import BACKBONE, BACKBONES, DATA, NEGATIVES, TEST_NEGATIVES
from scones.contract.release import Channel, Evaluation, Manifest, ReleaseInput
from scones.errors import ReleaseError, UsageError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.run.executions import execution_arn, failure_reason, follow, start_execution, stop_execution
from scones.steps.run.patience import patiently
from scones.steps.run.training_log import TrainingLog, TrainingProgress

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_stepfunctions import SFNClient

    from scones.clients import ClientFactory

# The bundled weights have 3 MB; a larger file is most likely not a backbone at all.
MAX_BACKBONE_BYTES = 16 * 2**20


def release_input(
    settings: Settings, manifest: Manifest, *, backbone: str | None = None, now: datetime | None = None
) -> ReleaseInput:
    """Return the input of a new release of a staged data set.

    `backbone` is the prefix that `upload_backbone` returned, or None for the container image's own weights. The name
    is the project and the second of `now` (default: the current time); Step Functions refuses a name that is in use.
    Raises UsageError if the hyperparameter `alpha` does not fit the classes of the data set.
    """
    alpha = {name: value for name, value in settings.hyperparameters.items() if name == "alpha"}
    try:
        # Whether the values are valid was checked with the settings; the classes are only known now.
        hyperparameters.parse(alpha).alphas(manifest["classes"])
    except ValueError as error:
        classes = ", ".join(manifest["classes"])
        raise UsageError(f"setting hyperparameters: {error}, which are {classes}; look at scones.toml") from error
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
    training = ["train", "validation", *_if_filled(NEGATIVES, manifest)]
    testing = ["test", *_if_filled(TEST_NEGATIVES, manifest)]
    channels = [_channel(split, manifest) for split in training]
    if backbone:
        channels.append(Channel(name=BACKBONE, prefix=backbone))
    return ReleaseInput(
        name=f"{settings.project}-{stamp}",
        digest=manifest["digest"],
        channels=channels,
        test_channels=[_channel(split, manifest) for split in testing],
        hyperparameters={"seed": str(settings.seed), **settings.hyperparameters},
        minimum_accuracy=settings.minimum_accuracy,
    )


def _channel(split: str, manifest: Manifest) -> Channel:
    return Channel(name=split, prefix=f"{DATA}{manifest['digest']}/{split}/")


def _if_filled(split: str, manifest: Manifest) -> list[str]:
    # SageMaker fails a job that has a channel without objects.
    return [split] if manifest["negatives"][split] else []


def upload_backbone(path: Path, *, bucket: str, s3: S3Client) -> str:
    """Upload initial weights, an .npz file from `tools/pretrain.py`, and return their prefix.

    Raises UsageError if the file is not a zip archive or larger than `MAX_BACKBONE_BYTES`.
    """
    if path.stat().st_size > MAX_BACKBONE_BYTES or not zipfile.is_zipfile(path):
        megabytes = MAX_BACKBONE_BYTES // 2**20
        raise UsageError(f"{path} must be an .npz file of at most {megabytes} MB; make one with tools/pretrain.py")
    weights = path.read_bytes()
    prefix = f"{BACKBONES}{hashlib.sha256(weights).hexdigest()}/"
    s3.put_object(Bucket=bucket, Key=f"{prefix}weights.npz", Body=weights)
    return prefix


def release(
    machine: str,
    request: ReleaseInput,
    *,
    client: ClientFactory,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Start one execution of the state machine's ARN, follow it to its end and return the execution's ARN.

    Raises ReleaseError with the reason of the job or function that failed, or if the execution cannot be followed any
    longer and goes on. Ctrl-C stops the execution.
    """
    stepfunctions = client("stepfunctions")
    name = request["name"]
    execution = execution_arn(machine, name)
    states_shown = _StateProgress(name, client("logs"), progress)
    try:
        _start(machine, request, stepfunctions=stepfunctions, progress=progress, sleep=sleep)
        described = follow(execution, states_shown, stepfunctions=stepfunctions, progress=progress, sleep=sleep)
    except KeyboardInterrupt:
        _stop(execution, stepfunctions=stepfunctions)
        raise
    except (BotoCoreError, OSError, ClientError) as error:
        raise ReleaseError(_goes_on(execution, error)) from error
    if described["status"] != "SUCCEEDED":
        reason = failure_reason(described.get("cause", ""))
        raise ReleaseError(f"release {name} {described['status']}: {described.get('error', 'no error')}: {reason}")
    return execution


def summary(
    request: ReleaseInput, execution: str, evaluation: Evaluation | None, *, endpoint: str
) -> dict[str, object]:
    """Return what a release made: its accuracy with the 95 % interval, the gate's minimum, the endpoint's name."""
    row: dict[str, object] = {"release": request["name"], "digest": request["digest"]}
    if evaluation:
        accuracy = evaluation["accuracy"]
        row |= {"accuracy": accuracy["value"], "accuracy_low": accuracy["low"], "accuracy_high": accuracy["high"]}
    return {**row, "minimum_accuracy": request["minimum_accuracy"], "endpoint": endpoint, "execution": execution}


def _start(
    machine: str,
    request: ReleaseInput,
    *,
    stepfunctions: SFNClient,
    progress: Progress,
    sleep: Callable[[float], None],
) -> None:
    """Start the release. Raises ReleaseError if AWS refuses it."""

    def start() -> str:
        return start_execution(machine, request["name"], json.dumps(request), stepfunctions=stepfunctions)

    try:
        patiently(start, progress=progress, sleep=sleep)
    except (BotoCoreError, ClientError) as error:
        # After minutes without an answer, nobody knows whether one of the calls arrived.
        if is_transient(error):
            raise
        raise ReleaseError(f"release {request['name']} was not started: {error}") from error


def _stop(execution: str, *, stepfunctions: SFNClient) -> None:
    """Stop the execution. Raises ReleaseError if that fails, because the execution then goes on."""
    try:
        # Step Functions then stops the job that it waits for, which would be billed to its end.
        stop_execution(execution, "Interrupted", cause="the operator pressed Ctrl-C", stepfunctions=stepfunctions)
    except (BotoCoreError, ClientError) as error:
        raise ReleaseError(_goes_on(execution, error)) from error


def _goes_on(execution: str, error: Exception) -> str:
    return (
        f"{execution} may go on, and its jobs cost money, but it cannot be reached: {type(error).__name__}: {error}; "
        f"stop it with `aws stepfunctions stop-execution --execution-arn {execution}`, "
        f"or look at it with `aws stepfunctions describe-execution --execution-arn {execution}`"
    )


class _StateProgress:
    """Shows each state that a release has entered, and during training how far the job is, by its log."""

    def __init__(self, job: str, logs: CloudWatchLogsClient, progress: Progress) -> None:
        self._read_log = TrainingLog(job, logs)
        self._training = TrainingProgress()
        self._progress = progress
        self._n_left = 0

    def __call__(self, states: list[str]) -> None:
        if not states:
            return
        # States that were entered and left between two polls are shown, too: a log then has a line for each state.
        for state in states[self._n_left : -1]:
            self._n_left += 1
            self._progress.update(self._n_left, detail=state)
        if states[-1] != "Train":
            self._progress.update(len(states), detail=states[-1])
            return
        for line in self._read_log():
            self._training.add(line)
        detail = f"Train {self._training.detail}".rstrip()
        self._progress.update(self._training.done, self._training.total, detail)
