"""Processing jobs: inputs from S3, any program of an image, outputs to S3 at the end of the job.

One instance, S3Prefix inputs and EndOfJob outputs; other options that would change the result are refused. Paths below
/opt/ml in the request are mapped into the job's folder, except those in ContainerArguments, which stay as they are.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from localaws.services.sagemaker import checks, store
from localaws.services.sagemaker.containers import container, objects
from localaws.services.sagemaker.containers.logs import LogStream
from localaws.services.sagemaker.jobs import runner
from localaws.services.sagemaker.jobs.resource import JobKind
from localaws.services.sagemaker.jobs.runner import Job
from localaws.services.sagemaker.store import PROCESSING_JOBS, Record

_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_DEFAULT_RUNTIME_SECONDS = 86_400
_MAX_EXIT_MESSAGE_CHARS = 1024


def create_processing_job(request: dict[str, Any]) -> dict[str, Any]:
    """Start a job. Raises ResourceInUse if the name is taken, ValidationException if the job cannot run here."""
    _check(request)
    return KIND.create(request)


def _check(request: dict[str, Any]) -> None:
    checks.refuse(request, "ExperimentConfig")
    checks.allow(request, "ProcessingResources.ClusterConfig.InstanceCount", 1)
    for source in request.get("ProcessingInputs", []):
        checks.refuse(source, "DatasetDefinition", "AppManaged")
        checks.require(source, "S3Input.LocalPath")
        checks.allow(source, "S3Input.S3DataType", "S3Prefix")
        checks.allow(source, "S3Input.S3InputMode", "File")
        checks.allow(source, "S3Input.S3CompressionType", "None")
    for target in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        checks.refuse(target, "FeatureStoreOutput", "AppManaged")
        checks.require(target, "S3Output.LocalPath")
        checks.allow(target, "S3Output.S3UploadMode", "EndOfJob")


def _run(name: str, job: Job) -> None:
    record: Record = PROCESSING_JOBS[name]
    with container.workspace("processing") as folder:
        store.change(PROCESSING_JOBS, name, ProcessingStartTime=time.time())
        _prepare(record, folder, job)
        if job.stopping.is_set():
            _end(name, "Stopped")
            return
        log = LogStream(_LOG_GROUP, f"{name}/algo-1-{int(time.time())}")
        result = _process(record, folder, job, log)
        message = container.read_text(folder / "ml/output/message")
        if job.stopping.is_set() or result.has_timed_out:
            _end(name, "Stopped", message=message)
        elif result.exit_code:
            _end(name, "Failed", runner.failure_reason(message or log.tail, result.exit_code), message)
        else:
            for output in _outputs(record):
                objects.upload_folder(container.local_path(folder, output["LocalPath"]), output["S3Uri"])
            _end(name, "Completed", message=message)


def _prepare(record: Record, folder: Path, job: Job) -> None:
    for name in ("config", "output"):
        (folder / "ml" / name).mkdir()
    # The container contract's copy of the request; private members of the record stay out of it.
    config = {key: value for key, value in record.items() if not key.startswith("_")}
    (folder / "ml/config/processingjobconfig.json").write_text(json.dumps(config))
    for source in record.get("ProcessingInputs", []):
        target = container.local_path(folder, source["S3Input"]["LocalPath"])
        objects.download_prefix(source["S3Input"]["S3Uri"], target, job.stopping.is_set)
    for output in _outputs(record):
        container.local_path(folder, output["LocalPath"]).mkdir(parents=True, exist_ok=True)


def _outputs(record: Record) -> list[dict[str, str]]:
    return [output["S3Output"] for output in record.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def _process(record: Record, folder: Path, job: Job, log: LogStream) -> runner.ContainerResult:
    app = record["AppSpecification"]
    program = app.get("ContainerEntrypoint", []) + app.get("ContainerArguments", [])
    environment = {
        "PROCESSING_JOB_NAME": record["ProcessingJobName"],
        "PROCESSING_JOB_ARN": record["ProcessingJobArn"],
        **record.get("Environment", {}),
    }
    process = container.start(app["ImageUri"], program, folder, environment)
    stopping_condition = record.get("StoppingCondition", {})
    return job.run(process, log.put, stopping_condition.get("MaxRuntimeInSeconds", _DEFAULT_RUNTIME_SECONDS))


def _end(name: str, status: str, reason: str = "", message: str = "") -> None:
    members = {"ExitMessage": message[:_MAX_EXIT_MESSAGE_CHARS]} if message else {}
    KIND.end(name, status, reason, **members)


def _fail(name: str, reason: str) -> None:
    _end(name, "Failed", reason)


KIND = JobKind("Processing", PROCESSING_JOBS, "Could not find requested job with name: {name}", _run, _fail)
OPERATIONS = {
    "CreateProcessingJob": create_processing_job,
    "DescribeProcessingJob": KIND.describe,
    "ListProcessingJobs": KIND.list,
    "StopProcessingJob": KIND.stop,
    "DeleteProcessingJob": KIND.delete,
}
