"""Jobs as resources: the operations that training, processing and transform jobs share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from localaws.services.sagemaker import store, tags
from localaws.services.sagemaker.errors import ResourceInUse
from localaws.services.sagemaker.jobs import runner
from localaws.services.sagemaker.jobs.runner import Job
from localaws.services.sagemaker.listing import page
from localaws.services.sagemaker.store import Record, Store
from localaws.wire import ValidationException

_UNFINISHED = ("InProgress", "Stopping")
_SERVER_STOPPED = "InternalServerError: the local AWS stopped while the job ran"


@dataclass(frozen=True)
class JobKind:
    """A type of job: its records, and the functions that run it.

    `noun` is the prefix of its members' names (TransformJobName) and `missing` AWS's message if a job does not exist.
    `run` does a job's work on a thread, and `fail` ends its record with a reason; both receive the job's name.
    """

    noun: str
    records: Store
    missing: str
    run: Callable[[str, Job], None]
    fail: Callable[[str, str], None]

    def create(self, request: Record, **members: object) -> Record:
        """Start a job, with `members` in its record. Raises ResourceInUse if the name is taken."""
        name = request[f"{self.noun}JobName"]
        kind = self.noun.lower()
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
        runner.start(arn, partial(self.run, name), partial(self.fail, name))
        return {f"{self.noun}JobArn": arn}

    def describe(self, request: Record) -> Record:
        """Describe a job. Raises ValidationException if it does not exist."""
        name = request[f"{self.noun}JobName"]
        return store.find(self.records, name, ValidationException(self.missing.format(name=name)))

    def list(self, request: Record) -> Record:
        """Return one page of jobs."""
        names = {"name": f"{self.noun}JobName", "status": f"{self.noun}JobStatus"}
        return page(self.records.values(), request, f"{self.noun}JobSummaries", **names)

    def stop(self, request: Record) -> Record:
        """Stop a job. Raises ValidationException if it does not exist or is not in progress."""
        record = self.describe(request)
        # A second stop is an error on AWS too.
        self._require_status(record, "InProgress")
        store.change(self.records, record[f"{self.noun}JobName"], **{f"{self.noun}JobStatus": "Stopping"})
        runner.stop(record["_Arn"])
        return {}

    def delete(self, request: Record) -> Record:
        """Delete a job. Raises ValidationException if it does not exist or has not ended."""
        record = self.describe(request)
        self._require_status(record, "Completed", "Failed", "Stopped")
        del self.records[record[f"{self.noun}JobName"]]
        tags.forget(record["_Arn"])
        return {}

    def end(self, name: str, status: str, reason: str = "", **members: object) -> None:
        """Record how a job ended: its final status, and FailureReason if there is a `reason`."""
        failure = {"FailureReason": reason} if reason else {}
        end = {f"{self.noun}JobStatus": status, f"{self.noun}EndTime": time.time()}
        store.change(self.records, name, **end, **failure, **members)

    def recover(self) -> None:
        """Fail the jobs that were running before a restart of the server, which ended their processes."""
        for name, record in self.records.items():
            if record[f"{self.noun}JobStatus"] in _UNFINISHED:
                self.fail(name, _SERVER_STOPPED)

    def _require_status(self, record: Record, *statuses: str) -> None:
        status = record[f"{self.noun}JobStatus"]
        if status not in statuses:
            raise ValidationException(
                f"The request was rejected because the {self.noun.lower()} job is in status {status}."
            )
