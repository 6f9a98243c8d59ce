"""Results of a release and of its deliveries, read back from AWS in the types that the report shows."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.contract.delivery import Decision
from scones.contract.layout import DATA, DECISIONS, EVALUATIONS, FUNCTIONS, MODELS
from scones.contract.release import Evaluation, Manifest, ReleaseInput
from scones.errors import NotReleasedError
from scones.report.types import (
    ExecutionRun,
    LambdaInvocation,
    LambdaRun,
    MachineRun,
    TimedState,
    TransformRun,
    not_entered,
)
from scones.steps.run.compatibility import current_decision, current_evaluation, current_release_input
from scones.steps.run.executions import failure_reason, history, list_executions
from scones.steps.run.histories import add_history, review_seconds
from scones.steps.storage.s3 import list_objects, read_json

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeTransformJobResponseTypeDef
    from types_boto3_stepfunctions import SFNClient
    from types_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

# The line that Lambda logs after each invocation; a cold start adds the Init Duration.
_REPORT = re.compile(
    r"REPORT RequestId: (?P<request>\S+)\s+Duration: (?P<run>[\d.]+) ms\s+Billed Duration: (?P<billed>[\d.]+) ms"
    r"\s+Memory Size: (?P<memory>\d+) MB\s+Max Memory Used: (?P<used>\d+) MB(?:\s+Init Duration: (?P<init>[\d.]+) ms)?"
)


def manifest(bucket: str, digest: str, *, s3: S3Client) -> Manifest | None:
    """Return the manifest of the staged data set with this digest, or None if it does not exist."""
    stored: Manifest | None = read_json(bucket, f"{DATA}{digest}/manifest.json", s3=s3)
    return stored


def evaluation(bucket: str, release: str, *, s3: S3Client) -> Evaluation | None:
    """Return a release's `evaluation.json`, or None if it does not exist."""
    stored = read_json(bucket, f"{EVALUATIONS}{release}/evaluation.json", s3=s3)
    return cast(Evaluation, current_evaluation(stored)) if stored else None


def artifacts(bucket: str, release: str, *, s3: S3Client) -> dict[str, Any]:
    """Return file name -> value of the JSON files in a release's `model.tar.gz`; empty if it does not exist."""
    try:
        stored = s3.get_object(Bucket=bucket, Key=f"{MODELS}{release}/output/model.tar.gz")
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return {}
        raise
    with tarfile.open(fileobj=io.BytesIO(stored["Body"].read()), mode="r:gz") as archive:
        # SageMaker packs the folder itself: its members are called `./model.json`.
        files = {member.name.removeprefix("./"): archive.extractfile(member) for member in archive}
        return {name: json.load(file) for name, file in files.items() if file and name.endswith(".json")}


def decisions(bucket: str, since: datetime, delivery: MachineRun | None, *, s3: S3Client) -> list[Decision]:
    """Return the decisions that were recorded since a time, oldest first, each with its cause as a sentence.

    Only those of the executions of `delivery` are included, or all of them if it is None.
    """
    # LastModified has whole seconds. What is older is not read: a bucket may hold thousands of earlier decisions.
    first = since.replace(microsecond=0)
    keys = [stored["Key"] for stored in list_objects(bucket, DECISIONS, s3=s3) if stored["LastModified"] >= first]
    found = [_current_decision(read_json(bucket, key, s3=s3)) for key in keys]
    if delivery is not None:
        names = {execution["name"] for execution in delivery["executions"]}
        # A decision names its execution by name or by ARN, which ends in the name.
        found = [decision for decision in found if decision["execution"].rsplit(":", 1)[-1] in names]
    return sorted(found, key=lambda decision: decision["decided_at"])


def _current_decision(stored: dict[str, Any]) -> Decision:
    decision = cast(Decision, current_decision(stored))
    cause = decision["cause"]
    return decision | {"cause": failure_reason(cause)} if cause else decision


def last_release(machine: str, *, stepfunctions: SFNClient) -> ReleaseInput | None:
    """Return the input of the newest release that succeeded, or None if none has."""
    executions = list(list_executions(machine, stepfunctions=stepfunctions, status="SUCCEEDED"))
    if not executions:
        return None
    newest = max(executions, key=lambda execution: execution["startDate"])
    described = stepfunctions.describe_execution(executionArn=newest["executionArn"])
    return cast(ReleaseInput, current_release_input(json.loads(described["input"])))


def released(machine: str, *, stepfunctions: SFNClient) -> ReleaseInput:
    """Return the input of the newest release that succeeded. Raises NotReleasedError if no release has."""
    release = last_release(machine, stepfunctions=stepfunctions)
    if release is None:
        raise NotReleasedError("no release has succeeded, so there is nothing to use; run `scones release` first")
    return release


def machine_run(machine: str, *, stepfunctions: SFNClient, since: datetime | None = None) -> MachineRun:
    """Return a state machine with the timings of its states over all executions that have ended.

    With `since`, an aware time, only executions that started then or later count.
    """
    described = stepfunctions.describe_state_machine(stateMachineArn=machine)
    executions = list_executions(machine, stepfunctions=stepfunctions)
    # The report is made while deliveries may still run; a state that has not been left yet is not a failure.
    ended = [execution for execution in executions if execution.get("stopDate")]
    if since:
        ended = [execution for execution in ended if execution["startDate"] >= since]
    states: dict[str, TimedState] = defaultdict(not_entered)
    runs = []
    for execution in ended:
        events = list(history(execution["executionArn"], stepfunctions=stepfunctions))
        add_history(states, events)
        runs.append(_execution_run(execution, review_seconds(events)))
    return MachineRun(
        name=described["name"],
        definition=json.loads(described["definition"]),
        states=dict(states),
        executions=sorted(runs, key=lambda run: run["started_at"]),
    )


def _execution_run(execution: ExecutionListItemTypeDef, waited: float) -> ExecutionRun:
    seconds = (execution["stopDate"] - execution["startDate"]).total_seconds()
    return ExecutionRun(
        name=execution["name"],
        status=execution["status"],
        started_at=execution["startDate"].isoformat(),
        seconds=seconds,
        review_seconds=waited,
    )


def lambda_runs(
    project: str,
    *,
    logs: CloudWatchLogsClient,
    since: datetime | None = None,
    refusing: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> list[LambdaRun]:
    """Return the invocations of each function (`since` a time), from its log; a function without any is left out.

    `refusing(log)` is the context in which a log is read: it may suppress the error of a caller who may not read it.
    """
    runs = []
    for function in FUNCTIONS:
        name = f"{project}-{function}"
        with refusing(f"log of {name}"):
            run = lambda_run(name, _log_messages(f"/aws/lambda/{name}", since, logs=logs))
            if run is not None:
                runs.append(run)
    return runs


def lambda_run(name: str, messages: Iterable[str]) -> LambdaRun | None:
    """Return one function's invocations, from its log messages, or None if no message is a REPORT line."""
    reports = [match for message in messages if (match := _REPORT.search(message))]
    if not reports:
        return None
    return LambdaRun(
        name=name,
        invocations=[_invocation(report) for report in reports],
        memory_mb=int(reports[-1]["memory"]),
        max_memory_mb=max(int(report["used"]) for report in reports),
    )


def _invocation(report: re.Match[str]) -> LambdaInvocation:
    return LambdaInvocation(
        request=report["request"],
        run_ms=float(report["run"]),
        billed_ms=float(report["billed"]),
        init_ms=float(report["init"]) if report["init"] else None,
    )


def _log_messages(group: str, since: datetime | None, *, logs: CloudWatchLogsClient) -> list[str]:
    # CloudWatch Logs counts time in milliseconds since 1970.
    start = int(since.timestamp() * 1000) if since else 0
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start)
    try:
        return [event["message"] for page in pages for event in page["events"]]
    except ClientError as error:
        # A function's log group is created by its first invocation.
        if error_code(error) == "ResourceNotFoundException":
            return []
        raise


def transform_runs(release: str, *, sagemaker: SageMakerClient) -> list[TransformRun]:
    """Return the batch transform jobs that `scones classify` ran with a release's model and that have ended."""
    pages = sagemaker.get_paginator("list_transform_jobs").paginate(NameContains=f"{release}-")
    names = [job["TransformJobName"] for page in pages for job in page["TransformJobSummaries"]]
    jobs = [sagemaker.describe_transform_job(TransformJobName=name) for name in names]
    return [_transform_run(job) for job in jobs if "TransformStartTime" in job and "TransformEndTime" in job]


def _transform_run(job: DescribeTransformJobResponseTypeDef) -> TransformRun:
    resources = job["TransformResources"]
    seconds = (job["TransformEndTime"] - job["TransformStartTime"]).total_seconds()
    return TransformRun(
        name=job["TransformJobName"],
        instance_type=resources["InstanceType"],
        # Each instance of a job is billed.
        seconds=seconds * resources["InstanceCount"],
    )
