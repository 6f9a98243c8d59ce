"""Step Functions tasks that call SageMaker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/service-role/toy"
OPTIMIZED = "arn:aws:states:::sagemaker:"
AWS_SDK = "arn:aws:states:::aws-sdk:sagemaker:"


def _run(account: Any, name: str, resource: str, parameters: dict[str, Any]) -> Callable[[], Any]:
    """Start a machine of one task; gives the function that describes its execution."""
    task = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    definition = json.dumps({"StartAt": "Task", "States": {"Task": task}})
    machine = account.stepfunctions.create_state_machine(name=name, definition=definition, roleArn=ROLE)
    execution = account.stepfunctions.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    return lambda: account.stepfunctions.describe_execution(executionArn=execution)


@pytest.fixture
def run(account: Any, name: str, eventually: Callable[..., Any]) -> Callable[..., Any]:
    """The ended execution of a machine of one task."""

    def ended(resource: str, parameters: dict[str, Any]) -> Any:
        describe = _run(account, f"{name}-{resource.rsplit(':', 1)[1].replace('.', '-')}", resource, parameters)
        return eventually(lambda: (found := describe())["status"] != "RUNNING" and found)

    return ended


def test_sync_waits_for_a_training_job_and_returns_its_description(
    account: Any, name: str, run: Callable[..., Any]
) -> None:
    execution = run(f"{OPTIMIZED}createTrainingJob.sync", account.training_request(name))
    assert execution["status"] == "SUCCEEDED"
    job = json.loads(execution["output"])
    assert job["TrainingJobStatus"] == "Completed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith(f"{name}/output/model.tar.gz")
    assert isinstance(job["CreationTime"], int)
    tags = account.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"} in tags


def test_sync_of_a_failed_job_has_its_description_as_cause(account: Any, name: str, run: Callable[..., Any]) -> None:
    execution = run(f"{OPTIMIZED}createTrainingJob.sync", account.training_request(name, behaviour="crash"))
    assert execution["status"] == "FAILED"
    assert execution["error"] == "States.TaskFailed"
    assert "learning rate is a fish" in json.loads(execution["cause"])["FailureReason"]


def test_sync_waits_for_a_processing_job(account: Any, name: str, run: Callable[..., Any]) -> None:
    execution = run(f"{OPTIMIZED}createProcessingJob.sync", account.processing_request(name))
    assert json.loads(execution["output"])["ExitMessage"] == "looked at everything"


def test_sync_waits_for_a_transform_job(account: Any, name: str, run: Callable[..., Any]) -> None:
    account.model(name)
    execution = run(f"{OPTIMIZED}createTransformJob.sync", account.transform_request(name, {"a": b"A"}))
    assert json.loads(execution["output"])["TransformJobStatus"] == "Completed"
    assert account.outputs(name) == {"a.out": b"A"}


def test_without_sync_the_task_ends_at_once(account: Any, name: str, run: Callable[..., Any]) -> None:
    execution = run(f"{OPTIMIZED}createTrainingJob", account.training_request(name))
    assert json.loads(execution["output"]) == {
        "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{name}"
    }
    account.wait_for_training(name)


def test_stopping_the_execution_stops_its_job(account: Any, name: str, eventually: Callable[..., Any]) -> None:
    describe = _run(
        account, name, f"{OPTIMIZED}createTrainingJob.sync", account.training_request(name, behaviour="hang")
    )
    jobs = account.sagemaker.list_training_jobs
    eventually(lambda: jobs(NameContains=name)["TrainingJobSummaries"])
    account.stepfunctions.stop_execution(executionArn=describe()["executionArn"])
    assert account.wait_for_training(name)["TrainingJobStatus"] == "Stopped"


def test_a_model_is_deployed_step_by_step(account: Any, name: str, run: Callable[..., Any]) -> None:
    container = {"Image": "toy"}
    model = {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE}
    assert json.loads(run(f"{OPTIMIZED}createModel", model)["output"])["ModelArn"]
    variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    config = {"EndpointConfigName": name, "ProductionVariants": [variant]}
    assert json.loads(run(f"{OPTIMIZED}createEndpointConfig", config)["output"])["EndpointConfigArn"]
    endpoint = {"EndpointName": name, "EndpointConfigName": name}
    assert json.loads(run(f"{OPTIMIZED}createEndpoint", endpoint)["output"])["EndpointArn"]
    account.wait_for_endpoint(name)
    described = json.loads(run(f"{AWS_SDK}describeEndpoint", {"EndpointName": name})["output"])
    assert described["EndpointStatus"] == "InService"
    assert described["CreationTime"].endswith("Z")
    assert json.loads(run(f"{OPTIMIZED}updateEndpoint", endpoint)["output"])["EndpointArn"]


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        (f"{OPTIMIZED}updateEndpoint", "SageMaker.AmazonSageMakerException"),
        (f"{AWS_SDK}updateEndpoint", "SageMaker.SageMakerException"),
    ],
)
def test_a_validation_error_has_the_generic_name_of_its_sdk(
    name: str, run: Callable[..., Any], resource: str, error: str
) -> None:
    execution = run(resource, {"EndpointName": name, "EndpointConfigName": name})
    assert execution["error"] == error
    assert "Could not find endpoint" in execution["cause"]


@pytest.mark.parametrize("prefix", [OPTIMIZED, AWS_SDK])
def test_an_error_of_the_api_has_its_own_name(account: Any, name: str, run: Callable[..., Any], prefix: str) -> None:
    account.train(name)
    execution = run(f"{prefix}createTrainingJob", account.training_request(name))
    assert execution["error"] == "SageMaker.ResourceInUseException"
