"""Training jobs: data from S3, the image's `train` program, model and output back to S3.

One instance of any type, in File mode. Network isolation, encryption and Spot are accepted, because they change nothing
on one machine; options that would change the result are refused.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from localaws.services.sagemaker import checks, store
from localaws.services.sagemaker.containers import container, objects
from localaws.services.sagemaker.containers.logs import LogStream, MetricParser
from localaws.services.sagemaker.jobs import runner
from localaws.services.sagemaker.jobs.resource import JobKind
from localaws.services.sagemaker.jobs.runner import Job
from localaws.services.sagemaker.store import TRAINING_JOBS, Record

_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_HOST = "algo-1"
_DEFAULT_RUNTIME_SECONDS = 86_400
_NOT_IMPLEMENTED = (
    "AlgorithmSpecification.AlgorithmName",
    "AlgorithmSpecification.TrainingImageConfig",
    "DebugHookConfig",
    "DebugRuleConfigurations",
    "ExperimentConfig",
    "MlflowConfig",
    "ModelPackageConfig",
    "ProfilerRuleConfigurations",
    "ResourceConfig.InstanceGroups",
    "ResourceConfig.InstancePreferences",
    "ResourceConfig.KeepAlivePeriodInSeconds",
    "ResourceConfig.TrainingPlanArn",
    "RetryStrategy",
    "ServerlessJobConfig",
    "SessionChainingConfig",
    "TensorBoardOutputConfig",
)


def create_training_job(request: dict[str, Any]) -> dict[str, Any]:
    """Start a job. Raises ResourceInUse if the name is taken, ValidationException if the job cannot run here."""
    _check(request)
    output = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{request['TrainingJobName']}/output"
    return KIND.create(
        request,
        _Output=output,
        ModelArtifacts={"S3ModelArtifacts": f"{output}/model.tar.gz"},
        **_transition([], "Starting", "Starting the training job"),
    )


# Not `KIND.stop` itself: training jobs also have a secondary status, which shows the stop.
def stop_training_job(request: dict[str, Any]) -> dict[str, Any]:
    """Stop a job. Raises ValidationException if it does not exist or is not in progress."""
    answer = KIND.stop(request)
    _enter(request["TrainingJobName"], "Stopping", "Stopping the training job", TrainingJobStatus="Stopping")
    return answer


def _check(request: dict[str, Any]) -> None:
    checks.require(
        request,
        "AlgorithmSpecification.TrainingInputMode",
        "ResourceConfig.InstanceType",
        "ResourceConfig.InstanceCount",
        "ResourceConfig.VolumeSizeInGB",
        "StoppingCondition",
    )
    checks.refuse(request, *_NOT_IMPLEMENTED)
    checks.require(request, "AlgorithmSpecification.TrainingImage")
    checks.allow(request, "AlgorithmSpecification.TrainingInputMode", "File", "FastFile")
    checks.allow(request, "ResourceConfig.InstanceCount", 1)
    checks.allow(request, "OutputDataConfig.CompressionType", "GZIP")
    checks.allow(request, "CheckpointConfig.LocalPath", "/opt/ml/checkpoints", "/opt/ml/checkpoints/")
    checks.require_valid_regexes(request["AlgorithmSpecification"].get("MetricDefinitions", []))
    for channel in request.get("InputDataConfig", []):
        checks.require(channel, "DataSource.S3DataSource")
        checks.allow(channel, "DataSource.S3DataSource.S3DataType", "S3Prefix")
        checks.allow(channel, "CompressionType", "None")
        checks.allow(channel, "RecordWrapperType", "None")
        checks.allow(channel, "InputMode", "File", "FastFile")


def _run(name: str, job: Job) -> None:
    record: Record = TRAINING_JOBS[name]
    with container.workspace("training") as folder:
        _enter(name, "Downloading", "Downloading input data", TrainingStartTime=time.time())
        _prepare(record, folder, job)
        if job.stopping.is_set():
            _end(name, "Stopped", "Stopped")
            return
        metrics = MetricParser(record["AlgorithmSpecification"].get("MetricDefinitions", []))
        log = LogStream(_LOG_GROUP, f"{name}/{_HOST}-{int(time.time())}")
        result = _train(record, folder, job, log, metrics)
        is_stopped = result.has_timed_out or job.stopping.is_set()
        if result.exit_code and not is_stopped:
            _upload_output(record, folder)
            reason = container.read_text(folder / "ml/output/failure") or log.tail
            _end(name, "Failed", "Failed", runner.failure_reason(reason, result.exit_code), metrics)
            return
        if not is_stopped:
            _enter(name, "Uploading", "Uploading generated training model")
        # A job that was stopped keeps what it wrote until then, as on AWS.
        objects.upload_archive(folder / "ml/model", record["ModelArtifacts"]["S3ModelArtifacts"])
        _upload_output(record, folder)
        if is_stopped:
            secondary = "MaxRuntimeExceeded" if result.has_timed_out else "Stopped"
            _end(name, "Stopped", secondary, metrics=metrics)
        else:
            _end(name, "Completed", "Completed", metrics=metrics)


def _prepare(record: Record, folder: Path, job: Job) -> None:
    """Create the ML root: the contract's folders and configuration files, and the channels' data."""
    ml = folder / "ml"
    for name in ("input/config", "input/data", "model", "output/data", "checkpoints"):
        (ml / name).mkdir(parents=True)
    channels = record.get("InputDataConfig", [])
    config = {
        "hyperparameters": record.get("HyperParameters", {}),
        "inputdataconfig": {channel["ChannelName"]: _channel(channel) for channel in channels},
        "resourceconfig": _resource_config(record["ResourceConfig"]["InstanceType"]),
    }
    for name, content in config.items():
        (ml / f"input/config/{name}.json").write_text(json.dumps(content))
    for channel in channels:
        source = channel["DataSource"]["S3DataSource"]["S3Uri"]
        objects.download_prefix(source, ml / "input/data" / channel["ChannelName"], job.stopping.is_set)
    if "CheckpointConfig" in record:
        # The first job of a series finds no checkpoint.
        objects.download_prefix(
            record["CheckpointConfig"]["S3Uri"], ml / "checkpoints", job.stopping.is_set, may_be_empty=True
        )


def _resource_config(instance_type: str) -> dict[str, Any]:
    """Return the contract's resourceconfig.json of a cluster of one instance."""
    group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type}
    return {
        "current_host": _HOST,
        "current_instance_type": instance_type,
        "current_group_name": group["instance_group_name"],
        "hosts": [_HOST],
        "instance_groups": [{**group, "hosts": [_HOST]}],
        "network_interface_name": "lo",
    }


def _channel(channel: dict[str, Any]) -> dict[str, str]:
    source = channel["DataSource"]["S3DataSource"]
    description = {
        "TrainingInputMode": channel.get("InputMode", "File"),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": "None",
    }
    if "ContentType" in channel:
        description["ContentType"] = channel["ContentType"]
    return description


def _train(record: Record, folder: Path, job: Job, log: LogStream, metrics: MetricParser) -> runner.ContainerResult:
    def on_lines(lines: list[str]) -> None:
        log.put(lines)
        metrics.parse(lines)

    algorithm = record["AlgorithmSpecification"]
    entrypoint = algorithm.get("ContainerEntrypoint", []) + algorithm.get("ContainerArguments", [])
    environment = {
        "TRAINING_JOB_NAME": record["TrainingJobName"],
        "TRAINING_JOB_ARN": record["TrainingJobArn"],
        **record.get("Environment", {}),
    }
    _enter(record["TrainingJobName"], "Training", "Training image download completed. Training in progress.")
    process = container.start(algorithm["TrainingImage"], entrypoint or ["train"], folder, environment)
    max_runtime = record["StoppingCondition"].get("MaxRuntimeInSeconds", _DEFAULT_RUNTIME_SECONDS)
    return job.run(process, on_lines, max_runtime)


def _upload_output(record: Record, folder: Path) -> None:
    output = folder / "ml/output/data"
    if output.is_dir() and any(output.iterdir()):
        objects.upload_archive(output, f"{record['_Output']}/output.tar.gz")
    if "CheckpointConfig" in record:
        objects.upload_folder(folder / "ml/checkpoints", record["CheckpointConfig"]["S3Uri"])


def _enter(name: str, secondary: str, message: str, **members: object) -> None:
    """Move a job to a secondary status, unless it was deleted or is stopping and this is not its end."""
    with store.LOCK:
        record: Record | None = TRAINING_JOBS.get(name)
        if record is None:
            return
        # StopTrainingJob may run while the job's thread is between two steps: "Stopping" must not be overwritten.
        if record["TrainingJobStatus"] == "Stopping" and not members.get("TrainingJobStatus"):
            return
        transition = _transition(record["SecondaryStatusTransitions"], secondary, message)
        store.change(TRAINING_JOBS, name, **transition, **members)


def _transition(transitions: list[Record], secondary: str, message: str) -> Record:
    """Return the members of a job in its next secondary status, which ends the one before."""
    now = time.time()
    ended = [*transitions[:-1], *({**last, "EndTime": now} for last in transitions[-1:])]
    current = {"Status": secondary, "StartTime": now, "StatusMessage": message}
    return {"SecondaryStatus": secondary, "SecondaryStatusTransitions": [*ended, current]}


def _end(name: str, status: str, secondary: str, reason: str = "", metrics: MetricParser | None = None) -> None:
    now = time.time()
    members: dict[str, Any] = {"TrainingJobStatus": status, "TrainingEndTime": now}
    if reason:
        members["FailureReason"] = reason
    if metrics and metrics.final:
        members["FinalMetricDataList"] = metrics.final
    started = TRAINING_JOBS.get(name, {}).get("TrainingStartTime")
    if started:
        seconds = max(1, math.ceil(now - started))
        members["TrainingTimeInSeconds"] = seconds
        members["BillableTimeInSeconds"] = seconds
    _enter(name, secondary, reason or f"Training job {secondary.lower()}", **members)


def _fail(name: str, reason: str) -> None:
    _end(name, "Failed", "Failed", reason)


KIND = JobKind("Training", TRAINING_JOBS, "Requested resource not found.", _run, _fail)
OPERATIONS = {
    "CreateTrainingJob": create_training_job,
    "DescribeTrainingJob": KIND.describe,
    "ListTrainingJobs": KIND.list,
    "StopTrainingJob": stop_training_job,
    "DeleteTrainingJob": KIND.delete,
}
