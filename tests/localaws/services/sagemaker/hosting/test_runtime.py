"""InvokeEndpoint: headers, limits and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_bytes_go_through_an_endpoint_unchanged(account: Any, name: str) -> None:
    account.serve(name)
    body = bytes(range(256)) * 300
    answer = account.runtime.invoke_endpoint(
        EndpointName=name, Body=body, ContentType="image/png", CustomAttributes="trace=1"
    )
    assert answer["Body"].read() == body
    assert answer["ContentType"] == "image/png"
    assert answer["CustomAttributes"] == "trace=1"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_the_answer_keeps_the_containers_json_type(account: Any, name: str) -> None:
    account.serve(name)
    answer = account.runtime.invoke_endpoint(
        EndpointName=name, Body=b"headers", ContentType="text/csv", Accept="application/json", InferenceId="i-1"
    )
    assert answer["ContentType"] == "application/vnd.toy+json"
    headers = {key.lower(): value for key, value in json.load(answer["Body"]).items()}
    assert headers["content-type"] == "text/csv"
    assert headers["accept"] == "application/json"
    assert headers["x-amzn-sagemaker-inference-id"] == "i-1"
    plain = account.runtime.invoke_endpoint(EndpointName=name, Body=b"{}", ContentType="application/json")
    assert plain["ContentType"] == "application/json"


def test_an_error_status_of_the_container_is_a_model_error(account: Any, name: str) -> None:
    account.serve(name)
    with pytest.raises(account.runtime.exceptions.ModelError) as caught:
        account.invoke(name, b"refuse")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == '{"error": "not an image"}'
    assert f"/aws/sagemaker/Endpoints/{name}" in response["LogStreamArn"]


def test_a_missing_endpoint_is_a_validation_error(account: Any, name: str) -> None:
    with pytest.raises(account.runtime.exceptions.ValidationError, match=f"Endpoint {name} of account .* not found"):
        account.invoke(name, b"x")
    with pytest.raises(
        account.sagemaker.exceptions.ClientError, match=r"ValidationException.*Could not find endpoint "
    ):
        account.sagemaker.describe_endpoint(EndpointName=name)


def test_a_body_over_the_limit_is_refused(account: Any, name: str) -> None:
    account.configure(name)
    variant = {"VariantName": "v", "ModelName": name, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    account.sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-s", ProductionVariants=[variant])
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-s")
    assert account.wait_for_endpoint(name)["EndpointStatus"] == "InService"
    assert len(account.invoke(name, bytes(4 * 1024 * 1024))) == 4 * 1024 * 1024
    with pytest.raises(account.runtime.exceptions.ValidationError, match="the limit is 4194304"):
        account.invoke(name, bytes(4 * 1024 * 1024 + 1))
