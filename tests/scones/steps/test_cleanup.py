"""Cleanup deletes all of the project and nothing of its neighbours."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from scones.contract.layout import TAG
from scones.errors import LeftBehindError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.inventory import inventory
from scones.steps.cleanup import cleanup
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
    """Create a model, its config and an endpoint of the toy image."""
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


def bystanders(localaws: Any) -> None:
    """Create a bucket, a function and an endpoint whose names begin like the project's."""
    localaws.client("s3").create_bucket(Bucket="tidy-neighbour")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("main.py", "def handler(event, context): return event")
    localaws.client("lambda").create_function(
        FunctionName="tidy-neighbour", Runtime="python3.13", Role=ROLE, Handler="main.handler",
        Code={"ZipFile": code.getvalue()}, Tags={TAG: "untidy"},
    )  # fmt: skip
    serve("tidy-neighbour", THEIRS, "tidy-neighbour", localaws)


def test_all_of_the_project_goes_and_the_neighbours_stay(project: dict[str, str], localaws: Any) -> None:
    bystanders(localaws)
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


def test_a_transform_job_is_stopped_and_is_ours_no_more(project: dict[str, str], localaws: Any) -> None:
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


def test_listing_touches_nothing(project: dict[str, str], localaws: Any) -> None:
    before = list(inventory(SETTINGS, client=localaws.client))
    assert before == list(inventory(SETTINGS, client=localaws.client)) != []


def test_what_cannot_be_deleted_is_named(project: dict[str, str], localaws: Any) -> None:
    topic = localaws.client("sns").create_topic(Name="by-hand", Tags=OURS)["TopicArn"]
    try:
        with pytest.raises(LeftBehindError, match=topic) as caught:
            cleanup(SETTINGS, client=localaws.client, progress=Progress(), sleep=lambda seconds: None)
        assert caught.value.left == [f"tagged {topic}"]
    finally:
        localaws.client("sns").delete_topic(TopicArn=topic)


def test_an_account_without_the_project_is_clean_already(localaws: Any) -> None:
    assert cleanup(Settings(project="never-there"), client=localaws.client, progress=Progress()) == []
