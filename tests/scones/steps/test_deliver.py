import itertools
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scones.errors import DeliveryError
from scones.progress import Progress
from scones.steps.deliver import Schedule, deliver


def test_a_timeout_names_the_first_arrival_without_a_decision() -> None:
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="depot")
        seconds = itertools.count()
        images = [("anna/1.png", b"one"), ("bert/2.png", b"two")]
        with pytest.raises(DeliveryError, match=r"2 of 2 arrivals .* the first is arrivals/anna/1\.png"):
            deliver(
                images,
                bucket="depot",
                s3=s3,
                progress=Progress(),
                schedule=Schedule(timeout=5, clock=lambda: next(seconds), sleep=lambda _: None),
            )
        assert {item["Key"] for item in s3.list_objects_v2(Bucket="depot")["Contents"]} == {
            "arrivals/anna/1.png",
            "arrivals/bert/2.png",
        }


class Watch:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_meanwhile_is_called_once_a_second_from_the_first_arrival() -> None:
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="depot")
        watch = Watch()
        called: list[float] = []
        with pytest.raises(DeliveryError):
            deliver(
                [(f"anna/{n}.png", b"one") for n in range(6)],
                bucket="depot",
                s3=s3,
                progress=Progress(),
                schedule=Schedule(
                    interval=0.5,
                    timeout=2,
                    meanwhile=lambda: called.append(watch.seconds),
                    clock=watch,
                    sleep=watch.sleep,
                ),
            )
        assert called == [0, 1, 2, 3, 4, 5]
