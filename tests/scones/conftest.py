"""Tables as `infra/storage.yaml` has them, on the laptop's AWS."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

NUMBERS = itertools.count()


@pytest.fixture
def table(localaws: Any) -> Iterator[Callable[[str, str], str]]:
    """Makes a table by the name of its key and of what its index is ordered by; returns its name."""
    dynamodb, made = localaws.client("dynamodb"), []

    def make(key: str, ordered_by: str) -> str:
        name = f"table-{next(NUMBERS)}"
        by_state = [
            {"AttributeName": "state", "KeyType": "HASH"},
            {"AttributeName": ordered_by, "KeyType": "RANGE"},
        ]
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in (key, "state", ordered_by)],
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {"IndexName": "by-state", "KeySchema": by_state, "Projection": {"ProjectionType": "ALL"}}
            ],
        )
        made.append(name)
        return name

    yield make
    for name in made:
        dynamodb.delete_table(TableName=name)
