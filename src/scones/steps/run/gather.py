"""Gather: reads back from AWS what a release and its deliveries did, as the report shows it."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, cast

from botocore.exceptions import ClientError

from scones.contract.delivery import Decision
from scones.contract.layout import DATA, DECISIONS, EVALUATIONS, FUNCTIONS, MODELS
from scones.contract.release import Evaluation, Manifest, ReleaseInput
from scones.errors import NotReleasedError
from scones.report.types import ExecutionRun, Invocation, LambdaRun, MachineRun, TimedState, TransformRun, never
from scones.steps.run.compatibility import current_decision, current_evaluation, current_release_input
from scones.steps.run.histories import add_history
from scones.steps.storage.s3 import list_objects, read_json

_REPORT = re.compile(
    r"REPORT RequestId: (?P<request>\S+)\s+Duration: (?P<run>[\d.]+) ms\s+Billed Duration: (?P<billed>[\d.]+) ms"
    r"\s+Memory Size: (?P<memory>\d+) MB\s+Max Memory Used: (?P<used>\d+) MB(?:\s+Init Duration: (?P<init>[\d.]+) ms)?"
)


def manifest(bucket: str, digest: str, *, s3: Any) -> Manifest | None:
    """Return the manifest of the staged data set with this digest, or None."""
    found: Manifest | None = read_json(bucket, f"{DATA}{digest}/manifest.json", s3=s3)
    return found


def evaluation(bucket: str, release: str, *, s3: Any) -> Evaluation | None:
    """Return what `evaluate` measured in a release, or None where it did not come so far."""
    stored = read_json(bucket, f"{EVALUATIONS}{release}/evaluation.json", s3=s3)
    return cast(Evaluation, current_evaluation(stored)) if stored else None


def artifacts(bucket: str, release: str, *, s3: Any) -> dict[str, Any]:
    """Return the JSON files in a release's model.tar.gz, by name; nothing where there is none."""
    try:
        stored = s3.get_object(Bucket=bucket, Key=f"{MODELS}{release}/output/model.tar.gz")
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return {}
        raise
    with tarfile.open(fileobj=io.BytesIO(stored["Body"].read()), mode="r:gz") as archive:
        files = {member.name.removeprefix("./"): archive.extractfile(member) for member in archive}
        return {name: json.load(file) for name, file in files.items() if file and name.endswith(".json")}


def decisions(bucket: str, *, s3: Any) -> list[Decision]:
    """Return every decision in the bucket, oldest first."""
    keys = [stored["Key"] for stored in list_objects(bucket, DECISIONS, s3=s3)]
    found = [cast(Decision, current_decision(read_json(bucket, key, s3=s3))) for key in keys]
    return sorted(found, key=lambda decision: decision["decided_at"])


def last_release(machine: str, *, stepfunctions: Any) -> ReleaseInput | None:
    """Return the input of the newest release that succeeded, or None."""
    pages = stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="SUCCEEDED")
    executions = sorted((e for page in pages for e in page["executions"]), key=lambda e: e["startDate"])
    if not executions:
        return None
    described = stepfunctions.describe_execution(executionArn=executions[-1]["executionArn"])
    return cast(ReleaseInput, current_release_input(json.loads(described["input"])))


def released(machine: str, *, stepfunctions: Any) -> ReleaseInput:
    """Return the input of the newest release that succeeded. Raises NotReleasedError where there is none."""
    found = last_release(machine, stepfunctions=stepfunctions)
    if found is None:
        raise NotReleasedError("there is no model: no release has succeeded; run `scones release` first")
    return found


def machine_run(machine: str, *, stepfunctions: Any) -> MachineRun:
    """Return a state machine with the times of its ended executions, from their histories."""
    described = stepfunctions.describe_state_machine(stateMachineArn=machine)
    pages = stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=machine)
    ended = [e for page in pages for e in page["executions"] if e.get("stopDate")]
    states: dict[str, TimedState] = defaultdict(never)
    for execution in ended:
        add_history(states, _history(execution["executionArn"], stepfunctions=stepfunctions))
    return MachineRun(
        name=described["name"],
        definition=json.loads(described["definition"]),
        states=dict(states),
        executions=sorted((_execution_run(e) for e in ended), key=lambda run: run["started_at"]),
    )


def lambda_runs(project: str, *, logs: Any) -> list[LambdaRun]:
    """Return the figures of each function's REPORT lines; a function that never ran is left out."""
    runs = (
        lambda_run(f"{project}-{name}", _messages(f"/aws/lambda/{project}-{name}", logs=logs)) for name in FUNCTIONS
    )
    return [run for run in runs if run is not None]


def lambda_run(name: str, messages: list[str]) -> LambdaRun | None:
    """Return one function's figures from its log lines, or None where no line is a REPORT."""
    reports = [match for message in messages if (match := _REPORT.search(message))]
    if not reports:
        return None
    return LambdaRun(
        name=name,
        invocations=[_invocation(report) for report in reports],
        memory_mb=int(reports[-1]["memory"]),
        max_memory_mb=max(int(report["used"]) for report in reports),
    )


def transform_runs(release: str, *, sagemaker: Any) -> list[TransformRun]:
    """Return the batch transform jobs of a release's model that have ended, as `scones classify` names them."""
    pages = sagemaker.get_paginator("list_transform_jobs").paginate(NameContains=f"{release}-")
    names = [job["TransformJobName"] for page in pages for job in page["TransformJobSummaries"]]
    jobs = [sagemaker.describe_transform_job(TransformJobName=name) for name in names]
    return [_transform_run(job) for job in jobs if "TransformStartTime" in job and "TransformEndTime" in job]


def _transform_run(job: dict[str, Any]) -> TransformRun:
    resources = job["TransformResources"]
    seconds = (job["TransformEndTime"] - job["TransformStartTime"]).total_seconds()
    return TransformRun(
        name=job["TransformJobName"],
        instance_type=resources["InstanceType"],
        seconds=seconds * resources["InstanceCount"],
    )


def _invocation(report: re.Match[str]) -> Invocation:
    return Invocation(
        request=report["request"],
        run_ms=float(report["run"]),
        billed_ms=float(report["billed"]),
        init_ms=float(report["init"]) if report["init"] else None,
    )


def _execution_run(execution: dict[str, Any]) -> ExecutionRun:
    seconds = (execution["stopDate"] - execution["startDate"]).total_seconds()
    return ExecutionRun(
        name=execution["name"],
        status=execution["status"],
        started_at=execution["startDate"].isoformat(),
        seconds=seconds,
    )


def _history(execution: str, *, stepfunctions: Any) -> Iterator[dict[str, Any]]:
    for page in stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution):
        yield from page["events"]


def _messages(group: str, *, logs: Any) -> list[str]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    try:
        return [event["message"] for page in pages for event in page["events"]]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return []
        raise
