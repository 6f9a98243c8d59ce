"""Transform jobs, from their request to their outputs in S3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

GROUP = "/aws/sagemaker/TransformJobs"


def test_every_object_below_the_prefix_has_an_output_of_its_name(account: Any, name: str) -> None:
    job = account.transform(name, {"a.txt": b"A", "deep/b.txt": b"B", "folder/": b""})
    assert job["TransformJobStatus"] == "Completed"
    assert account.outputs(name) == {"a.txt.out": b"A", "deep/b.txt.out": b"B"}
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert job["ModelName"] == name
    assert "_Container" not in job


def test_as_many_objects_as_allowed_are_sent_at_once(account: Any, name: str) -> None:
    records = {str(index): b"meet" for index in range(8)}
    job = account.transform(name, records, MaxConcurrentTransforms=2)
    assert job["TransformJobStatus"] == "Completed"
    assert set(account.outputs(name).values()) == {b"2"}


def test_a_container_that_ends_fails_the_job(account: Any, name: str) -> None:
    job = account.transform(name, {"a": b"die", "b": b"B"})
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"


def test_a_container_that_does_not_start_fails_the_job_and_is_logged(account: Any, name: str) -> None:
    account.model(name, TOY_BEHAVIOUR="exit")
    account.sagemaker.create_transform_job(**account.transform_request(name, {"a": b"A"}))
    job = account.wait_for_transform(name)
    assert job["FailureReason"] == "AlgorithmError: Model container failed to respond to ping"
    assert any("no model for you" in line for line in account.log_lines(GROUP, name))


def test_a_prefix_without_objects_fails_the_job(account: Any, name: str) -> None:
    assert "no S3 objects found" in account.transform(name, {})["FailureReason"]


def test_a_job_can_be_stopped_and_leaves_no_output(account: Any, name: str, eventually: Callable[..., Any]) -> None:
    account.model(name)
    request = account.transform_request(name, {"a": b"A", "b": b"hang", "c": b"C"})
    account.sagemaker.create_transform_job(**request)
    eventually(lambda: account.outputs(name))
    account.sagemaker.stop_transform_job(TransformJobName=name)
    job = account.wait_for_transform(name)
    assert job["TransformJobStatus"] == "Stopped"
    assert not account.outputs(name)
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="transform job is in status Stopped"):
        account.sagemaker.stop_transform_job(TransformJobName=name)


def test_a_job_that_is_stopped_while_its_container_starts_is_stopped(account: Any, name: str) -> None:
    account.model(name, TOY_BEHAVIOUR="unhealthy")
    account.sagemaker.create_transform_job(**account.transform_request(name, {"a": b"A"}))
    account.sagemaker.stop_transform_job(TransformJobName=name)
    assert account.wait_for_transform(name)["TransformJobStatus"] == "Stopped"


def test_the_model_may_be_deleted_while_its_job_runs(account: Any, name: str) -> None:
    account.model(name)
    account.sagemaker.create_transform_job(**account.transform_request(name, {"a": b"slow"}))
    account.sagemaker.delete_model(ModelName=name)
    assert account.wait_for_transform(name)["TransformJobStatus"] == "Completed"


def test_jobs_are_listed_tagged_and_named_once(account: Any, name: str) -> None:
    job = account.transform(name, {"a": b"A"}, Tags=[{"Key": "k", "Value": "v"}])
    (found,) = account.sagemaker.list_transform_jobs(NameContains=name, StatusEquals="Completed")[
        "TransformJobSummaries"
    ]
    assert found["TransformJobName"] == name
    assert account.sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    with pytest.raises(account.sagemaker.exceptions.ResourceInUse, match="Transform job names must be unique"):
        account.sagemaker.create_transform_job(**account.transform_request(name, {}))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"TransformInput": {"SplitType": "RecordIO"}}, "TransformInput.SplitType='RecordIO' is not implemented"),
        ({"TransformInput": {"CompressionType": "Gzip"}}, "CompressionType='Gzip' is not implemented"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "JoinSource='Input' is not implemented"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://b/c"}}, "DataCaptureConfig is not implemented"),
        ({"MaxPayloadInMB": 0}, "MaxPayloadInMB=0, for chunked requests, is not implemented"),
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "must not exceed 100 MB"),
        ({"ModelName": "nobody"}, "Could not find model"),
    ],
)
def test_options_that_are_not_implemented_are_refused_by_name(
    account: Any, name: str, members: dict[str, Any], message: str
) -> None:
    account.model(name)
    with pytest.raises(account.sagemaker.exceptions.ClientError, match=message):
        account.sagemaker.create_transform_job(**account.transform_request(name, {"a": b"A"}, **members))


def test_a_manifest_is_refused(account: Any, name: str) -> None:
    account.model(name)
    request = account.transform_request(name, {"a": b"A"})
    request["TransformInput"]["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="S3DataType='ManifestFile' is not implemented"):
        account.sagemaker.create_transform_job(**request)
