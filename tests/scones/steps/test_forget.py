"""Nothing of a forgotten driver is left, and everything of the others."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scones.errors import UsageError
from scones.items import from_item, to_item
from scones.progress import Progress
from scones.steps.forget import DriverRecords, find_traces, forget

NUMBERS = itertools.count()
ROLE = "arn:aws:iam::000000000000:role/r"
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@pytest.fixture
def depot(localaws: Any, table: Callable[[str, str], str]) -> Iterator[DriverRecords]:
    bucket = f"forgetful-{next(NUMBERS)}"
    s3, states = localaws.client("s3"), localaws.client("stepfunctions")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    machine = states.create_state_machine(name=bucket, definition=json.dumps(WAIT), roleArn=ROLE)["stateMachineArn"]
    arrivals = table("arrival_id", "arrived_at")
    reviews = table("arrival_id", "asked_at")
    yield DriverRecords(bucket, arrivals, reviews, machine, localaws.client, Progress())
    for execution in states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
        states.stop_execution(executionArn=execution["executionArn"])
    states.delete_state_machine(stateMachineArn=machine)


def visit(depot: DriverRecords, driver: str) -> None:
    """Leave every trace that a delivery leaves, some of them in two versions, some deleted."""
    s3, key, arrival = depot.client("s3"), f"arrivals/{driver}/1.png", f"id-{driver}"
    about = json.dumps({"s3_key": key, "arrival_id": arrival}).encode()
    objects = {
        key: b"image",
        f"decisions/{driver}/1.png.json": about,
        f"captures/2026/11/27/19/{driver}.json": about,
        f"labels/{arrival}.json": about,
        f"labels/{arrival}.png": b"image",
    }
    for name, body in objects.items():
        for _ in range(2):
            s3.put_object(Bucket=depot.bucket, Key=name, Body=body)
    for name in (key, f"captures/2026/11/27/19/{driver}.json"):
        s3.delete_object(Bucket=depot.bucket, Key=name)
    row = to_item({"arrival_id": arrival, "s3_bucket": depot.bucket, "s3_key": key, "state": "ARRIVED"})
    for name in (depot.arrivals_table, depot.reviews_table):
        depot.client("dynamodb").put_item(TableName=name, Item=row)
    event = json.dumps({"detail": {"object": {"key": key}}})
    depot.client("stepfunctions").start_execution(stateMachineArn=depot.machine, name=driver, input=event)


def left(depot: DriverRecords) -> dict[str, list[str]]:
    """Return all that the depot holds."""
    answer = depot.client("s3").list_object_versions(Bucket=depot.bucket)
    found = {"versions": sorted(v["Key"] for v in answer.get("Versions", []) + answer.get("DeleteMarkers", []))}
    for name in (depot.arrivals_table, depot.reviews_table):
        items = depot.client("dynamodb").scan(TableName=name)["Items"]
        found[name] = sorted(from_item(item)["arrival_id"] for item in items)
    running = depot.client("stepfunctions").list_executions(stateMachineArn=depot.machine, statusFilter="RUNNING")
    return found | {"executions": sorted(execution["name"] for execution in running["executions"])}


def test_nothing_of_the_driver_is_left_and_everything_of_one_with_a_longer_name(depot: DriverRecords) -> None:
    visit(depot, "eve2")
    others = left(depot)
    visit(depot, "eve")
    traces = find_traces("eve", depot)
    assert traces.counts() == {
        "executions": 1,
        "rows": 1,
        "arrivals": 3,
        "decisions": 2,
        "captures": 3,
        "labels": 4,
    }
    forget(traces, depot)
    assert left(depot) == others
    assert set(find_traces("eve", depot).counts().values()) == {0}


def test_finding_changes_nothing(depot: DriverRecords) -> None:
    visit(depot, "eve")
    before = left(depot)
    find_traces("eve", depot)
    assert left(depot) == before


def test_labels_and_reviews_are_found_after_the_row_has_expired(depot: DriverRecords) -> None:
    visit(depot, "eve")
    key = to_item({"arrival_id": "id-eve"})
    depot.client("dynamodb").delete_item(TableName=depot.arrivals_table, Key=key)
    forget(find_traces("eve", depot), depot)
    assert not any(left(depot).values())


@pytest.mark.parametrize("driver", ["", "eve/", "a/b"])
def test_what_cannot_be_a_driver_is_refused(depot: DriverRecords, driver: str) -> None:
    with pytest.raises(UsageError, match="is not a driver"):
        find_traces(driver, depot)
