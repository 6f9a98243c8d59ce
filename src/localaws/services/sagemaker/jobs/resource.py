"""What training, processing and transform jobs have in common as resources: a record, a name used once, a status."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from localaws.services.sagemaker import store, tags
from localaws.services.sagemaker.errors import ResourceInUse, ValidationException
from localaws.services.sagemaker.jobs import runner
from localaws.services.sagemaker.jobs.runner import Job
from localaws.services.sagemaker.listing import page
from localaws.services.sagemaker.store import Record

_UNFINISHED = ("InProgress", "Stopping")
_LOST = "InternalServerError: the local AWS stopped while the job ran"


@dataclass(frozen=True)
class JobKind:
    """`noun` begins the names of members (TransformJobName); `missing` is AWS's message where there is no such job.

    `run` does a job's work on its thread, and `fail` ends its record with a reason; both get the job's name.
    """

    noun: str
    records: Any
    missing: str
    run: Callable[[str, Job], None]
    fail: Callable[[str, str], None]

    def create(self, request: Record, **members: Any) -> Record:
        """Begin the job, whose record has `members` too. Raises ResourceInUse for a name that was used."""
        name, kind = request[f"{self.noun}JobName"], self.noun.lower()
        arn = store.arn(f"{kind}-job", name)
        if name in self.records:
            raise ResourceInUse(
                f"{self.noun} job names must be unique within an AWS account and region, "
                f"and a {kind} job with this name already exists ({arn})"
            )
        self.records[name] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "_Arn": arn,
            f"{self.noun}JobArn": arn,
            f"{self.noun}JobStatus": "InProgress",
            "CreationTime": time.time(),
            "LastModifiedTime": time.time(),
            **members,
        }
        tags.put(arn, request.get("Tags", []))
        runner.begin(arn, partial(self.run, name), partial(self.fail, name))
        return {f"{self.noun}JobArn": arn}

    def describe(self, request: Record) -> Record:
        """Raises ValidationException where there is no such job."""
        name = request[f"{self.noun}JobName"]
        return store.find(self.records, name, ValidationException(self.missing.format(name=name)))

    def list(self, request: Record) -> Record:
        names = {"name": f"{self.noun}JobName", "status": f"{self.noun}JobStatus"}
        return page(self.records.values(), request, f"{self.noun}JobSummaries", **names)

    def stop(self, request: Record) -> Record:
        """Raises ValidationException for a job that has ended, or is about to."""
        record = self.describe(request)
        self._require(record, "InProgress")
        store.change(self.records, record[f"{self.noun}JobName"], **{f"{self.noun}JobStatus": "Stopping"})
        runner.stop(record["_Arn"])
        return {}

    def delete(self, request: Record) -> Record:
        """Raises ValidationException for a job that has not ended."""
        record = self.describe(request)
        self._require(record, "Completed", "Failed", "Stopped")
        del self.records[record[f"{self.noun}JobName"]]
        tags.forget(record["_Arn"])
        return {}

    def end(self, name: str, status: str, reason: str = "", **members: Any) -> None:
        """The job's last change."""
        given = {"FailureReason": reason} if reason else {}
        end = {f"{self.noun}JobStatus": status, f"{self.noun}EndTime": time.time()}
        store.change(self.records, name, **end, **given, **members)

    def recover(self) -> None:
        """After a restart: the server took the processes of running jobs with it."""
        for name, record in self.records.items():
            if record[f"{self.noun}JobStatus"] in _UNFINISHED:
                self.fail(name, _LOST)

    def _require(self, record: Record, *statuses: str) -> None:
        status = record[f"{self.noun}JobStatus"]
        if status not in statuses:
            raise ValidationException(
                f"The request was rejected because the {self.noun.lower()} job is in status {status}."
            )
