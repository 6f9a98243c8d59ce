"""Dispatch against real tables: one order for one arrival, whoever asks, however often, and wherever it dies."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scones.contract.delivery import Assignment
from scones.dispatch_rule import Rules
from scones.errors import DispatchConflictError, DispatchRulesError, NoOrderAvailable, PredictionError, VehicleInDoubt
from scones.items import from_item, to_item
from scones.workflow.dispatch import Depot, dispatch, probabilities

from .conftest import Killed, Mortal

NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
BICYCLE, MOTORCYCLE = {"bicycle": 1.0, "motorcycle": 0.0}, {"bicycle": 0.0, "motorcycle": 1.0}


@pytest.fixture
def depot(localaws: Any, table: Callable[[str, str], str]) -> Depot:
    orders, arrivals = table("order_id", "promised_at"), table("arrival_id", "arrived_at")
    return Depot(orders, arrivals, Rules(), localaws.client("dynamodb"))


def add_orders(depot: Depot, **distances: float) -> None:
    promised = (NOW + timedelta(minutes=30)).isoformat()
    for name, km in distances.items():
        row = {"order_id": name, "state": "OPEN", "distance_km": km, "promised_at": promised}
        depot.dynamodb.put_item(TableName=depot.orders, Item=to_item(row))


def rows(depot: Depot, table: str) -> list[dict[str, Any]]:
    return [from_item(item) for item in depot.dynamodb.scan(TableName=table)["Items"]]


def pairs(depot: Depot) -> set[tuple[str, str]]:
    """Who has which order, by the orders' table; the arrivals' must say the same."""
    by_order = {(row["order_id"], row["arrival_id"]) for row in rows(depot, depot.orders) if "arrival_id" in row}
    by_arrival = {
        (row["assignment"]["order_id"], row["arrival_id"]) for row in rows(depot, depot.arrivals) if "assignment" in row
    }
    assert by_order == by_arrival
    return by_order


def give(depot: Depot, arrival: str, seen: dict[str, float] = BICYCLE, now: datetime = NOW) -> Assignment:
    return dispatch(arrival, seen, depot=depot, now=now)


def test_a_bicycle_gets_the_near_order_and_a_motorcycle_the_far_one(depot: Depot) -> None:
    add_orders(depot, near=1.5, far=8)
    assert (give(depot, "a1")["order_id"], give(depot, "a2", MOTORCYCLE)["order_id"]) == ("near", "far")
    assert pairs(depot) == {("near", "a1"), ("far", "a2")}


def test_who_asks_again_gets_the_first_answer(depot: Depot) -> None:
    add_orders(depot, one=1, two=2)
    assert give(depot, "a1") == give(depot, "a1", now=NOW + timedelta(minutes=5))
    assert len(pairs(depot)) == 1


def test_many_at_once_get_an_order_each(depot: Depot) -> None:
    add_orders(depot, **{f"o{n}": 1 + n / 10 for n in range(16)})

    def insist(number: int) -> str:
        while True:
            try:
                return give(depot, f"a{number % 16}")["order_id"]
            except (DispatchConflictError, NoOrderAvailable):
                continue

    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(insist, range(32)))
    assert given[:16] == given[16:]
    assert len(pairs(depot)) == 16


def test_without_a_suitable_order_the_driver_stands_in_line_and_gets_the_one_that_comes(depot: Depot) -> None:
    add_orders(depot, far=8)
    with pytest.raises(NoOrderAvailable, match="no open order suits"):
        give(depot, "a1")
    assert [row["state"] for row in rows(depot, depot.arrivals)] == ["IN_LINE"]
    add_orders(depot, near=1)
    assert give(depot, "a1")["order_id"] == "near"


def test_a_driver_whom_doubt_alone_leaves_without_an_order_is_looked_at_by_a_person(depot: Depot) -> None:
    add_orders(depot, far=8)
    with pytest.raises(VehicleInDoubt, match="a person looks"):
        give(depot, "a1", {"bicycle": 0.4, "motorcycle": 0.6})
    assert rows(depot, depot.arrivals) == []
    assert give(depot, "a1", {"motorcycle": 1.0})["order_id"] == "far"


def test_an_order_that_suits_is_found_behind_many_that_do_not(depot: Depot) -> None:
    add_orders(depot, **{f"far{n}": 8 for n in range(250)})
    late = {"order_id": "near", "state": "OPEN", "distance_km": 1, "promised_at": (NOW + timedelta(days=1)).isoformat()}
    depot.dynamodb.put_item(TableName=depot.orders, Item=to_item(late))
    assert give(depot, "a1")["order_id"] == "near"


def test_who_is_ahead_in_line_keeps_one_order_alone_however_many_pages_there_are(depot: Depot) -> None:
    with pytest.raises(NoOrderAvailable):
        give(depot, "first")
    promised = (NOW + timedelta(minutes=10)).isoformat()
    for name, km in (("near", 1), *((f"far{n}", 8) for n in range(200))):
        row = {"order_id": name, "state": "OPEN", "distance_km": km, "promised_at": promised}
        depot.dynamodb.put_item(TableName=depot.orders, Item=to_item(row))
    add_orders(depot, other=1)
    assert give(depot, "second", now=NOW + timedelta(seconds=5))["order_id"] == "other"
    assert give(depot, "first", now=NOW + timedelta(seconds=10))["order_id"] == "near"


def test_the_line_goes_by_turns(depot: Depot) -> None:
    with pytest.raises(NoOrderAvailable):
        give(depot, "first")
    add_orders(depot, near=1)
    with pytest.raises(NoOrderAvailable):
        give(depot, "second", now=NOW + timedelta(seconds=5))
    assert give(depot, "first", now=NOW + timedelta(seconds=10))["order_id"] == "near"


def test_who_left_the_line_keeps_nobody_waiting(depot: Depot) -> None:
    with pytest.raises(NoOrderAvailable):
        give(depot, "gone")
    add_orders(depot, near=1)
    assert give(depot, "later", now=NOW + timedelta(minutes=5))["order_id"] == "near"


def test_the_line_ahead_takes_only_what_suits_it(depot: Depot) -> None:
    with pytest.raises(NoOrderAvailable):
        give(depot, "bicycle")
    add_orders(depot, far=8)
    assert give(depot, "motorcycle", MOTORCYCLE, now=NOW + timedelta(seconds=5))["order_id"] == "far"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 6))
def test_a_death_at_any_call_loses_nothing_and_gives_nothing_twice(depot: Depot, call: int, after: bool) -> None:
    """Five calls: the row, the line before it, the open orders, the transaction, and one that is never reached."""
    add_orders(depot, one=1, two=2)
    mortal = Mortal(call, after)
    dying = replace(depot, dynamodb=mortal.wrap(depot.dynamodb))
    if call < 5:
        with pytest.raises(Killed):
            give(dying, "a1")
    else:
        give(dying, "a1")
        assert mortal.calls == 4
    given = give(depot, "a1")
    assert pairs(depot) == {(given["order_id"], "a1")}
    assert [row["state"] for row in rows(depot, depot.orders)].count("OPEN") == 1


def test_what_a_person_said_is_certain_and_what_the_model_said_is_not() -> None:
    data = {"s3_bucket": "b", "s3_key": "k", "inferences": [0.6, 0.4], "labels": ["bicycle", "motorcycle"]}
    assert probabilities({"data": data}) == {"bicycle": 0.6, "motorcycle": 0.4}
    assert probabilities({"data": data, "review": {"answer": "motorcycle"}}) == {"motorcycle": 1.0}


def test_probabilities_without_labels_are_an_error_of_the_event() -> None:
    with pytest.raises(PredictionError, match="no labels"):
        probabilities({"data": {"s3_bucket": "b", "s3_key": "k", "inferences": [0.6, 0.4]}})


def test_a_class_without_a_vehicle_is_an_error_of_the_rules(depot: Depot) -> None:
    add_orders(depot, near=1)
    with pytest.raises(DispatchRulesError, match="no vehicle for scooter"):
        give(depot, "a1", {"scooter": 1.0})
