"""A bucket of a CloudFormation stack: its tags, and its deletion."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Eventually = Callable[..., Any]


def template(bucket: str, **properties: object) -> str:
    resource = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket, **properties}}
    return json.dumps({"Resources": {"Bucket": resource}})


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def status_after(cloudformation: Any, stack: str) -> str | None:
    """Return the status of the stack (its ARN), once nothing is in progress."""
    status = str(cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
    return None if status.endswith("IN_PROGRESS") else status


@pytest.fixture
def create_stack(localaws: Any, eventually: Eventually) -> Callable[[str, str], str]:
    """Creates a stack and returns its ARN."""

    def create(name: str, body: str) -> str:
        cloudformation = localaws.client("cloudformation")
        stack = str(cloudformation.create_stack(StackName=name, TemplateBody=body)["StackId"])
        assert eventually(lambda: status_after(cloudformation, stack)) == "CREATE_COMPLETE"
        return stack

    return create


@pytest.fixture
def delete_stack(localaws: Any, eventually: Eventually) -> Callable[[str], str]:
    """Deletes a stack, given its ARN, and returns its last status."""

    def delete(stack: str) -> str:
        cloudformation = localaws.client("cloudformation")
        cloudformation.delete_stack(StackName=stack)
        return str(eventually(lambda: status_after(cloudformation, stack)))

    return delete


def tags_of(s3: Any, bucket: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}


def test_a_bucket_has_the_tags_of_its_template(
    localaws: Any, eventually: Eventually, create_stack: Callable[[str, str], str]
) -> None:
    cloudformation = localaws.client("cloudformation")
    s3 = localaws.client("s3")
    stack = create_stack("tagged", template("tagged-bucket", Tags=tags(project="scones", owner="a")))
    assert tags_of(s3, "tagged-bucket") == {"project": "scones", "owner": "a"}
    changed = template("tagged-bucket", Tags=tags(project="scones", owner="b"))
    cloudformation.update_stack(StackName=stack, TemplateBody=changed)
    assert eventually(lambda: status_after(cloudformation, stack)) == "UPDATE_COMPLETE"
    assert tags_of(s3, "tagged-bucket") == {"project": "scones", "owner": "b"}


def test_a_bucket_that_holds_an_object_is_not_deleted(
    localaws: Any, create_stack: Callable[[str, str], str], delete_stack: Callable[[str], str]
) -> None:
    s3 = localaws.client("s3")
    stack = create_stack("full", template("full-bucket"))
    s3.put_object(Bucket="full-bucket", Key="a/b", Body=b"kept")
    assert delete_stack(stack) == "DELETE_FAILED"
    events = localaws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    assert any("full-bucket. Empty it first." in event.get("ResourceStatusReason", "") for event in events)
    assert s3.get_object(Bucket="full-bucket", Key="a/b")["Body"].read() == b"kept"
    s3.delete_object(Bucket="full-bucket", Key="a/b")
    assert delete_stack(stack) == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket="full-bucket")


def test_a_bucket_that_holds_only_earlier_versions_is_not_deleted(
    localaws: Any, create_stack: Callable[[str, str], str], delete_stack: Callable[[str], str]
) -> None:
    s3 = localaws.client("s3")
    stack = create_stack("versions", template("versions-bucket", VersioningConfiguration={"Status": "Enabled"}))
    version = s3.put_object(Bucket="versions-bucket", Key="k", Body=b"old")["VersionId"]
    marker = s3.delete_object(Bucket="versions-bucket", Key="k")["VersionId"]
    assert delete_stack(stack) == "DELETE_FAILED"
    for name in (version, marker):
        s3.delete_object(Bucket="versions-bucket", Key="k", VersionId=name)
    assert delete_stack(stack) == "DELETE_COMPLETE"
