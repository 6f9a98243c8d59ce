"""How single kinds of resources are deleted, against a service that changes meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scones.errors import DeletionError
from scones.settings import Settings
from scones.steps.account.deletion import DELETE, Account, stop_arrivals


@dataclass
class EndingJob:
    """SageMaker with one job of a kind, which ends by itself after it was described and before it is stopped."""

    kind: str
    statuses: list[str] = field(default_factory=lambda: ["InProgress", "Completed"])
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, operation: str) -> Any:
        return lambda **_: self.answer(operation)

    def answer(self, operation: str) -> dict[str, Any]:
        self.calls.append(operation)
        if operation.startswith("stop_"):
            message = "The request was rejected because the job is in status Completed."
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "StopJob")
        noun = f"{self.kind.title()}Job"
        return {f"{noun}Status": self.statuses.pop(0), f"{noun}Arn": "arn"} if operation.startswith("desc") else {}


@pytest.mark.parametrize(
    ("kind", "last"),
    [("training", "delete_training_job"), ("processing", "delete_processing_job"), ("transform", "delete_tags")],
)
def test_a_job_that_ends_just_before_it_is_stopped_is_deleted(kind: str, last: str) -> None:
    sagemaker = EndingJob(kind)
    DELETE[f"{kind} job"]("job", Account(lambda service: sagemaker, lambda seconds: None))
    described = f"describe_{kind}_job"
    assert sagemaker.calls == [described, f"stop_{kind}_job", described, last]


@dataclass
class Policies:
    """IAM, whose listing names a policy that is gone."""

    iam: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.iam, name)

    def list_role_policies(self, **_: Any) -> Any:
        return {"PolicyNames": ["gone"]}


def test_a_role_is_deleted_although_one_of_its_policies_is_gone_already(localaws: Any) -> None:
    iam = localaws.client("iam")
    iam.create_role(RoleName="twice", AssumeRolePolicyDocument="{}")
    policies = Policies(iam)
    DELETE["role"]("twice", Account(lambda service: policies, lambda seconds: None))
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName="twice")


class FillingBucket:
    """S3 with a bucket that is never empty; `keys` are what is written to it."""

    def __init__(self) -> None:
        self.written = 0

    def get_paginator(self, operation: str) -> Any:
        return self if operation == "list_object_versions" else Nothing()

    def paginate(self, **_: Any) -> Any:
        self.written += 1
        yield {"Versions": [{"Key": f"arrivals/{self.written}.png", "VersionId": "1"}]}

    def delete_objects(self, **_: Any) -> Any:
        return {}

    def delete_bucket(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "BucketNotEmpty", "Message": "not empty"}}, "DeleteBucket")


class Nothing:
    """A paginator of an empty listing."""

    def paginate(self, **_: Any) -> Any:
        return [{}]


def test_a_bucket_that_never_stays_empty_is_given_up_with_its_last_object() -> None:
    slept: list[float] = []
    s3 = FillingBucket()
    with pytest.raises(DeletionError, match=r"last object being arrivals/120\.png; stop what uploads"):
        DELETE["bucket"]("depot", Account(lambda service: s3, slept.append))
    # Longer than a function may run, so that none of them is what writes.
    assert sum(slept) > 90


def test_a_rule_that_does_not_exist_is_stopped_already(localaws: Any) -> None:
    stop_arrivals(Settings(project="never-there"), Account(localaws.client, lambda seconds: None))
