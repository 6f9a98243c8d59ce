import itertools
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scones.errors import DeliveryError
from scones.steps.deliver import deliver
from scones.steps.progress import Step


def test_arrivals_that_nobody_decides_on_are_named() -> None:
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="depot")
        seconds = itertools.count()
        pictures = [("anna/1.png", b"one"), ("bert/2.png", b"two")]
        with pytest.raises(DeliveryError, match=r"2 of 2 arrivals .* the first is arrivals/anna/1\.png"):
            deliver(
                pictures,
                bucket="depot",
                s3=s3,
                step=Step(),
                timeout=5,
                clock=lambda: next(seconds),
                sleep=lambda _: None,
            )
        assert {item["Key"] for item in s3.list_objects_v2(Bucket="depot")["Contents"]} == {
            "arrivals/anna/1.png",
            "arrivals/bert/2.png",
        }


def test_what_is_done_meanwhile_is_done_once_a_second_and_no_more_often() -> None:
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="depot")
        quarters, looked = itertools.count(), []
        with pytest.raises(DeliveryError):
            deliver(
                [("anna/1.png", b"one")],
                bucket="depot",
                s3=s3,
                step=Step(),
                timeout=5,
                meanwhile=lambda: looked.append(1),
                clock=lambda: next(quarters) / 4,
                sleep=lambda _: None,
            )
        assert (len(looked), next(quarters)) == (5, 22)
