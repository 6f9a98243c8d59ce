"""Tables as `infra/storage.yaml` defines them, on the local AWS."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

NUMBERS = itertools.count()


@pytest.fixture
def table(localaws: Any) -> Iterator[Callable[[str, str], str]]:
    """Creates a table with a hash key and an index by `state`, sorted by another attribute; returns its name."""
    dynamodb = localaws.client("dynamodb")
    names: list[str] = []

    def create(key: str, sorted_by: str) -> str:
        name = f"table-{next(NUMBERS)}"
        by_state = [
            {"AttributeName": "state", "KeyType": "HASH"},
            {"AttributeName": sorted_by, "KeyType": "RANGE"},
        ]
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in (key, "state", sorted_by)],
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {"IndexName": "by-state", "KeySchema": by_state, "Projection": {"ProjectionType": "ALL"}}
            ],
        )
        names.append(name)
        return name

    yield create
    for name in names:
        dynamodb.delete_table(TableName=name)
