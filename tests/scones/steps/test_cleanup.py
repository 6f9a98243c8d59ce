"""Cleanup deletes everything of the project and nothing of others."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from scones.contract.layout import TAG
from scones.errors import LeftBehindError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.inventory import inventory
from scones.steps.cleanup import cleanup
from scones.steps.deploy import deploy

from .conftest import Forbidding, Notes, Wrapped

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


@contextmanager
def camera(bucket: str, s3: Any) -> Iterator[list[str]]:
    """Upload an arrival every 50 ms until the bucket is gone; yields the keys so far."""
    keys: list[str] = []
    is_over = Event()

    def upload() -> None:
        while not is_over.wait(0.05):
            keys.append(f"arrivals/camera/{len(keys)}.png")
            try:
                s3.put_object(Bucket=bucket, Key=keys[-1], Body=b"x")
            except ClientError:
                return

    thread = Thread(target=upload)
    thread.start()
    try:
        yield keys
    finally:
        is_over.set()
        thread.join()


def test_a_project_is_deleted_while_a_camera_uploads(
    project: dict[str, str], localaws: Any, eventually: Callable[..., Any]
) -> None:
    with camera(project["Bucket"], localaws.client("s3")) as keys:
        eventually(lambda: len(keys) > 5)
        cleanup(SETTINGS, client=localaws.client, progress=Progress())
    assert list(inventory(SETTINGS, client=localaws.client)) == []


@dataclass
class Busy:
    """S3 where somebody puts an object before each attempt to delete a bucket; `attempts` counts these."""

    client: Any
    attempts: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def delete_bucket(self, **arguments: Any) -> Any:
        self.attempts += 1
        self.client.put_object(Bucket=arguments["Bucket"], Key="arrivals/eve/[/x].png", Body=b"x")
        return self.client.delete_bucket(**arguments)


def test_a_bucket_that_is_written_to_all_the_time_is_named_with_what_to_do(
    project: dict[str, str], localaws: Any
) -> None:
    busy = Busy(localaws.client("s3"))

    def client(service: str) -> Any:
        return busy if service == "s3" else localaws.client(service)

    with pytest.raises(LeftBehindError, match=r"arrivals/eve/\[/x\]\.png.* stop .* again") as caught:
        cleanup(SETTINGS, client=client, progress=Progress(), sleep=lambda seconds: None)
    assert {f"bucket {project['Bucket']}", "stack tidy-storage"} <= set(caught.value.left)
    assert "stack tidy-workflow" not in caught.value.left
    assert 10 < busy.attempts < 1000


def test_the_sources_of_writes_are_stopped_before_the_bucket_is_emptied(project: dict[str, str], localaws: Any) -> None:
    order: list[str] = []

    class Recorded(Wrapped):
        def __getattr__(self, name: str) -> Any:
            order.append(name)
            return super().__getattr__(name)

    cleanup(SETTINGS, client=lambda service: Recorded(localaws.client(service)), progress=Progress())
    order = [name for name in order if name in ("disable_rule", "stop_execution", "delete_stack", "delete_bucket")]
    assert order == ["disable_rule", "delete_stack", "delete_bucket", "delete_stack"]


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


def test_what_may_not_be_listed_is_passed_over_and_named(project: dict[str, str], localaws: Any) -> None:
    serve("tidy", OURS, project["Bucket"], localaws)
    forbidden = ("stepfunctions.list_executions", "application-autoscaling.describe_scalable_targets", "iam.list_roles")
    client = Forbidding(localaws.client, (*forbidden, "events.disable_rule"))
    with pytest.raises(LeftBehindError, match="executions, scalable targets, roles") as caught:
        cleanup(SETTINGS, client=client, progress=Progress(), sleep=lambda seconds: None)
    assert caught.value.left == [f"{kind} (not listed)" for kind in ("executions", "scalable targets", "roles")]
    assert list(inventory(SETTINGS, client=localaws.client)) == []


def test_what_may_not_be_deleted_is_passed_over_and_named(project: dict[str, str], localaws: Any) -> None:
    serve("tidy", OURS, project["Bucket"], localaws)
    client = Forbidding(localaws.client, ("sagemaker.delete_endpoint",))
    with pytest.raises(LeftBehindError, match="AWS does not allow you") as caught:
        cleanup(SETTINGS, client=client, progress=Progress(), sleep=lambda seconds: None)
    assert "endpoint tidy" in caught.value.left
    remaining = {resource.kind for resource in inventory(SETTINGS, client=localaws.client)}
    assert not remaining & {"stack", "bucket", "model"}


def test_an_endpoint_is_deleted_before_all_that_costs_less(project: dict[str, str], localaws: Any) -> None:
    serve("tidy", OURS, project["Bucket"], localaws)
    deleted = [resource.kind for resource in cleanup(SETTINGS, client=localaws.client, progress=Progress())]
    assert deleted[0] == "endpoint"
