"""Batch transform jobs: every object of a prefix is sent to the model's `serve` program, the answers go back to S3.

One instance and S3Prefix inputs; records are whole objects or lines. Objects are sent in parallel, the payloads of one
object in sequence. The container's /execution-parameters are not used: missing members have SageMaker's defaults.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localaws.services.sagemaker import checks, store
from localaws.services.sagemaker.containers import objects
from localaws.services.sagemaker.errors import ContainerError
from localaws.services.sagemaker.hosting import models
from localaws.services.sagemaker.jobs.resource import JobKind
from localaws.services.sagemaker.jobs.runner import Job
from localaws.services.sagemaker.jobs.transform_client import TransformClient, concurrency, payload_mb
from localaws.services.sagemaker.store import TRANSFORM_JOBS, Record
from localaws.wire import ValidationException

_MAX_MB = 100


def create_transform_job(request: dict[str, Any]) -> dict[str, Any]:
    """Start a job. Raises ResourceInUse if the name is taken, ValidationException if the job cannot run here."""
    _check(request)
    # Kept with the job, so that the model may be deleted while it runs.
    return KIND.create(request, _Container=models.find(request["ModelName"])["_Container"])


def _check(request: dict[str, Any]) -> None:
    checks.refuse(request, "DataCaptureConfig", "ExperimentConfig")
    checks.allow(request, "TransformInput.DataSource.S3DataSource.S3DataType", "S3Prefix")
    checks.allow(request, "TransformInput.CompressionType", "None")
    checks.allow(request, "TransformInput.SplitType", "None", "Line")
    checks.allow(request, "TransformResources.InstanceCount", 1)
    checks.allow(request, "DataProcessing.InputFilter", "$")
    checks.allow(request, "DataProcessing.OutputFilter", "$")
    checks.allow(request, "DataProcessing.JoinSource", "None")
    if request.get("MaxPayloadInMB") == 0:
        raise ValidationException("MaxPayloadInMB=0, for chunked requests, is not implemented by this local SageMaker")
    if payload_mb(request) * concurrency(request) > _MAX_MB:
        raise ValidationException(f"MaxConcurrentTransforms * MaxPayloadInMB must not exceed {_MAX_MB} MB")


def _run(name: str, job: Job) -> None:
    record: Record = TRANSFORM_JOBS[name]
    store.change(TRANSFORM_JOBS, name, TransformStartTime=time.time())
    written: list[str] = []
    reasons = _transform_all(record, job, written)
    if job.stopping.is_set():
        # SageMaker stores no output of a transform job that was stopped.
        for uri in written:
            objects.delete(uri)
        KIND.end(name, "Stopped")
    elif reasons:
        KIND.end(name, "Failed", reasons[0])
    else:
        KIND.end(name, "Completed")


def _transform_all(record: Record, job: Job, written: list[str]) -> list[str]:
    """Return the failure reasons of all objects that failed; the URIs of the other outputs go to `written`."""
    output = record["TransformOutput"]["S3OutputPath"].rstrip("/")
    client = TransformClient(record)

    def transform(source: str, name: str) -> str | None:
        if job.stopping.is_set():
            return None
        target = f"{output}/{name}.out"
        reason = client.transform(source, target)
        if reason is None:
            written.append(target)
        return reason

    job.on_stop(client.close)
    try:
        sources = list(objects.list_objects(record["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]))
        client.start()
        return _transform_in_parallel(transform, sources, concurrency(record))
    except (ContainerError, OSError):
        # Stopping ends the container and deletes its folder: the errors that follow are not failures of the job.
        if not job.stopping.is_set():
            raise
        return []
    finally:
        client.close()


def _transform_in_parallel(
    transform: Callable[[str, str], str | None], sources: Sequence[tuple[str, str]], max_concurrency: int
) -> list[str]:
    # A context can run only one call at a time, so each source gets a copy.
    contexts = [contextvars.copy_context() for _ in sources]
    with ThreadPoolExecutor(max_concurrency) as pool:
        results = pool.map(lambda context, source: context.run(transform, *source), contexts, sources)
        return [reason for reason in results if reason]


def _fail(name: str, reason: str) -> None:
    KIND.end(name, "Failed", reason)


KIND = JobKind("Transform", TRANSFORM_JOBS, "Could not find requested job with name: {name}", _run, _fail)
OPERATIONS = {
    "CreateTransformJob": create_transform_job,
    "DescribeTransformJob": KIND.describe,
    "ListTransformJobs": KIND.list,
    "StopTransformJob": KIND.stop,
}
