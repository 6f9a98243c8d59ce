"""The prediction log in a fake bucket."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from scones.contract.delivery import Capture
from scones.workflow.arrival.captures import capture_key, write_capture

from ..fakes import Bucket

CAPTURE = Capture(
    time="2026-11-22T18:30:00.000+00:00",
    inference_id="i-1",
    s3_bucket="depot",
    s3_key="arrivals/anna/1.png",
    sha256="0" * 64,
    bytes=5,
    probabilities=[0.1, 0.9],
    novelty=None,
    model=None,
    ms=1.5,
)


def test_the_key_of_a_capture_has_its_date_and_hour() -> None:
    assert capture_key(CAPTURE) == "captures/2026/11/22/18/i-1.json"


def test_a_capture_is_written_as_json() -> None:
    bucket = Bucket()
    write_capture(CAPTURE, s3=bucket)
    assert json.loads(bucket.objects["captures/2026/11/22/18/i-1.json"]) == CAPTURE


def test_a_capture_that_cannot_be_written_is_printed_not_raised(capsys: pytest.CaptureFixture[str]) -> None:
    write_capture(CAPTURE, s3=Bucket(write_error=ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")))
    assert json.loads(capsys.readouterr().out)["not_captured"] == "i-1"
