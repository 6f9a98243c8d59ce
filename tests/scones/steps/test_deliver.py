"""Images become arrivals, and their decisions are awaited."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scones.errors import DeliveryError, ReviewError
from scones.progress import Progress
from scones.steps.deliver import Schedule, deliver, upload

from .conftest import Lossy, Notes


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


@pytest.fixture
def depot(s3: Any, bucket: str) -> Any:
    """A schedule's `meanwhile` that decides every arrival of the bucket that has no decision."""

    def decide() -> None:
        for stored in s3.list_objects_v2(Bucket=bucket, Prefix="arrivals/")["Contents"]:
            name = stored["Key"].removeprefix("arrivals/")
            decision = {"s3_key": stored["Key"], "decided_at": name}
            s3.put_object(Bucket=bucket, Key=f"decisions/{name}.json", Body=json.dumps(decision).encode())

    return decide


def run(s3: Any, bucket: str, meanwhile: Callable[[], None], *images: tuple[str, bytes]) -> tuple[list[str], list[str]]:
    """Deliver images; return the keys of the decided arrivals and the notes."""
    notes = Notes()
    watch = Watch()
    schedule = Schedule(interval=1, timeout=5, meanwhile=meanwhile, clock=watch, sleep=watch.sleep)
    decisions = deliver(images, bucket=bucket, s3=s3, progress=notes, schedule=schedule)
    return [decision["s3_key"] for decision in decisions], notes.noted


def test_two_images_of_one_name_are_both_delivered(s3: Any, bucket: str, depot: Callable[[], None]) -> None:
    keys, notes = run(s3, bucket, depot, ("anna/1.png", b"monday"), ("anna/1.png", b"tuesday"))
    assert len(set(keys)) == 2
    assert "arrivals/anna/1.png" in keys
    (other,) = set(keys) - {"arrivals/anna/1.png"}
    assert notes == [f"anna/1.png has arrived before; this arrival is {other.removeprefix('arrivals/')}"]


def test_the_same_images_again_within_minutes_are_the_same_arrivals(
    s3: Any, bucket: str, depot: Callable[[], None]
) -> None:
    images = [("anna/1.png", b"one"), ("anna/2.png", b"two")]
    first, _ = run(s3, bucket, depot, *images)
    second, _ = run(s3, bucket, lambda: None, *images)
    assert first == second == ["arrivals/anna/1.png", "arrivals/anna/2.png"]


@pytest.mark.parametrize("operation", ["put_object", "list_objects_v2", "get_object"])
def test_a_call_that_fails_once_does_not_end_the_command(
    s3: Any, bucket: str, depot: Callable[[], None], operation: str
) -> None:
    keys, _ = run(Lossy(s3, operation), bucket, depot, ("anna/1.png", b"one"), ("bert/2.png", b"two"))
    assert keys == ["arrivals/anna/1.png", "arrivals/bert/2.png"]


def test_reviews_that_cannot_be_read_are_noted_and_stop_no_upload(
    s3: Any, bucket: str, depot: Callable[[], None]
) -> None:
    looks = itertools.count(1)

    def look() -> None:
        if next(looks) == 4:
            depot()
        raise ReviewError("the function failed")

    keys, notes = run(s3, bucket, look, *((f"anna/{n}.png", b"one") for n in range(3)))
    assert len(keys) == 3
    assert notes == [
        "the reviews could not be read: the function failed; deliveries go on",
        "the reviews could not be read 4 times; see `scones review`",
    ]


def test_each_decision_is_shown_once_as_soon_as_it_is_there(s3: Any, bucket: str, depot: Callable[[], None]) -> None:
    shown: list[str] = []
    watch = Watch()
    schedule = Schedule(
        interval=1,
        timeout=5,
        meanwhile=depot,
        decided=lambda decision: shown.append(decision["s3_key"]),
        clock=watch,
        sleep=watch.sleep,
    )
    images = [("bert/2.png", b"two"), ("anna/1.png", b"one")]
    deliver(images, bucket=bucket, s3=s3, progress=Progress(), schedule=schedule)
    assert shown == ["arrivals/anna/1.png", "arrivals/bert/2.png"]


def test_an_upload_waits_for_no_decision(s3: Any, bucket: str) -> None:
    keys = upload([("anna/1.png", b"one")], bucket=bucket, s3=s3, progress=Progress())
    assert keys == ["arrivals/anna/1.png"]
    assert s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read() == b"one"
