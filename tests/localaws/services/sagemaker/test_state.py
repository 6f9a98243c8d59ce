"""What is restored after a restart of the server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest


def _descendants(server: Any) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children(recursive=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_restores_endpoints_and_fails_running_jobs(
    start_localaws: Any,
    open_account: Callable[..., Any],
    eventually: Callable[..., Any],
    ended: Callable[[int], bool],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    with start_localaws(tmp_path) as server:
        account = open_account(server)
        model = account.train("model", answer="remembered")["ModelArtifacts"]["S3ModelArtifacts"]
        account.configure("e", model_data=model)
        account.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="e", Tags=[{"Key": "a", "Value": "1"}])
        assert account.wait_for_endpoint("e")["EndpointStatus"] == "InService"
        account.train("running", wait=False, behaviour="stubborn")
        eventually(lambda: "hanging" in account.log_lines("/aws/sagemaker/TrainingJobs", "running/"))
        account.model("batch")
        account.sagemaker.create_transform_job(**account.transform_request("batch", {"a": b"A", "b": b"hang"}))
        eventually(lambda: account.outputs("batch"))
        children = _descendants(server)
        assert len(children) >= 3
        server.process.send_signal(number)
        server.wait()
        assert all(ended(child.pid) for child in children)

    with start_localaws(tmp_path) as server:
        account = open_account(server)
        assert account.wait_for_endpoint("e")["EndpointStatus"] == "InService"
        assert account.invoke("e", b"?", Accept="text/plain") == b"remembered"
        arn = account.sagemaker.describe_endpoint(EndpointName="e")["EndpointArn"]
        assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
        assert account.sagemaker.describe_training_job(TrainingJobName="model")["TrainingJobStatus"] == "Completed"
        training = account.sagemaker.describe_training_job(TrainingJobName="running")
        batch = account.sagemaker.describe_transform_job(TransformJobName="batch")
        assert training["TrainingJobStatus"] == batch["TransformJobStatus"] == "Failed"
        lost = "InternalServerError: the local AWS stopped while the job ran"
        assert training["FailureReason"] == batch["FailureReason"] == lost
        assert not [name for name in os.listdir(tmp_path / "tmp") if "training" in name]


def test_an_endpoint_whose_model_was_deleted_fails_after_a_restart(
    start_localaws: Any, open_account: Callable[..., Any], tmp_path: Path
) -> None:
    with start_localaws(tmp_path) as server:
        account = open_account(server)
        model = account.train("model")["ModelArtifacts"]["S3ModelArtifacts"]
        account.configure("e", model_data=model)
        account.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="e")
        account.wait_for_endpoint("e")
        account.s3.delete_object(Bucket="toy-bucket", Key=model.removeprefix("s3://toy-bucket/"))
    with start_localaws(tmp_path) as server:
        endpoint = open_account(server).wait_for_endpoint("e")
        assert endpoint["EndpointStatus"] == "Failed"
        assert "model.tar.gz" in endpoint["FailureReason"]
