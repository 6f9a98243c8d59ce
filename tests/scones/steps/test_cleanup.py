"""Cleanup deletes everything of the project and nothing of others."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from scones.contract.layout import TAG
from scones.errors import LeftBehindError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.inventory import inventory
from scones.steps.cleanup import DELETE, Account, cleanup
from scones.steps.deploy import deploy

from .conftest import Notes

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


class Forgetful:
    """The clients of an account where the first answer to every call of these operations is lost."""

    def __init__(self, client: Any, *operations: str) -> None:
        self.client = client
        self.operations = set(operations)

    def __call__(self, service: str) -> Any:
        return Wrapped(self.client(service), {name: self._lose(service, name) for name in self.operations})

    def _lose(self, service: str, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            answer = getattr(self.client(service), operation)(**arguments)
            if operation in self.operations:
                self.operations.remove(operation)
                raise ConnectionClosedError(endpoint_url="http://127.0.0.1:1")
            return answer

        return call


def test_lost_answers_leave_nothing_behind(project: dict[str, str], localaws: Any) -> None:
    serve("tidy", OURS, project["Bucket"], localaws)
    operations = ("delete_endpoint", "delete_endpoint_config", "delete_model", "delete_objects", "delete_bucket")
    lossy = Forgetful(localaws.client, *operations, "delete_stack", "delete_log_group")
    notes = Notes()
    cleanup(SETTINGS, client=lossy, progress=notes, sleep=lambda seconds: None)
    assert list(inventory(SETTINGS, client=localaws.client)) == []
    # No log group was made: its functions were never invoked.
    assert (len(notes.noted), lossy.operations) == (1, {"delete_log_group"})


def test_a_role_is_deleted_although_one_of_its_policies_is_gone_already(localaws: Any) -> None:
    iam = localaws.client("iam")
    iam.create_role(RoleName="twice", AssumeRolePolicyDocument="{}")
    policies = Wrapped(iam, {"list_role_policies": lambda **_: {"PolicyNames": ["gone"]}})
    DELETE["role"]("twice", Account(lambda service: policies, lambda seconds: None))
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName="twice")


def test_a_stack_that_was_only_planned_is_cleaned_up(localaws: Any) -> None:
    template = '{"Resources": {"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/half"}}}}'
    cloudformation = localaws.client("cloudformation")
    cloudformation.create_change_set(
        StackName="half-workflow",
        ChangeSetName="c",
        ChangeSetType="CREATE",
        TemplateBody=template,
        Tags=[{"Key": TAG, "Value": "half"}],
    )
    deleted = cleanup(Settings(project="half"), client=localaws.client, progress=Progress())
    assert [(resource.kind, resource.id) for resource in deleted] == [("stack", "half-workflow")]


def test_a_tagged_resource_that_only_the_tagging_api_lists_is_not_left_behind(localaws: Any) -> None:
    class Late:
        """The tagging API some minutes after a deletion."""

        def get_paginator(self, operation: str) -> Any:
            return self

        def paginate(self, **arguments: Any) -> Any:
            return [{"ResourceTagMappingList": [{"ResourceARN": "arn:aws:s3:::never-there-bucket"}]}]

    def clients(service: str) -> Any:
        return Late() if service == "resourcegroupstaggingapi" else localaws.client(service)

    assert cleanup(Settings(project="never-there"), client=clients, progress=Progress()) == []
