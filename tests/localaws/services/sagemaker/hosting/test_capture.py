"""Data capture of endpoints."""

from __future__ import annotations

import base64
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def _config(**members: Any) -> dict[str, Any]:
    return {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://toy-bucket/captures",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        **members,
    }


def _serve(account: Any, name: str, config: dict[str, Any]) -> dict[str, Any]:
    account.model(name)
    variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    account.sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=config
    )
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return account.wait_for_endpoint(name)


def _captured(account: Any, name: str) -> tuple[list[str], list[dict[str, Any]]]:
    found = account.s3.list_objects_v2(Bucket="toy-bucket", Prefix=f"captures/{name}/").get("Contents", [])
    keys = [item["Key"] for item in found]
    return keys, [json.loads(line) for key in keys for line in account.get(f"s3://toy-bucket/{key}").splitlines()]


def test_requests_and_answers_are_written_in_sagemakers_layout(
    account: Any, name: str, eventually: Callable[..., Any]
) -> None:
    described = _serve(account, name, _config())
    assert described["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": "s3://toy-bucket/captures",
        "KmsKeyId": "",
    }
    body = bytes(range(256))
    for inference in ("i-1", "i-2"):
        account.invoke(name, body, ContentType="image/png", InferenceId=inference)
    keys, lines = eventually(lambda: len((found := _captured(account, name))[1]) == 2 and found)
    assert all(re.fullmatch(rf"captures/{name}/v/\d{{4}}/\d\d/\d\d/\d\d/[0-9a-f-]{{36}}\.jsonl", key) for key in keys)
    # They lie in one object or in two.
    lines.sort(key=lambda line: line["eventMetadata"]["inferenceId"])
    assert [line["eventMetadata"]["inferenceId"] for line in lines] == ["i-1", "i-2"]
    data = base64.b64encode(body).decode()
    content = {"observedContentType": "image/png", "data": data, "encoding": "BASE64"}
    assert lines[0]["captureData"] == {
        "endpointInput": {**content, "mode": "INPUT"},
        "endpointOutput": {**content, "mode": "OUTPUT"},
    }
    assert lines[0]["eventVersion"] == "0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[0]["eventMetadata"]["inferenceTime"])


def test_bodies_of_the_configured_text_types_are_written_as_text(
    account: Any, name: str, eventually: Callable[..., Any]
) -> None:
    types = {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]}
    _serve(account, name, _config(CaptureOptions=[{"CaptureMode": "Input"}], CaptureContentTypeHeader=types))
    account.invoke(name, b'{"a": 1}', ContentType="application/json")
    account.invoke(name, b"1,2", ContentType="text/csv")
    account.invoke(name, b"plain", ContentType="text/plain")
    _, lines = eventually(lambda: len((found := _captured(account, name))[1]) == 3 and found)
    assert all(line["captureData"].keys() == {"endpointInput"} for line in lines)
    contents = [line["captureData"]["endpointInput"] for line in lines]
    assert sorted((content["encoding"], content["data"]) for content in contents) == [
        ("BASE64", base64.b64encode(b"plain").decode()),
        ("CSV", "1,2"),
        ("JSON", '{"a": 1}'),
    ]


def test_the_sample_has_the_configured_size(account: Any, name: str, eventually: Callable[..., Any]) -> None:
    _serve(account, name, _config(InitialSamplingPercentage=50))
    for _ in range(100):
        account.invoke(name, b"x")
    # 50 +- 5: outside of 20 to 80 once in a thousand million.
    _, lines = eventually(lambda: len((found := _captured(account, name))[1]) >= 20 and found)
    assert len(lines) <= 80


@pytest.mark.parametrize("off", [{"EnableCapture": False}, {"InitialSamplingPercentage": 0}])
def test_no_capture_is_written_if_capture_is_off(
    account: Any, name: str, eventually: Callable[..., Any], off: dict[str, Any]
) -> None:
    _serve(account, name, _config(**off))
    account.invoke(name, b"x")
    other = f"{name}-on"
    _serve(account, other, _config())
    account.invoke(other, b"x")
    eventually(lambda: _captured(account, other)[1])
    assert not _captured(account, name)[1]


def test_an_update_takes_the_new_configuration(account: Any, name: str) -> None:
    _serve(account, name, _config())
    account.configure(f"{name}-plain")
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-plain")
    assert "DataCaptureConfig" not in account.wait_for_endpoint(name)


def test_captures_are_written_before_the_server_ends(
    start_localaws: Any, open_account: Callable[..., Any], tmp_path: Path
) -> None:
    with start_localaws(tmp_path) as server:
        account = open_account(server)
        _serve(account, "e", _config())
        account.invoke("e", b"last")
        server.process.send_signal(signal.SIGTERM)
        server.wait()
    with start_localaws(tmp_path) as server:
        _, lines = _captured(open_account(server), "e")
    assert [line["captureData"]["endpointInput"]["data"] for line in lines] == [base64.b64encode(b"last").decode()]
