"""Calls to other services in process: S3 and CloudWatch Logs of the engine."""

from __future__ import annotations

from localaws.services.sagemaker import engine
from localaws.services.sagemaker.engine import HttpRequest


def test_s3_answers_in_process(name: str) -> None:
    assert engine.call("s3", HttpRequest("PUT", f"/{name}"))[0] == 200
    assert engine.call("s3", HttpRequest("PUT", f"/{name}/key", body=b"content"))[0] == 200
    status, _, body = engine.call("s3", HttpRequest("GET", f"/{name}/key"))
    assert (status, body) == (200, b"content")
    _, _, listing = engine.call("s3", HttpRequest("GET", f"/{name}", query={"list-type": "2", "prefix": "k"}))
    assert b"<Key>key</Key>" in listing


def test_logs_return_the_status_of_an_operation(name: str) -> None:
    assert engine.call_logs("CreateLogGroup", {"logGroupName": name}) == 200
    assert engine.call_logs("CreateLogGroup", {"logGroupName": name}) == 400
