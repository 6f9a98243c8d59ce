"""`scones classify`: runs a release's model on thousands of images as a batch transform job, and writes a table.

Under `classifications/<release>/<source>/`, the bucket holds the shards still to be classified, in `in/`, and the
answers, in `out/`. A shard that has an answer is never uploaded again, so an interrupted run can be resumed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from scones.contract.delivery import BatchAnswer, BatchError
from scones.contract.layout import CLASSIFICATIONS, JSON_LINES
from scones.errors import ClassificationError
from scones.progress import Progress
from scones.steps.batch.shards import MAX_SHARD_IMAGE_BYTES, Shard, ShardImage, find_images, pack, plan_shards
from scones.steps.batch.tables import Row, answer_row, check_writable, write_table
from scones.steps.run.patience import patiently
from scones.steps.storage.s3 import delete_objects, list_objects
from scones.steps.storage.threads import in_threads

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.literals import TransformInstanceTypeType
    from types_boto3_sagemaker.type_defs import DescribeTransformJobResponseTypeDef as JobDescription
    from types_boto3_sagemaker.type_defs import TagTypeDef

_POLL_SECONDS = 1.0
# The container accepts requests of 25 MB. SageMaker requires payload times concurrency to be at most 100 MB.
_MAX_PAYLOAD_MB = 25
_MAX_CONCURRENT_TRANSFORMS = 2


@dataclass(frozen=True)
class BatchRequest:
    """Which release classifies which images; `source` is a folder or an `s3://bucket/prefix`."""

    release: str
    source: str
    bucket: str
    instance_type: str
    tags: list[dict[str, str]]

    @property
    def job_prefix(self) -> str:
        """The common prefix of the names of its transform jobs."""
        return f"{self.release}-{self._source_digest}-"

    @property
    def prefix(self) -> str:
        """The S3 prefix of its shards and answers."""
        return f"{CLASSIFICATIONS}{self.release}/{self._source_digest}/"

    @property
    def _source_digest(self) -> str:
        is_s3 = self.source.startswith("s3://")
        name = self.source if is_s3 else str(Path(self.source).expanduser().resolve())
        return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]


@dataclass(frozen=True)
class Batch:
    """A request, and the clients that it is carried out with; `sleep` waits between two looks at the job."""

    request: BatchRequest
    s3: S3Client
    sagemaker: SageMakerClient
    progress: Progress
    sleep: Callable[[float], None] = time.sleep

    def keys(self, folder: str) -> dict[str, str]:
        """Return shard name -> key of the objects under `in/` or `out/`."""
        prefix = self.request.prefix + folder
        keys = [stored["Key"] for stored in list_objects(self.request.bucket, prefix, s3=self.s3)]
        return {key.rpartition("/")[2].partition(".")[0]: key for key in keys}


def classify(batch: Batch, out: Path) -> list[Row]:
    """Write a row for each image of the source to `out`, sorted by key, and return the rows.

    An image that the model cannot read becomes a row with an error. Raises UsageError if `out` cannot be written,
    DataNotFoundError if there are no images, DataError if one cannot be read, and ClassificationError if the job fails.
    After any of them, and after Ctrl-C, the same call resumes.
    """
    check_writable(out)
    images = find_images(batch.request.source, s3=batch.s3)
    shards = plan_shards([image for image in images if image.size <= MAX_SHARD_IMAGE_BYTES])
    # The job of an interrupted run may still be producing answers: wait for them instead of paying twice.
    if job := _running_job(batch):
        _wait(job, shards, batch)
    answered = batch.keys("out/")
    if missing := [shard for shard in shards if shard.name not in answered]:
        _upload(missing, batch)
        _require_completed(_wait(_start(batch), shards, batch))
    answers = _answers(shards, batch)
    rows = [answer_row(image.key, answers.get(image.key) or _unanswered(image)) for image in images]
    write_table(rows, out)
    _keep_inputs((), batch)
    return rows


def summary(rows: Sequence[Row]) -> dict[str, int]:
    """Return the number of images, and how many were accepted, need a review, or have an error."""
    counts = Counter(row.get("decision") or "error" for row in rows)
    return {"images": len(rows)} | {name: counts[name] for name in ("accept", "review", "error")}


def _running_job(batch: Batch) -> str | None:
    return next((name for name, status in _jobs(batch).items() if status in ("InProgress", "Stopping")), None)


def _jobs(batch: Batch) -> dict[str, str]:
    """Return name -> status of the request's jobs."""
    pages = batch.sagemaker.get_paginator("list_transform_jobs").paginate(NameContains=batch.request.job_prefix)
    jobs = [job for page in pages for job in page["TransformJobSummaries"]]
    return {job["TransformJobName"]: job["TransformJobStatus"] for job in jobs}


def _upload(shards: Sequence[Shard], batch: Batch) -> None:
    """Make `in/` hold exactly these shards: the job reads everything under it."""
    uploaded = _keep_inputs([shard.name for shard in shards], batch)

    def put(shard: Shard) -> None:
        if shard.name not in uploaded:
            key = f"{batch.request.prefix}in/{shard.name}.jsonl"
            batch.s3.put_object(Bucket=batch.request.bucket, Key=key, Body=pack(shard, s3=batch.s3))

    in_threads(put, shards, batch.progress, f"uploading {_count(shards):,} images")


def _keep_inputs(names: Collection[str], batch: Batch) -> set[str]:
    """Delete all shards from `in/` except those named; return the names of those that are there."""
    keys = batch.keys("in/")
    to_delete = [key for name, key in keys.items() if name not in names]
    delete_objects(batch.request.bucket, [{"Key": key} for key in to_delete], s3=batch.s3, sleep=batch.sleep)
    return keys.keys() & set(names)


def _start(batch: Batch) -> str:
    """Start a job and return its name. A job of that name whose creation had no answer is the started one."""
    name = f"{batch.request.job_prefix}{len(_jobs(batch)) + 1}"
    try:
        _create_job(name, batch)
    except (BotoCoreError, ClientError):
        # The SDK repeats a call whose answer was lost, and SageMaker then refuses the name that it has just taken.
        if name not in _jobs(batch):
            raise
    return name


def _create_job(name: str, batch: Batch) -> None:
    request = batch.request
    uri = f"s3://{request.bucket}/{request.prefix}"
    batch.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=request.release,
        MaxConcurrentTransforms=_MAX_CONCURRENT_TRANSFORMS,
        MaxPayloadInMB=_MAX_PAYLOAD_MB,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{uri}in/"}},
            "ContentType": JSON_LINES,
            # A shard is one request: the container answers its lines one by one.
            "SplitType": "None",
        },
        TransformOutput={"S3OutputPath": f"{uri}out", "Accept": JSON_LINES},
        TransformResources={
            "InstanceType": cast("TransformInstanceTypeType", request.instance_type),
            "InstanceCount": 1,
        },
        Tags=cast("list[TagTypeDef]", request.tags),
    )


def _wait(job: str, shards: Sequence[Shard], batch: Batch) -> JobDescription:
    """Return the job's description once it has ended. Ctrl-C leaves it running."""
    total = _count(shards)

    def look() -> tuple[JobDescription, dict[str, str]]:
        return batch.sagemaker.describe_transform_job(TransformJobName=job), batch.keys("out/")

    try:
        # No deadline: SageMaker ends the job, because it times out each request of it.
        while True:
            description, answered = patiently(look, progress=batch.progress, sleep=batch.sleep)
            status = description["TransformJobStatus"]
            done = _count([shard for shard in shards if shard.name in answered])
            batch.progress.update(done, total, f"{done:,} of {total:,} answered, {job} is {status}")
            if status not in ("InProgress", "Stopping"):
                return description
            batch.sleep(_POLL_SECONDS)
    except (BotoCoreError, ClientError, KeyboardInterrupt):
        # Its answers are paid for: the next run uses them.
        batch.progress.note(f"{job} keeps running; run the same command again for its answers")
        raise


def _count(shards: Sequence[Shard]) -> int:
    return sum(len(shard.images) for shard in shards)


def _require_completed(job: JobDescription) -> None:
    name = job["TransformJobName"]
    status = job["TransformJobStatus"]
    if status != "Completed":
        raise ClassificationError(
            f"transform job {name} {status}: {job.get('FailureReason', 'it was stopped')}; see the log group "
            "/aws/sagemaker/TransformJobs; answers are kept, so run the command again for the rest"
        )


def _answers(shards: Sequence[Shard], batch: Batch) -> Mapping[str, BatchAnswer | BatchError]:
    """Return image key -> answer."""
    keys = batch.keys("out/")

    def read(shard: Shard) -> list[Any]:
        body = batch.s3.get_object(Bucket=batch.request.bucket, Key=keys[shard.name])["Body"].read()
        return [json.loads(line) for line in body.splitlines()]

    answered = [shard for shard in shards if shard.name in keys]
    results = in_threads(read, answered, batch.progress, "reading the answers")
    # An answer to a line that was not valid JSON has no id.
    return {answer["id"]: answer for answers in results for answer in answers if "id" in answer}


def _unanswered(image: ShardImage) -> BatchError:
    if image.size > MAX_SHARD_IMAGE_BYTES:
        message = f"the file has {image.size} bytes, over {MAX_SHARD_IMAGE_BYTES}; make it smaller"
        return BatchError(error="ImageRejectedError", message=message)
    return BatchError(error="ClassificationError", message="the model gave no answer")
