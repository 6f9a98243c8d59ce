"""The inventory lists the project's resources and no others."""

from __future__ import annotations

from typing import Any

import pytest

from scones.contract.layout import TAG
from scones.settings import Settings
from scones.steps.account.inventory import inventory

SETTINGS = Settings(project="listed")
STREAMS = {
    "listed-20260101-000000/algo-1": True,
    "listed-20260101-000000-0123abcd-1/algo-1": True,
    "listed-20260101/algo-1": False,
    "listed-other-20260101-000000/algo-1": False,
}


@pytest.fixture
def client(localaws: Any) -> Any:
    return localaws.client


def listed(client: Any, kind: str) -> list[str]:
    return [resource.id for resource in inventory(SETTINGS, client=client) if resource.kind == kind]


def test_an_empty_account_has_no_resources(client: Any) -> None:
    assert list(inventory(Settings(project="nothing-here"), client=client)) == []


def test_buckets_are_recognised_by_their_tag(client: Any) -> None:
    s3 = client("s3")
    for name, value in (("listed-one", "listed"), ("listed-two", "another"), ("listed-three", None)):
        s3.create_bucket(Bucket=name)
        if value:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": TAG, "Value": value}]})
    assert listed(client, "bucket") == ["listed-one"]


def test_log_streams_are_recognised_by_the_names_of_jobs(client: Any) -> None:
    logs, group = client("logs"), "/aws/sagemaker/TransformJobs"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    for name in STREAMS:
        logs.create_log_stream(logGroupName=group, logStreamName=name)
    names = {f"{group}:{name}" for name, is_listed in STREAMS.items() if is_listed}
    assert set(listed(client, "log stream")) == names


def test_tables_are_recognised_by_their_exact_names(client: Any) -> None:
    dynamodb = client("dynamodb")
    for name in ("listed-orders", "listed-orders-copy"):
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
    assert listed(client, "table") == ["listed-orders"]


def test_a_kind_is_listed_only_when_the_kinds_before_it_are_consumed(client: Any) -> None:
    client("sns").create_topic(Name="listed-alerts")
    asked: list[str] = []

    def recording(service: str) -> Any:
        asked.append(service)
        return client(service)

    resources = inventory(Settings(project="listed"), client=recording)
    assert asked == []
    while next(resources).kind != "topic":
        pass
    assert "iam" not in asked
