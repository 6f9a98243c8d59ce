"""The names of operations, for requests as botocore makes them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.model import Shape, StructureShape
from hypothesis import given
from hypothesis import strategies as st

from localaws.faults.operations import Operation, Request, operation_of

SERVICES = [
    "application-autoscaling", "cloudformation", "cloudwatch", "codebuild", "dynamodb", "ecr", "events", "iam",
    "lambda", "logs", "resourcegroupstaggingapi", "s3", "sagemaker", "sagemaker-runtime", "sns", "sqs",
    "stepfunctions", "sts",
]  # fmt: skip
# Unsigned requests, and S3's requests to hosts of their own.
UNNAMED = {"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "ListDirectoryBuckets", "WriteGetObjectResponse"}
# Deprecated names of operations that have the same request line as their successors.
SUCCESSORS = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}
_SCALARS: dict[str, Any] = {"integer": 1, "long": 1, "float": 1.0, "double": 1.0, "boolean": True, "blob": b"x"}


class Sent(Exception):
    """Raised in place of sending a request."""


def smallest(shape: Shape) -> Any:
    """Return a value with the required members alone."""
    if isinstance(shape, StructureShape):
        return {name: smallest(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [smallest(shape.member)]  # type: ignore[attr-defined]
    if shape.type_name == "map":
        return {"key": smallest(shape.value)}  # type: ignore[attr-defined]
    if shape.type_name == "string":
        return (shape.enum or ["a" * max(3, shape.metadata.get("min", 0))])[0]  # type: ignore[attr-defined]
    return "2026-01-01T00:00:00Z" if shape.type_name == "timestamp" else _SCALARS[shape.type_name]


def prepared(service: str, operation: str) -> AWSPreparedRequest:
    """Return the request that botocore would send."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client(service, endpoint_url="http://127.0.0.1:9", config=config, **keys)  # type: ignore[call-overload]
    sent: list[AWSPreparedRequest] = []

    def keep(request: AWSPreparedRequest, **_: object) -> None:
        sent.append(request)
        raise Sent

    client.meta.events.register("before-send", keep)
    shape = client.meta.service_model.operation_model(operation).input_shape
    names = client.meta.method_to_api_mapping
    method = next(name for name in names if names[name] == operation)
    with pytest.raises(Sent):
        getattr(client, method)(**(smallest(shape) if shape else {}))
    return sent[0]


def as_request(prepared: AWSPreparedRequest) -> Request:
    url = urlsplit(prepared.url)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()
    }
    body = prepared.body if isinstance(prepared.body, bytes) else (prepared.body or "")
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else b""
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    return Request(prepared.method, url.path or "/", query, headers, raw)


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_of_a_service_is_named_from_its_request(service: str) -> None:
    model = boto3.client(service, region_name="us-east-1").meta.service_model
    wrong = {}
    for name in set(model.operation_names) - UNNAMED:
        found = operation_of(as_request(prepared(service, name)))
        if (found.service, found.name) != (service, SUCCESSORS.get(name, name)):
            wrong[name] = found
    assert wrong == {}


@pytest.mark.parametrize(
    ("service", "operation", "protocol"),
    [
        ("s3", "PutObject", "rest-xml"),
        ("lambda", "Invoke", "rest-json"),
        ("dynamodb", "PutItem", "json"),
        ("cloudformation", "CreateStack", "query"),
        ("cloudwatch", "PutMetricData", "json"),
    ],
)
def test_the_protocol_is_that_of_the_request(service: str, operation: str, protocol: str) -> None:
    assert operation_of(as_request(prepared(service, operation))).protocol == protocol


def test_the_newest_protocol_has_the_operation_in_its_path() -> None:
    headers = {"authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/monitoring/aws4_request, Signature=0"}
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    assert operation_of(Request("POST", path, {}, headers)) == Operation("cloudwatch", "PutMetricData", "cbor")


def test_a_presigned_url_is_named_too() -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    config = Config(signature_version="s3v4")
    client = boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=config, **keys)
    url = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k/1"}))
    query = dict(parse_qsl(url.query))
    assert operation_of(Request("GET", url.path, query, {})) == Operation("s3", "GetObject", "rest-xml")


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text()), st.binary())
def test_any_request_has_a_name_or_none(path: str, scope: str, query: dict[str, str], body: bytes) -> None:
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{scope}/aws4_request, Signature=0",
        "content-type": "application/x-www-form-urlencoded",
    }
    operation_of(Request("POST", path, query, headers, body))


def test_an_unsigned_request_belongs_to_no_service() -> None:
    assert operation_of(Request("GET", "/", {}, {})) == Operation("", "", "")
