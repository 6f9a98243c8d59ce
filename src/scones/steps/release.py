"""Release: starts the release state machine (train, evaluate, gate, register, deploy) and follows it to its end."""

from __future__ import annotations

import hashlib
import json
import re
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.layout import BACKBONE, BACKBONES, DATA, NEGATIVES, TEST_NEGATIVES
from scones.contract.release import Channel, Manifest, ReleaseInput
from scones.errors import ReleaseError, UsageError
from scones.progress import Progress
from scones.settings import Settings

MOST_BACKBONE_BYTES = 16 * 2**20
_TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"


def release_input(
    settings: Settings, manifest: Manifest, *, backbone: str | None = None, now: datetime | None = None
) -> ReleaseInput:
    """Return the input of a new release of a staged data set; its name is unique to the second.

    `backbone` is the prefix at which `upload_backbone` put the weights to start from, None for the image's own.
    """
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
    splits = ["train", "validation", *_filled(NEGATIVES, manifest)]
    others = [Channel(name=BACKBONE, prefix=backbone)] if backbone else []
    return ReleaseInput(
        name=f"{settings.project}-{stamp}",
        digest=manifest["digest"],
        channels=[*(_channel(split, manifest) for split in splits), *others],
        test_channels=[_channel(split, manifest) for split in ("test", *_filled(TEST_NEGATIVES, manifest))],
        hyperparameters={"seed": str(settings.seed), **settings.hyperparameters},
        minimum_accuracy=settings.minimum_accuracy,
    )


def upload_backbone(path: Path, *, bucket: str, s3: Any) -> str:
    """Put weights that `tools/pretrain.py` made into the bucket, and return their prefix. Raises UsageError."""
    if path.stat().st_size > MOST_BACKBONE_BYTES or not zipfile.is_zipfile(path):
        most = MOST_BACKBONE_BYTES // 2**20
        raise UsageError(f"{path} must be an .npz file of at most {most} MB; make one with tools/pretrain.py")
    weights = path.read_bytes()
    prefix = f"{BACKBONES}{hashlib.sha256(weights).hexdigest()}/"
    s3.put_object(Bucket=bucket, Key=f"{prefix}weights.npz", Body=weights)
    return prefix


def _channel(split: str, manifest: Manifest) -> Channel:
    return Channel(name=split, prefix=f"{DATA}{manifest['digest']}/{split}/")


def _filled(split: str, manifest: Manifest) -> list[str]:
    return [split] if manifest["negatives"][split] else []


def release(
    machine: str,
    request: ReleaseInput,
    *,
    stepfunctions: Any,
    logs: Any,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Run one release on the state machine's ARN and return the execution's ARN.

    Raises ReleaseError with the name of what failed and the job's own reason. Ctrl-C stops the execution.
    """
    started = stepfunctions.start_execution(stateMachineArn=machine, name=request["name"], input=json.dumps(request))
    execution = str(started["executionArn"])
    try:
        described = _follow(
            execution, request["name"], stepfunctions=stepfunctions, logs=logs, progress=progress, sleep=sleep
        )
    except KeyboardInterrupt:
        stepfunctions.stop_execution(executionArn=execution, error="Interrupted", cause="the operator pressed Ctrl-C")
        raise
    if described["status"] != "SUCCEEDED":
        raise ReleaseError(
            f"release {request['name']} {described['status']}: {described.get('error', 'no error')}: "
            f"{failure_reason(described.get('cause', ''))}"
        )
    return execution


def failure_reason(cause: str) -> str:
    """Return what a person wants to know out of an execution's cause: a job's FailureReason, a Lambda's message."""
    try:
        found = json.loads(cause)
    except ValueError:
        return cause or "no cause given"
    if isinstance(found, dict):
        for name in ("FailureReason", "ExitMessage", "errorMessage", "Cause"):
            if isinstance(found.get(name), str):
                return failure_reason(found[name])
    return cause


def _follow(
    execution: str, job: str, *, stepfunctions: Any, logs: Any, progress: Progress, sleep: Callable[[float], None]
) -> dict[str, Any]:
    visited = 0
    while True:
        described = dict(stepfunctions.describe_execution(executionArn=execution))
        states = _entered_states(execution, stepfunctions=stepfunctions)
        for state in states[visited:-1]:
            progress.update(visited := visited + 1, detail=state)
        if states:
            line = _last_log_line(job, logs=logs) if states[-1] == "Train" else ""
            progress.update(len(states), detail=f"{states[-1]} {line}".rstrip())
        if described["status"] != "RUNNING":
            return described
        sleep(1)


def _entered_states(execution: str, *, stepfunctions: Any) -> list[str]:
    pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    # Waiting for the endpoint goes round in a loop that would say the same again and again.
    return list(dict.fromkeys(entered))


def _last_log_line(job: str, *, logs: Any) -> str:
    try:
        streams = logs.describe_log_streams(logGroupName=_TRAINING_LOGS, logStreamNamePrefix=f"{job}/")["logStreams"]
        if not streams:
            return ""
        stream = streams[-1]["logStreamName"]
        events = logs.get_log_events(logGroupName=_TRAINING_LOGS, logStreamName=stream, limit=1)["events"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return ""
        raise
    return training_progress(str(events[-1]["message"])) if events else ""


def training_progress(line: str) -> str:
    """What a line of a training job's log says to who waits for it."""
    values = dict(re.findall(r"(fold|epoch|validation_accuracy)=([\d.]+)", line))
    told = [f"{name.replace('_', ' ')} {value}" for name, value in values.items()]
    return ", ".join(["last fit", *told] if line.startswith("final ") else told) or line.strip()
