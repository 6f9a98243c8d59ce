"""Tables as `infra/storage.yaml` has them, on the laptop's AWS, and clients that die on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

NUMBERS = itertools.count()


class Killed(BaseException):
    """The Lambda's process is gone: nothing after this line runs, as with a SIGKILL."""


class Mortal:
    """Clients that pass every call on until one of them kills: before it is made, or after it and before its answer."""

    def __init__(self, dies_at: int, after: bool) -> None:
        self.calls, self.dies_at, self.after = 0, dies_at, after

    def wrap(self, client: Any) -> Any:
        mortal = self

        class Wrapped:
            def __getattr__(self, name: str) -> Callable[..., Any]:
                def call(*given: str, **request: Any) -> Any:
                    if name == "get_paginator":
                        return client.get_paginator(*given)
                    mortal.calls += 1
                    dying = mortal.calls == mortal.dies_at
                    if dying and not mortal.after:
                        raise Killed
                    answer = getattr(client, name)(**request)
                    if dying:
                        raise Killed
                    return answer

                return call

        return Wrapped()


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
