"""Dispatch with real tables: one order per arrival, with concurrent calls, repeated calls and crashes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scones.contract.delivery import Assignment, ImageData, ReviewAnswer
from scones.dispatch_rule import Rules
from scones.errors import DispatchConflictError, DispatchRulesError, NoOrderAvailable, PredictionError, VehicleInDoubt
from scones.items import from_item, to_item
from scones.workflow.dispatch import DispatchContext, dispatch, probabilities

from .fakes import Crash, CrashingClients

NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
BICYCLE = {"bicycle": 1.0, "motorcycle": 0.0}
MOTORCYCLE = {"bicycle": 0.0, "motorcycle": 1.0}


@pytest.fixture
def context(localaws: Any, table: Callable[[str, str], str]) -> DispatchContext:
    orders = table("order_id", "promised_at")
    arrivals = table("arrival_id", "arrived_at")
    return DispatchContext(orders, arrivals, Rules(), localaws.client("dynamodb"))


def add_orders(context: DispatchContext, **distances: float) -> None:
    promised = (NOW + timedelta(minutes=30)).isoformat()
    for name, km in distances.items():
        row = {"order_id": name, "state": "OPEN", "distance_km": km, "promised_at": promised}
        context.dynamodb.put_item(TableName=context.orders, Item=to_item(row))


def rows(context: DispatchContext, table: str) -> list[dict[str, Any]]:
    return [from_item(item) for item in context.dynamodb.scan(TableName=table)["Items"]]


def pairs(context: DispatchContext) -> set[tuple[str, str]]:
    """Return (order, arrival) of each assignment; both tables must agree."""
    by_order = {(row["order_id"], row["arrival_id"]) for row in rows(context, context.orders) if "arrival_id" in row}
    by_arrival = {
        (row["assignment"]["order_id"], row["arrival_id"])
        for row in rows(context, context.arrivals)
        if "assignment" in row
    }
    assert by_order == by_arrival
    return by_order


def assign(
    context: DispatchContext, arrival: str, belief: dict[str, float] = BICYCLE, now: datetime = NOW
) -> Assignment:
    return dispatch(arrival, belief, context=context, now=now)


def test_a_bicycle_gets_the_near_order_and_a_motorcycle_the_far_one(context: DispatchContext) -> None:
    add_orders(context, near=1.5, far=8)
    assert (assign(context, "a1")["order_id"], assign(context, "a2", MOTORCYCLE)["order_id"]) == ("near", "far")
    assert pairs(context) == {("near", "a1"), ("far", "a2")}


def test_a_repeated_call_returns_the_first_assignment(context: DispatchContext) -> None:
    add_orders(context, one=1, two=2)
    assert assign(context, "a1") == assign(context, "a1", now=NOW + timedelta(minutes=5))
    assert len(pairs(context)) == 1


def test_concurrent_arrivals_get_different_orders(context: DispatchContext) -> None:
    add_orders(context, **{f"o{n}": 1 + n / 10 for n in range(16)})

    def retry(number: int) -> str:
        while True:
            try:
                return assign(context, f"a{number % 16}")["order_id"]
            except (DispatchConflictError, NoOrderAvailable):
                continue

    with ThreadPoolExecutor(8) as threads:
        order_ids = list(threads.map(retry, range(32)))
    assert order_ids[:16] == order_ids[16:]
    assert len(pairs(context)) == 16


def test_a_driver_without_a_suitable_order_waits_for_the_next(context: DispatchContext) -> None:
    add_orders(context, far=8)
    with pytest.raises(NoOrderAvailable, match="no open order is suitable"):
        assign(context, "a1")
    assert [row["state"] for row in rows(context, context.arrivals)] == ["IN_LINE"]
    add_orders(context, near=1)
    assert assign(context, "a1")["order_id"] == "near"


def test_an_arrival_in_doubt_without_a_suitable_order_goes_to_review(context: DispatchContext) -> None:
    add_orders(context, far=8)
    with pytest.raises(VehicleInDoubt, match="a person decides"):
        assign(context, "a1", {"bicycle": 0.4, "motorcycle": 0.6})
    assert rows(context, context.arrivals) == []
    assert assign(context, "a1", {"motorcycle": 1.0})["order_id"] == "far"


def test_a_suitable_order_on_a_later_page_is_found(context: DispatchContext) -> None:
    add_orders(context, **{f"far{n}": 8 for n in range(250)})
    late = {"order_id": "near", "state": "OPEN", "distance_km": 1, "promised_at": (NOW + timedelta(days=1)).isoformat()}
    context.dynamodb.put_item(TableName=context.orders, Item=to_item(late))
    assert assign(context, "a1")["order_id"] == "near"


def test_a_driver_ahead_in_the_queue_keeps_one_order_across_all_pages(context: DispatchContext) -> None:
    with pytest.raises(NoOrderAvailable):
        assign(context, "first")
    promised = (NOW + timedelta(minutes=10)).isoformat()
    for name, km in (("near", 1), *((f"far{n}", 8) for n in range(200))):
        row = {"order_id": name, "state": "OPEN", "distance_km": km, "promised_at": promised}
        context.dynamodb.put_item(TableName=context.orders, Item=to_item(row))
    add_orders(context, other=1)
    assert assign(context, "second", now=NOW + timedelta(seconds=5))["order_id"] == "other"
    assert assign(context, "first", now=NOW + timedelta(seconds=10))["order_id"] == "near"


def test_the_first_driver_in_the_queue_gets_the_order(context: DispatchContext) -> None:
    with pytest.raises(NoOrderAvailable):
        assign(context, "first")
    add_orders(context, near=1)
    with pytest.raises(NoOrderAvailable):
        assign(context, "second", now=NOW + timedelta(seconds=5))
    assert assign(context, "first", now=NOW + timedelta(seconds=10))["order_id"] == "near"


def test_a_driver_who_left_the_queue_is_ignored(context: DispatchContext) -> None:
    with pytest.raises(NoOrderAvailable):
        assign(context, "gone")
    add_orders(context, near=1)
    assert assign(context, "later", now=NOW + timedelta(minutes=5))["order_id"] == "near"


def test_the_queue_keeps_only_orders_that_suit_its_drivers(context: DispatchContext) -> None:
    with pytest.raises(NoOrderAvailable):
        assign(context, "bicycle")
    add_orders(context, far=8)
    assert assign(context, "motorcycle", MOTORCYCLE, now=NOW + timedelta(seconds=5))["order_id"] == "far"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 6))
def test_a_crash_at_any_call_neither_loses_nor_repeats_an_assignment(
    context: DispatchContext, call: int, after: bool
) -> None:
    """The calls: the row, the queue, the open orders, the transaction; a fifth is never made."""
    add_orders(context, one=1, two=2)
    crashing = CrashingClients(call, after)
    crashing_context = replace(context, dynamodb=crashing.wrap(context.dynamodb))
    if call < 5:
        with pytest.raises(Crash):
            assign(crashing_context, "a1")
    else:
        assign(crashing_context, "a1")
        assert crashing.calls == 4
    assignment = assign(context, "a1")
    assert pairs(context) == {(assignment["order_id"], "a1")}
    assert [row["state"] for row in rows(context, context.orders)].count("OPEN") == 1


def image_data(**fields: Any) -> ImageData:
    return ImageData(image_data="", s3_bucket="b", s3_key="k", inferences=[0.6, 0.4], **fields)


def test_a_reviewers_answer_has_probability_1() -> None:
    data = image_data(labels=["bicycle", "motorcycle"])
    review = ReviewAnswer(answer="motorcycle", reviewer="anna", answered_at=NOW.isoformat())
    assert probabilities(data, None) == {"bicycle": 0.6, "motorcycle": 0.4}
    assert probabilities(data, review) == {"motorcycle": 1.0}


def test_probabilities_without_labels_raise_a_prediction_error() -> None:
    with pytest.raises(PredictionError, match="no labels"):
        probabilities(image_data(), None)


def test_a_class_without_a_vehicle_raises_a_dispatch_rules_error(context: DispatchContext) -> None:
    add_orders(context, near=1)
    with pytest.raises(DispatchRulesError, match="no vehicle for scooter"):
        assign(context, "a1", {"scooter": 1.0})
