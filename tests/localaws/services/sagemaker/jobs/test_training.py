"""Training jobs, from their request to their model in S3."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest


def _archive(body: bytes) -> tarfile.TarFile:
    return tarfile.open(fileobj=BytesIO(body), mode="r:gz")


def test_a_job_that_succeeds_uploads_its_model_and_output(account: Any, name: str) -> None:
    for key in ("a/1.txt", "a/2.txt", "b/1.txt"):
        account.put(f"{name}/train/{key}")
    request = account.training_request(name, answer="42")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://toy-bucket/{name}/train"}
    request["InputDataConfig"] = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    request["Environment"] = {"COLOUR": "red"}
    account.sagemaker.create_training_job(**request)
    job = account.wait_for_training(name)

    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    statuses = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] >= 1
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert model == f"s3://toy-bucket/models/{name}/output/model.tar.gz"
    with _archive(account.get(model)) as archive:
        assert sorted(archive.getnames()) == ["answer.txt", "seen.json"]
        report = json.load(archive.extractfile("seen.json"))
    with _archive(account.get(model.replace("model.tar.gz", "output.tar.gz"))) as archive:
        assert archive.getnames() == ["curve.txt"]
    channel = "input/data/train"
    assert [file for file in report["files"] if file.startswith(channel)] == [
        f"{channel}/a/1.txt",
        f"{channel}/a/2.txt",
        f"{channel}/b/1.txt",
    ]
    assert report["hyperparameters"] == {"answer": "42"}
    assert report["inputdataconfig"]["train"]["TrainingInputMode"] == "File"
    assert report["resourceconfig"]["hosts"] == ["algo-1"]
    environment = report["environment"]
    assert environment["TRAINING_JOB_NAME"] == name
    assert environment["COLOUR"] == "red"
    assert not [key for key in environment if key.startswith("SM_") or key in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")]


def test_log_lines_reach_cloudwatch_and_metrics_are_parsed(account: Any, name: str) -> None:
    request = account.training_request(name)
    metric = {"Name": "loss", "Regex": r"loss=([0-9.]+)"}
    request["AlgorithmSpecification"]["MetricDefinitions"] = [metric, {"Name": "none", "Regex": "never=(.*)"}]
    account.sagemaker.create_training_job(**request)
    job = account.wait_for_training(name)

    assert [(found["MetricName"], found["Value"]) for found in job["FinalMetricDataList"]] == [("loss", 0.25)]
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = account.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    assert stream["logStreamName"].startswith(f"{name}/algo-1-")
    assert account.log_lines(group, f"{name}/") == ["loss=0.5", "loss=0.25", "nothing to see"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("crash", "AlgorithmError: the learning rate is a fish, exit code: 3"),
        ("die", "AlgorithmError: loss=0.5\nlast words, exit code: 1"),
    ],
)
def test_a_job_that_exits_with_an_error_fails_with_its_own_reason(
    account: Any, name: str, behaviour: str, reason: str
) -> None:
    job = account.train(name, behaviour=behaviour)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"] == reason


def test_a_job_without_data_fails_and_never_runs(account: Any, name: str) -> None:
    request = account.training_request(name)
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://toy-bucket/nowhere/"}
    request["InputDataConfig"] = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    account.sagemaker.create_training_job(**request)
    job = account.wait_for_training(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "s3://toy-bucket/nowhere/" in job["FailureReason"]
    assert "Training" not in [transition["Status"] for transition in job["SecondaryStatusTransitions"]]


def test_a_job_of_an_unknown_image_fails_and_names_the_known_ones(account: Any, name: str) -> None:
    request = account.training_request(name)
    request["AlgorithmSpecification"]["TrainingImage"] = "1.dkr.ecr.us-east-1.amazonaws.com/unheard-of:1"
    account.sagemaker.create_training_job(**request)
    reason = account.wait_for_training(name)["FailureReason"]
    assert "unheard-of" in reason
    assert "toy" in reason


def test_a_stopped_job_keeps_the_files_it_wrote(account: Any, name: str, eventually: Callable[..., Any]) -> None:
    account.train(name, wait=False, behaviour="hang")
    eventually(lambda: "hanging" in account.log_lines("/aws/sagemaker/TrainingJobs", f"{name}/"))
    account.sagemaker.stop_training_job(TrainingJobName=name)
    job = account.wait_for_training(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    with _archive(account.get(job["ModelArtifacts"]["S3ModelArtifacts"])) as archive:
        assert archive.getnames() == ["partial.txt"]
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="is in status Stopped"):
        account.sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_that_runs_too_long_is_stopped(account: Any, name: str) -> None:
    request = account.training_request(name, behaviour="hang")
    request["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    account.sagemaker.create_training_job(**request)
    job = account.wait_for_training(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


@pytest.mark.parametrize("member", ["ResourceConfig", "StoppingCondition", "AlgorithmSpecification"])
def test_members_required_beyond_the_model_are_required(account: Any, name: str, member: str) -> None:
    request = account.training_request(name)
    del request[member]
    with pytest.raises(account.sagemaker.exceptions.ClientError, match=rf"(?i)ValidationException.*'{member}"):
        account.sagemaker.create_training_job(**request)


def test_a_member_that_would_be_ignored_is_refused_by_name(account: Any, name: str) -> None:
    request = account.training_request(name)
    request["ResourceConfig"]["InstanceCount"] = 2
    with pytest.raises(account.sagemaker.exceptions.ClientError, match=r"ResourceConfig.InstanceCount=2 is not impl"):
        account.sagemaker.create_training_job(**request)


def test_a_job_leaves_no_files_on_disk(account: Any, name: str, eventually: Callable[..., Any]) -> None:
    account.train(name)
    eventually(lambda: not list((account.server.state / "tmp").glob("sagemaker-training-*")))


def test_checkpoints_are_downloaded_and_uploaded(account: Any, name: str) -> None:
    request = account.training_request(name)
    account.put(f"{name}/checkpoints/3.txt")
    request["CheckpointConfig"] = {"S3Uri": f"s3://toy-bucket/{name}/checkpoints"}
    account.sagemaker.create_training_job(**request)
    assert account.wait_for_training(name)["TrainingJobStatus"] == "Completed"
    assert account.get(f"s3://toy-bucket/{name}/checkpoints/after-3.txt") == b"next"
