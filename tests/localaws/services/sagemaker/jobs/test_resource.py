"""The operations that all types of jobs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localaws.services.sagemaker.errors import ResourceInUse
from localaws.services.sagemaker.jobs.resource import JobKind
from localaws.services.sagemaker.jobs.runner import Job
from localaws.wire import ValidationException


def test_a_name_is_used_once(account: Any, name: str) -> None:
    account.sagemaker.create_processing_job(**account.processing_request(name))
    with pytest.raises(account.sagemaker.exceptions.ResourceInUse, match="already exists"):
        account.sagemaker.create_processing_job(**account.processing_request(name))
    account.wait_for_processing(name)


def test_jobs_are_listed_by_name_and_status(account: Any, name: str) -> None:
    for index in range(3):
        account.train(f"{name}-{index}")
    pages = account.sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=name, StatusEquals="Completed", SortBy="Name", SortOrder="Ascending", MaxResults=2
    )
    found = [[job["TrainingJobName"] for job in page["TrainingJobSummaries"]] for page in pages]
    assert found == [[f"{name}-0", f"{name}-1"], [f"{name}-2"]]
    assert not account.sagemaker.list_training_jobs(NameContains=name, StatusEquals="Failed")["TrainingJobSummaries"]


def test_a_name_is_used_once_until_the_job_is_deleted(account: Any, name: str) -> None:
    account.train(name)
    with pytest.raises(account.sagemaker.exceptions.ResourceInUse, match="already exists"):
        account.train(name, wait=False)
    account.sagemaker.delete_training_job(TrainingJobName=name)
    with pytest.raises(account.sagemaker.exceptions.ClientError, match=r"ValidationException.*resource not found"):
        account.sagemaker.describe_training_job(TrainingJobName=name)


@pytest.fixture
def kind() -> JobKind:
    """A type of job that runs no container."""
    records: dict[str, Any] = {}

    def run(name: str, job: Job) -> None:
        job.stopping.wait(60)
        resource.end(name, "Stopped" if job.stopping.is_set() else "Completed")

    def fail(name: str, reason: str) -> None:
        resource.end(name, "Failed", reason)

    resource = JobKind("Transform", records, "no job {name}", run, fail)
    return resource


def test_a_job_runs_until_it_is_stopped(kind: JobKind, name: str, eventually: Callable[..., Any]) -> None:
    request = {"TransformJobName": name}
    kind.create(request, Extra=1)
    record = kind.describe(request)
    assert (record["TransformJobStatus"], record["Extra"]) == ("InProgress", 1)
    with pytest.raises(ResourceInUse, match="Transform job names must be unique"):
        kind.create(request)
    with pytest.raises(ValidationException, match="transform job is in status InProgress"):
        kind.delete(request)
    kind.stop(request)
    eventually(lambda: kind.describe(request)["TransformJobStatus"] == "Stopped")
    kind.delete(request)
    with pytest.raises(ValidationException, match=f"no job {name}"):
        kind.describe(request)


def test_recovery_fails_only_the_jobs_that_were_running(kind: JobKind) -> None:
    kind.records["running"] = {"TransformJobStatus": "InProgress"}
    kind.records["done"] = {"TransformJobStatus": "Completed"}
    kind.recover()
    assert kind.records["running"]["TransformJobStatus"] == "Failed"
    assert kind.records["running"]["FailureReason"].startswith("InternalServerError")
    assert kind.records["done"] == {"TransformJobStatus": "Completed"}
