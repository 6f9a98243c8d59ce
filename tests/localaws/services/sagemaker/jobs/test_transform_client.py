"""Payloads, headers and failures of a transform job's container."""

from __future__ import annotations

import json
from typing import Any

import pytest

GROUP = "/aws/sagemaker/TransformJobs"


@pytest.mark.parametrize(("strategy", "answers"), [("SingleRecord", b"a\n;b\n;c;"), ("MultiRecord", b"a\nb\nc;")])
def test_lines_are_sent_one_by_one_or_in_batches(account: Any, name: str, strategy: str, answers: bytes) -> None:
    given = {"SplitType": "Line"}
    output = {"AssembleWith": "Line"}
    account.transform(name, {"lines": b"a\nb\nc"}, BatchStrategy=strategy, TransformInput=given, TransformOutput=output)
    assert account.outputs(name) == {"lines.out": answers.replace(b";", b"\n")}


@pytest.mark.parametrize(
    ("record", "reason", "message"),
    [
        (b"refuse", "ClientError: See job logs for more information", "ClientError: 400"),
        (b"break", "AlgorithmError: See job logs for more information", "Bad HTTP status received from algorithm: 500"),
        (
            bytes(1024 * 1024 + 1),
            "ClientError: See job logs for more information",
            "Too much data for max payload size",
        ),
    ],
)
def test_a_bad_record_fails_the_job_but_not_the_other_objects(
    account: Any, name: str, record: bytes, reason: str, message: str
) -> None:
    job = account.transform(name, {"a": b"A", "b": record, "c": b"C"}, MaxPayloadInMB=1)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == reason
    assert account.outputs(name) == {"a.out": b"A", "c.out": b"C"}
    lines = account.log_lines(GROUP, name)
    assert any(f"[sagemaker logs]: toy-bucket/{name}/in/b: {message}" in line for line in lines)


def test_content_type_accept_and_environment_reach_the_container(account: Any, name: str) -> None:
    job = account.transform(
        name,
        {"headers": b"headers", "environment": b"environment"},
        TransformInput={"ContentType": "application/jsonlines"},
        TransformOutput={"Accept": "application/json"},
        Environment={"MINE": "yes"},
        MaxPayloadInMB=5,
        MaxConcurrentTransforms=2,
    )
    assert job["TransformJobStatus"] == "Completed"
    outputs = {key: json.loads(body) for key, body in account.outputs(name).items()}
    headers = {key.lower(): value for key, value in outputs["headers.out"].items()}
    assert headers["content-type"] == "application/jsonlines"
    assert headers["accept"] == "application/json"
    environment = outputs["environment.out"]
    assert environment["MINE"] == "yes"
    assert environment["SAGEMAKER_BATCH"] == "true"
    assert environment["SAGEMAKER_BATCH_STRATEGY"] == "MULTI_RECORD"
    assert environment["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "5"
    assert environment["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] == "2"
