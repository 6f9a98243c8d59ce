"""Dispatch of requests and errors on the wire."""

from __future__ import annotations

import http.client
import json
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.services.sagemaker import api
from localaws.wire import ApiError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
CREATING = sorted(name for name in api.operations() if name.startswith("Create"))


def _post(url: str, target: str, body: bytes | str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    headers = {"X-Amz-Target": f"SageMaker.{target}", "Content-Type": "application/x-amz-json-1.1"}
    connection.request("POST", "/", body, headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_an_unknown_operation_is_named_in_the_error(account: Any) -> None:
    with pytest.raises(account.sagemaker.exceptions.ClientError, match=r"UnknownOperationException.*ListPipelines"):
        account.sagemaker.list_pipelines()


def test_an_unknown_path_of_the_runtime_is_named_in_the_error(account: Any) -> None:
    with pytest.raises(account.runtime.exceptions.ClientError, match=r"UnknownOperation.*async-invocations"):
        account.runtime.invoke_endpoint_async(EndpointName="e", InputLocation="s3://b/k")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000, b'{"TrainingJobName": 3}'])
def test_a_body_that_is_no_request_is_a_serialization_error(account: Any, body: bytes) -> None:
    status, answer = _post(account.server.url, "DescribeTrainingJob", body)
    assert status == 400
    assert answer["__type"] == "SerializationException"


def test_an_invalid_name_has_the_error_message_of_aws(account: Any) -> None:
    status, answer = _post(account.server.url, "CreateModel", json.dumps({"ModelName": "not a name"}))
    assert status == 400
    assert answer["__type"] == "ValidationException"
    assert answer["message"].startswith(
        "1 validation error detected: Value 'not a name' at 'modelName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: "
    )


def test_regions_are_separate(account: Any, name: str) -> None:
    account.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    elsewhere = boto3.client(
        "sagemaker",
        endpoint_url=account.server.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    assert not elsewhere.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"]


@settings(max_examples=60, deadline=None)
@given(operation=st.sampled_from(CREATING), request=st.dictionaries(st.text(max_size=20), JSON, max_size=4))
def test_any_invalid_request_raises_an_api_error(operation: str, request: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        api.call(operation, request)
