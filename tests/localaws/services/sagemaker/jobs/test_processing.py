"""Processing jobs, from their request to their outputs in S3."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_a_job_reads_its_inputs_and_its_outputs_are_uploaded(account: Any, name: str) -> None:
    account.sagemaker.create_processing_job(**account.processing_request(name))
    job = account.wait_for_processing(name)
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ExitMessage"] == "looked at everything"
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    report = json.loads(account.get(f"s3://toy-bucket/{name}/report.json"))
    assert report == {"inputs": ["a.txt"], "job": name, "name": name}


def test_a_job_that_exits_with_an_error_fails_and_uploads_no_output(account: Any, name: str) -> None:
    account.sagemaker.create_processing_job(**account.processing_request(name, "crash"))
    job = account.wait_for_processing(name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: looked at everything, exit code: 4"
    assert account.s3.list_objects_v2(Bucket="toy-bucket", Prefix=f"{name}/")["KeyCount"] == 0


def test_a_job_can_be_stopped_and_only_then_deleted(account: Any, name: str) -> None:
    account.sagemaker.create_processing_job(**account.processing_request(name, "hang"))
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="is in status InProgress"):
        account.sagemaker.delete_processing_job(ProcessingJobName=name)
    account.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert account.wait_for_processing(name)["ProcessingJobStatus"] == "Stopped"
    account.sagemaker.delete_processing_job(ProcessingJobName=name)
    assert not account.sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]


def test_a_path_outside_opt_ml_fails_the_job(account: Any, name: str) -> None:
    request = account.processing_request(name)
    request["ProcessingInputs"][0]["S3Input"]["LocalPath"] = "/opt/ml/../../etc"
    account.sagemaker.create_processing_job(**request)
    assert "not below /opt/ml" in account.wait_for_processing(name)["FailureReason"]
