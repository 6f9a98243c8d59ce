"""Cleanup deletes everything of the project and nothing of others."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scones.contract.layout import TAG
from scones.errors import LeftBehindError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.inventory import inventory
from scones.steps.cleanup import DELETE, Account, cleanup
from scones.steps.deploy import deploy

SETTINGS = Settings(project="tidy")
OURS = [{"Key": TAG, "Value": "tidy"}]
THEIRS = [{"Key": TAG, "Value": "untidy"}]
ROLE = "arn:aws:iam::000000000000:role/sagemaker"


@pytest.fixture
def project(localaws: Any) -> Iterator[Any]:
    outputs = deploy(
        SETTINGS, cloudformation=localaws.client("cloudformation"), s3=localaws.client("s3"), progress=Progress()
    )
    yield outputs
    cleanup(SETTINGS, client=localaws.client, progress=Progress())


def serve(name: str, tags: list[dict[str, str]], bucket: str, localaws: Any) -> None:
    """Create a model, an endpoint config and an endpoint of the toy image."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz"):
        pass
    localaws.client("s3").put_object(Bucket=bucket, Key="models/model.tar.gz", Body=packed.getvalue())
    sagemaker = localaws.client("sagemaker")
    container = {"Image": "toy:latest", "ModelDataUrl": f"s3://{bucket}/models/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE, Tags=tags)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=tags)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})


def create_neighbours(localaws: Any) -> None:
    """Create a bucket, a function and an endpoint of another project whose names start with this project's."""
    localaws.client("s3").create_bucket(Bucket="tidy-neighbour")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("main.py", "def handler(event, context): return event")
    localaws.client("lambda").create_function(
        FunctionName="tidy-neighbour", Runtime="python3.13", Role=ROLE, Handler="main.handler",
        Code={"ZipFile": code.getvalue()}, Tags={TAG: "untidy"},
    )  # fmt: skip
    serve("tidy-neighbour", THEIRS, "tidy-neighbour", localaws)


def test_everything_of_the_project_is_deleted_and_nothing_else(project: dict[str, str], localaws: Any) -> None:
    create_neighbours(localaws)
    serve("tidy", OURS, project["Bucket"], localaws)
    s3 = localaws.client("s3")
    for body in (b"first", b"second"):
        s3.put_object(Bucket=project["Bucket"], Key="data/versioned", Body=body)
    s3.delete_object(Bucket=project["Bucket"], Key="data/versioned")
    s3.create_multipart_upload(Bucket=project["Bucket"], Key="data/unfinished")
    planned = {resource.kind for resource in inventory(SETTINGS, client=localaws.client)}

    deleted = cleanup(SETTINGS, client=localaws.client, progress=Progress())

    assert {"endpoint", "endpoint config", "model", "bucket", "stack", "function", "state machine", "role"} <= planned
    assert {"endpoint", "endpoint config", "model", "bucket", "stack"} <= {resource.kind for resource in deleted}
    assert list(inventory(SETTINGS, client=localaws.client)) == []
    s3.head_bucket(Bucket="tidy-neighbour")
    localaws.client("lambda").get_function(FunctionName="tidy-neighbour")
    status = localaws.client("sagemaker").describe_endpoint(EndpointName="tidy-neighbour")["EndpointStatus"]
    assert status == "InService"


def test_a_transform_job_is_stopped_and_untagged(project: dict[str, str], localaws: Any) -> None:
    serve("tidy", OURS, project["Bucket"], localaws)
    localaws.client("s3").put_object(Bucket=project["Bucket"], Key="classifications/in/1", Body=b"hang")
    place, sagemaker = f"s3://{project['Bucket']}/classifications", localaws.client("sagemaker")
    sagemaker.create_transform_job(
        TransformJobName="tidy-20260101-000001-01234567-1",
        ModelName="tidy",
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{place}/in/"}}},
        TransformOutput={"S3OutputPath": f"{place}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        Tags=OURS,
    )
    deleted = cleanup(SETTINGS, client=localaws.client, progress=Progress())
    assert {"transform job", "log stream"} <= {resource.kind for resource in deleted}
    job = sagemaker.describe_transform_job(TransformJobName="tidy-20260101-000001-01234567-1")
    assert job["TransformJobStatus"] == "Stopped"


def test_listing_changes_nothing(project: dict[str, str], localaws: Any) -> None:
    before = list(inventory(SETTINGS, client=localaws.client))
    assert before == list(inventory(SETTINGS, client=localaws.client)) != []


def test_a_resource_that_cannot_be_deleted_is_named(project: dict[str, str], localaws: Any) -> None:
    topic = localaws.client("sns").create_topic(Name="by-hand", Tags=OURS)["TopicArn"]
    try:
        with pytest.raises(LeftBehindError, match=topic) as caught:
            cleanup(SETTINGS, client=localaws.client, progress=Progress(), sleep=lambda seconds: None)
        assert caught.value.left == [f"tagged {topic}"]
    finally:
        localaws.client("sns").delete_topic(TopicArn=topic)


def test_an_account_without_the_project_is_already_clean(localaws: Any) -> None:
    assert cleanup(Settings(project="never-there"), client=localaws.client, progress=Progress()) == []


@dataclass
class Wrapped:
    """A client in front of another one: answers some operations itself."""

    client: Any
    answers: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return self.answers.get(name) or getattr(self.client, name)


def test_an_endpoint_that_never_stops_updating_is_named(project: dict[str, str], localaws: Any) -> None:
    serve("tidy", OURS, project["Bucket"], localaws)
    sagemaker = Wrapped(localaws.client("sagemaker"), {"describe_endpoint": lambda **_: {"EndpointStatus": "Updating"}})
    slept: list[float] = []

    def client(service: str) -> Any:
        return sagemaker if service == "sagemaker" else localaws.client(service)

    with pytest.raises(LeftBehindError, match="endpoint tidy is still Updating after 60 minutes") as caught:
        cleanup(SETTINGS, client=client, progress=Progress(), sleep=slept.append)
    assert sum(slept) == 3600
    # What the endpoint uses is left alone, too.
    assert {"endpoint tidy", "endpoint config tidy", "model tidy"} <= set(caught.value.left)


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
