"""A refused call is explained with its action and resource, from AWS's message or from the request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from scones.steps.account.refusal import Refused, explain, is_refusal, note_requests

CALLS = [
    ("s3", "list_objects_v2", {"Bucket": "depot"}, "s3:ListBucket on arn:aws:s3:::depot;"),
    ("s3", "get_object", {"Bucket": "depot", "Key": "a/b"}, "s3:GetObject on arn:aws:s3:::depot/a/b;"),
    ("s3", "head_object", {"Bucket": "depot", "Key": "a/b"}, "s3:GetObject on arn:aws:s3:::depot/a/b;"),
    ("s3", "list_buckets", {}, "s3:ListAllMyBuckets;"),
    ("sagemaker", "list_endpoints", {}, "sagemaker:ListEndpoints;"),
    ("sagemaker", "describe_endpoint", {"EndpointName": "depot"}, "sagemaker:DescribeEndpoint on depot;"),
    ("stepfunctions", "list_executions", {"stateMachineArn": "arn:m"}, "states:ListExecutions on arn:m;"),
    ("logs", "filter_log_events", {"logGroupName": "/g"}, "logs:FilterLogEvents on /g;"),
    ("cloudwatch", "describe_alarms", {}, "cloudwatch:DescribeAlarms;"),
    ("resourcegroupstaggingapi", "get_resources", {}, "tag:GetResources;"),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker"},
     "application-autoscaling:DescribeScalableTargets;"),
]  # fmt: skip


@pytest.fixture(scope="module")
def forbidding(start_localaws: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that refuses every call of a command."""
    with start_localaws(Path(tmp_path_factory.mktemp("forbidding"))) as server:
        server.faults("POST", kind="access-denied", count=1000)
        yield server.url


@pytest.mark.parametrize(("service", "operation", "arguments", "said"), CALLS, ids=lambda part: str(part)[:30])
def test_action_and_resource_of_the_request_are_named(
    forbidding: str, service: str, operation: str, arguments: dict[str, str], said: str
) -> None:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    note_requests(session.events)
    client: Any = session.client(service, endpoint_url=forbidding)  # type: ignore[call-overload]
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    assert is_refusal(caught.value)
    assert explain(caught.value).startswith(f"AWS does not allow you {said} add this action to the policy")


def refused(message: str, code: str = "AccessDenied") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}}
    return ClientError(response, "CreateTrainingJob")


def test_action_and_resource_of_the_message_come_first() -> None:
    said = explain(
        refused(
            "User: arn:aws:iam::1:user/eve is not authorized to perform: iam:PassRole on resource: "
            "arn:aws:iam::1:role/depot-train because no identity-based policy allows the iam:PassRole action"
        )
    )
    assert said.startswith("AWS does not allow you iam:PassRole on arn:aws:iam::1:role/depot-train; ")
    assert "because no identity-based policy allows" in said


def test_without_both_the_operation_is_named() -> None:
    assert explain(refused("")).startswith("AWS does not allow you CreateTrainingJob; ")


@given(st.text())
def test_any_message_is_explained(message: str) -> None:
    assert message in explain(refused(message))


@pytest.mark.parametrize(
    "error", [refused("", "ThrottlingException"), ConnectTimeoutError(endpoint_url="x"), OSError()]
)
def test_other_errors_are_not_refusals(error: Exception) -> None:
    assert not is_refusal(error)


def test_what_is_passed_over_is_kept_with_its_reason() -> None:
    passed = Refused()
    with passed.passing("roles"):
        raise refused("no")
    with pytest.raises(OSError, match="disk"), passed.passing("tables"):
        raise OSError("disk")
    assert passed.reasons == {"roles": explain(refused("no"))}
