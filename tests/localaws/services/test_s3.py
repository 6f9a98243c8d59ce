"""Events of objects, conditional writes, and buckets of CloudFormation stacks."""

import io
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


@pytest.fixture
def event_of(localaws: Any, eventually: Eventually) -> Callable[..., dict[str, Any]]:
    """Makes a bucket, changes it, and returns the input of the execution that the event starts."""

    def happened(bucket: str, is_versioned: bool, change: Callable[[Any], object], kind: str) -> dict[str, Any]:
        s3, events, machines = (localaws.client(name) for name in ("s3", "events", "stepfunctions"))
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        if is_versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        definition = json.dumps({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
        role = "arn:aws:iam::000000000000:role/any"
        arn = machines.create_state_machine(name=bucket, definition=definition, roleArn=role)["stateMachineArn"]
        pattern = {"source": ["aws.s3"], "detail-type": [kind], "detail": {"bucket": {"name": [bucket]}}}
        events.put_rule(Name=bucket, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=bucket, Targets=[{"Id": "1", "Arn": arn, "RoleArn": role}])
        change(s3)
        started = eventually(lambda: machines.list_executions(stateMachineArn=arn)["executions"])[0]
        found: dict[str, Any] = json.loads(machines.describe_execution(executionArn=started["executionArn"])["input"])
        return found

    return happened


def test_the_event_of_a_versioned_bucket_names_the_version(event_of: Callable[..., dict[str, Any]]) -> None:
    made: dict[str, Any] = {}

    def upload(s3: Any) -> None:
        made.update(s3.put_object(Bucket="event-versions", Key="a b/1+2.png", Body=b"content"))

    event = event_of("event-versions", True, upload, "Object Created")
    found = event["detail"]["object"]
    assert found.pop("sequencer")
    etag = made["ETag"].strip('"')
    assert found == {"key": "a b/1+2.png", "size": 7, "etag": etag, "version-id": made["VersionId"]}
    assert event["detail"]["reason"] == "PutObject"
    assert event["detail"]["source-ip-address"]


def test_the_event_of_an_upload_in_parts_names_the_version(event_of: Callable[..., dict[str, Any]]) -> None:
    def upload(s3: Any) -> None:
        s3.upload_fileobj(io.BytesIO(bytes(9 << 20)), "event-parts", "key")

    event = event_of("event-parts", True, upload, "Object Created")
    assert event["detail"]["object"]["version-id"]
    assert event["detail"]["object"]["size"] == 9 << 20
    assert event["detail"]["reason"] == "CompleteMultipartUpload"


def test_the_event_of_a_delete_marker_names_the_marker(event_of: Callable[..., dict[str, Any]]) -> None:
    made: dict[str, Any] = {}

    def delete(s3: Any) -> None:
        s3.put_object(Bucket="event-markers", Key="key", Body=b"x")
        made.update(s3.delete_object(Bucket="event-markers", Key="key"))

    event = event_of("event-markers", True, delete, "Object Deleted")
    assert event["detail"]["object"]["version-id"] == made["VersionId"]
    assert event["detail"]["deletion-type"] == "Delete Marker Created"


def test_the_event_of_an_unversioned_bucket_names_none(event_of: Callable[..., dict[str, Any]]) -> None:
    def upload(s3: Any) -> None:
        s3.put_object(Bucket="event-unversioned", Key="key", Body=b"x")

    event = event_of("event-unversioned", False, upload, "Object Created")
    assert "version-id" not in event["detail"]["object"]


@pytest.mark.parametrize("is_versioned", [True, False])
def test_a_conditional_put_is_refused_if_the_key_exists(localaws: Any, is_versioned: bool) -> None:
    s3 = localaws.client("s3")
    bucket = f"conditional-{is_versioned}".lower()
    s3.create_bucket(Bucket=bucket)
    if is_versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="key", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed") as caught:
        s3.put_object(Bucket=bucket, Key="key", Body=b"second", IfNoneMatch="*")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"first"
    # In a versioned bucket this leaves a delete marker, with which the key counts as absent.
    s3.delete_object(Bucket=bucket, Key="key")
    s3.put_object(Bucket=bucket, Key="key", Body=b"third", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"third"


def test_a_stack_may_ask_for_the_expiry_of_earlier_versions_and_lone_delete_markers(
    create_stack: Callable[[str, str], str],
) -> None:
    expiring = {
        "Id": "expire",
        "Status": "Enabled",
        "Prefix": "arrivals/",
        "ExpirationInDays": 30,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    marker = {"Id": "markers", "Status": "Enabled", "Prefix": "", "ExpiredObjectDeleteMarker": True}
    lifecycle = {"Rules": [expiring, marker]}
    versioning = {"Status": "Enabled"}
    create_stack("expiring", template("expiring", VersioningConfiguration=versioning, LifecycleConfiguration=lifecycle))
