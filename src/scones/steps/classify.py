"""Classify: a release's model on thousands of pictures, by a batch transform job, into a table.

Under `classifications/<release>/<source>/` the bucket holds what is still to be classified, in `in/`, and the answers,
in `out/`. What has an answer is not sent again: a run that broke off goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scones.contract.delivery import BatchAnswer, BatchError
from scones.contract.layout import CLASSIFICATIONS, JSON_LINES
from scones.errors import ClassificationError
from scones.progress import Progress
from scones.steps.batch.shards import LARGEST, Picture, Shard, find_pictures, pack, plan
from scones.steps.batch.tables import Row, check_writable, row, write_table
from scones.steps.storage.threads import in_threads

_POLL_SECONDS = 1.0
# The container takes requests of 25 MB; of all at once SageMaker takes 100 MB.
_PAYLOAD_MB = 25
_AT_ONCE = 2
_MOST_DELETED = 1000


@dataclass(frozen=True)
class Work:
    """Whose model classifies what, where and on which instance; `source` is a folder or an `s3://bucket/prefix`."""

    release: str
    source: str
    bucket: str
    instance_type: str
    tags: list[dict[str, str]]

    @property
    def _digest(self) -> str:
        named = self.source if self.source.startswith("s3://") else str(Path(self.source).expanduser().resolve())
        return hashlib.sha256(named.encode(errors="surrogateescape")).hexdigest()[:8]

    @property
    def jobs(self) -> str:
        """What the names of its jobs begin with."""
        return f"{self.release}-{self._digest}-"

    @property
    def prefix(self) -> str:
        return f"{CLASSIFICATIONS}{self.release}/{self._digest}/"


def classify(
    work: Work, out: Path, *, s3: Any, sagemaker: Any, progress: Progress, sleep: Callable[[float], None] = time.sleep
) -> list[Row]:
    """Write a row for each picture of the source to `out`, in the order of their keys, and return the rows.

    A picture that the model cannot read is a row with an error. Raises UsageError for a file that cannot be written,
    DataNotFoundError where there are no pictures, DataError where one cannot be read from its place, and
    ClassificationError where the job fails; after any of them, as after Ctrl-C, the same call goes on where it was.
    """
    check_writable(out)
    pictures = find_pictures(work.source, s3=s3)
    shards = plan([one for one in pictures if one.size <= LARGEST])
    if job := _running(work, sagemaker):
        _follow(job, work, shards, s3=s3, sagemaker=sagemaker, progress=progress, sleep=sleep)
    there = _outputs(work, s3)
    if missing := [shard for shard in shards if shard.name not in there]:
        _upload(missing, work, s3=s3, progress=progress)
        job = _start(work, sagemaker)
        _require_completed(_follow(job, work, shards, s3=s3, sagemaker=sagemaker, progress=progress, sleep=sleep))
    answers = _answers(shards, work, s3=s3, progress=progress)
    rows = [row(one.key, answers.get(one.key) or _unanswered(one)) for one in pictures]
    write_table(rows, out)
    _keep_inputs((), work, s3)
    return rows


def summary(rows: Sequence[Row]) -> dict[str, int]:
    """How many images there were, and how many of each decision, or with an error."""
    counted = Counter(row.get("decision") or "error" for row in rows)
    return {"images": len(rows)} | {name: counted[name] for name in ("accept", "review", "error")}


def _running(work: Work, sagemaker: Any) -> str | None:
    """The job that an earlier run has left going, if there is one."""
    return next((name for name, status in _jobs(work, sagemaker) if status in ("InProgress", "Stopping")), None)


def _jobs(work: Work, sagemaker: Any) -> list[tuple[str, str]]:
    pages = sagemaker.get_paginator("list_transform_jobs").paginate(NameContains=work.jobs)
    found = [job for page in pages for job in page["TransformJobSummaries"]]
    return [(job["TransformJobName"], job["TransformJobStatus"]) for job in found]


def _upload(shards: Sequence[Shard], work: Work, *, s3: Any, progress: Progress) -> None:
    """Put into `in/` what is to be classified, and nothing else: the job reads all that lies there."""
    there = _keep_inputs([shard.name for shard in shards], work, s3)

    def put(shard: Shard) -> None:
        if shard.name not in there:
            s3.put_object(Bucket=work.bucket, Key=_input(work, shard.name), Body=pack(shard, s3=s3))

    in_threads(put, shards, progress, f"uploading {sum(len(shard.pictures) for shard in shards):,} pictures")


def _keep_inputs(names: Collection[str], work: Work, s3: Any) -> set[str]:
    """Delete all but the named shards from `in/`; gives the names of those that are there."""
    keys = _keys(work, "in/", s3)
    doomed = [{"Key": key} for name, key in keys.items() if name not in names]
    for start in range(0, len(doomed), _MOST_DELETED):
        objects = doomed[start : start + _MOST_DELETED]
        s3.delete_objects(Bucket=work.bucket, Delete={"Objects": objects, "Quiet": True})
    return keys.keys() & set(names)


def _start(work: Work, sagemaker: Any) -> str:
    name = f"{work.jobs}{len(_jobs(work, sagemaker)) + 1}"
    place = f"s3://{work.bucket}/{work.prefix}"
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=work.release,
        MaxConcurrentTransforms=_AT_ONCE,
        MaxPayloadInMB=_PAYLOAD_MB,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{place}in/"}},
            "ContentType": JSON_LINES,
            "SplitType": "None",
        },
        TransformOutput={"S3OutputPath": f"{place}out", "Accept": JSON_LINES},
        TransformResources={"InstanceType": work.instance_type, "InstanceCount": 1},
        Tags=work.tags,
    )
    return name


def _follow(
    job: str,
    work: Work,
    shards: Sequence[Shard],
    *,
    s3: Any,
    sagemaker: Any,
    progress: Progress,
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    """The description of the job once it has ended. Ctrl-C leaves it going, because its answers are paid for."""
    total = sum(len(shard.pictures) for shard in shards)
    try:
        while True:
            described = dict(sagemaker.describe_transform_job(TransformJobName=job))
            there = _outputs(work, s3)
            done = sum(len(shard.pictures) for shard in shards if shard.name in there)
            progress.update(done, total, f"{done:,} of {total:,} answered, {job} is {described['TransformJobStatus']}")
            if described["TransformJobStatus"] not in ("InProgress", "Stopping"):
                return described
            sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        progress.note(f"{job} goes on; run the same command again for its answers")
        raise


def _require_completed(job: dict[str, Any]) -> None:
    name, status = job["TransformJobName"], job["TransformJobStatus"]
    if status != "Completed":
        raise ClassificationError(
            f"transform job {name} {status}: {job.get('FailureReason', 'it was stopped')}; the log group "
            "/aws/sagemaker/TransformJobs tells more; answers are kept, so run the command again for the rest"
        )


def _answers(
    shards: Sequence[Shard], work: Work, *, s3: Any, progress: Progress
) -> dict[str, BatchAnswer | BatchError]:
    """Every answer by its picture's key."""
    keys = _outputs(work, s3)

    def read(shard: Shard) -> list[Any]:
        body = s3.get_object(Bucket=work.bucket, Key=keys[shard.name])["Body"].read()
        return [json.loads(line) for line in body.splitlines()]

    found = in_threads(read, [shard for shard in shards if shard.name in keys], progress, "reading the answers")
    return {answer["id"]: answer for answers in found for answer in answers if "id" in answer}


def _unanswered(picture: Picture) -> BatchError:
    if picture.size > LARGEST:
        message = f"the file has {picture.size} bytes, over {LARGEST}; make it smaller"
        return BatchError(error="ImageRejectedError", message=message)
    return BatchError(error="ClassificationError", message="the model gave no answer")


def _outputs(work: Work, s3: Any) -> dict[str, str]:
    return _keys(work, "out/", s3)


def _keys(work: Work, folder: str, s3: Any) -> dict[str, str]:
    """The keys below a folder of the work, by shard."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=work.bucket, Prefix=work.prefix + folder)
    keys = [stored["Key"] for page in pages for stored in page.get("Contents", ())]
    return {key.rpartition("/")[2].partition(".")[0]: key for key in keys}


def _input(work: Work, shard: str) -> str:
    return f"{work.prefix}in/{shard}.jsonl"
