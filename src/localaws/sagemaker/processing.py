"""Processing jobs: inputs from S3, any program of an image, outputs to S3 at the end of the job.

One instance, S3Prefix inputs and EndOfJob outputs; what would change the result otherwise is refused. Paths below
/opt/ml in the request are mapped into the job's folder; those in ContainerArguments are the program's own business.
"""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from . import checks, container, jobs, objects, store, tags
from .errors import ValidationException
from .jobs import Job
from .listing import page
from .logs import LogStream
from .store import PROCESSING_JOBS, Record

_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"


def create_processing_job(request: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceInUse for a name that was used, ValidationException for what cannot run here."""
    _check(request)
    name = request["ProcessingJobName"]
    arn = store.arn("processing-job", name)
    jobs.require_unused("processing", arn, PROCESSING_JOBS, name)
    PROCESSING_JOBS[name] = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "_Arn": arn,
        "ProcessingJobArn": arn,
        "ProcessingJobStatus": "InProgress",
        "CreationTime": time.time(),
        "LastModifiedTime": time.time(),
    }
    tags.put(arn, request.get("Tags", []))
    jobs.begin(arn, partial(_run, name), partial(_end, name, "Failed"))
    return {"ProcessingJobArn": arn}


def describe_processing_job(request: dict[str, Any]) -> dict[str, Any]:
    return _find(request)


def list_processing_jobs(request: dict[str, Any]) -> dict[str, Any]:
    records = PROCESSING_JOBS.values()
    return page(records, request, "ProcessingJobSummaries", name="ProcessingJobName", status="ProcessingJobStatus")


def stop_processing_job(request: dict[str, Any]) -> dict[str, Any]:
    record = _find(request)
    jobs.require_running("processing", record["ProcessingJobStatus"])
    store.change(PROCESSING_JOBS, record["ProcessingJobName"], ProcessingJobStatus="Stopping")
    jobs.stop(record["_Arn"])
    return {}


def delete_processing_job(request: dict[str, Any]) -> dict[str, Any]:
    record = _find(request)
    jobs.require_ended("processing", record["ProcessingJobStatus"])
    del PROCESSING_JOBS[record["ProcessingJobName"]]
    tags.forget(record["_Arn"])
    return {}


def recover() -> None:
    """After a restart: the server took the processes of running jobs with it."""
    for name, record in PROCESSING_JOBS.items():
        if record["ProcessingJobStatus"] in jobs.UNFINISHED:
            _end(name, "Failed", "InternalServerError: the local AWS stopped while the job ran")


def _find(request: dict[str, Any]) -> Record:
    name = request["ProcessingJobName"]
    missing = ValidationException(f"Could not find requested job with name: {name}")
    return store.find(PROCESSING_JOBS, name, missing)


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
        ended = _process(record, folder, job, log)
        message = container.read_text(folder / "ml/output/message")
        if job.stopping.is_set() or ended.timed_out:
            _end(name, "Stopped", message=message)
        elif ended.exit_code:
            _end(name, "Failed", jobs.failure_reason(message or log.tail, ended.exit_code), message)
        else:
            for target in _outputs(record):
                folder_of_target = container.local_path(folder, target["LocalPath"])
                objects.upload_folder(folder_of_target, target["S3Uri"])
            _end(name, "Completed", message=message)


def _prepare(record: Record, folder: Path, job: Job) -> None:
    for name in ("config", "output"):
        (folder / "ml" / name).mkdir()
    config = {key: value for key, value in record.items() if not key.startswith("_")}
    (folder / "ml/config/processingjobconfig.json").write_text(json.dumps(config))
    for source in record.get("ProcessingInputs", []):
        target = container.local_path(folder, source["S3Input"]["LocalPath"])
        objects.download_prefix(source["S3Input"]["S3Uri"], target, job.stopping.is_set)
    for output in _outputs(record):
        container.local_path(folder, output["LocalPath"]).mkdir(parents=True, exist_ok=True)


def _outputs(record: Record) -> list[dict[str, str]]:
    return [output["S3Output"] for output in record.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def _process(record: Record, folder: Path, job: Job, log: LogStream) -> jobs.Ended:
    app = record["AppSpecification"]
    program = app.get("ContainerEntrypoint", []) + app.get("ContainerArguments", [])
    environment = {
        "PROCESSING_JOB_NAME": record["ProcessingJobName"],
        "PROCESSING_JOB_ARN": record["ProcessingJobArn"],
        **record.get("Environment", {}),
    }
    process = container.start(app["ImageUri"], program, folder, environment)
    return job.run(process, log.put, record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400))


def _end(name: str, status: str, reason: str = "", message: str = "") -> None:
    members = {"FailureReason": reason, "ExitMessage": message[:1024]}
    given = {key: value for key, value in members.items() if value}
    store.change(PROCESSING_JOBS, name, ProcessingJobStatus=status, ProcessingEndTime=time.time(), **given)


OPERATIONS = {
    "CreateProcessingJob": create_processing_job,
    "DescribeProcessingJob": describe_processing_job,
    "ListProcessingJobs": list_processing_jobs,
    "StopProcessingJob": stop_processing_job,
    "DeleteProcessingJob": delete_processing_job,
}
