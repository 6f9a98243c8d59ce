"""Dispatch: gives an arrival the order that suits it best, exactly once. Runs in Lambda.

Which order suits is `scones.dispatch_rule`'s to say. An order and an arrival find each other in one transaction whose
conditions hold for one of each alone; whoever asks again, after a crash too, gets the first answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.delivery import Assignment
from scones.dispatch_rule import Choice, Order, Rules, choose, in_doubt
from scones.errors import DispatchConflictError, EventError, NoOrderAvailable, PredictionError, VehicleInDoubt
from scones.items import from_item, query_by_state, to_attribute, to_item
from scones.workflow.clients import client
from scones.workflow.events import parse_image_data

# Where many drivers arrive at once they all want the same order: each takes the next best, before it waits a little.
_TRIES = 25
# The most urgent orders, the less urgent only where none of them suits, and the first of the line.
_PAGE, _LINE = 100, 50
# Who stands in line asks every 15 seconds; who has not asked for so long has left.
_LEFT_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Depot:
    """Where orders and arrivals are kept, and by what rules they meet."""

    orders: str
    arrivals: str
    rules: Rules
    dynamodb: Any


def handler(event: Mapping[str, Any], context: object) -> Assignment:
    depot = Depot(
        orders=os.environ["ORDERS_TABLE"],
        arrivals=os.environ["ARRIVALS_TABLE"],
        rules=Rules.from_json(os.environ["RULES"]),
        dynamodb=client("dynamodb"),
    )
    data = parse_image_data(event["data"])
    if "arrival_id" not in data:
        raise EventError("the data object has no arrival_id; Dispatch comes after Serialize")
    return dispatch(data["arrival_id"], probabilities(event), depot=depot, now=datetime.now(UTC))


def probabilities(event: Mapping[str, Any]) -> dict[str, float]:
    """Return class -> probability: what a person said is certain, what the model said is not."""
    if review := event.get("review"):
        return {str(review["answer"]): 1.0}
    data = parse_image_data(event["data"])
    if len(data["inferences"]) != len(data.get("labels", [])):
        raise PredictionError("the data object has no labels for its inferences; Dispatch needs the full answer")
    return dict(zip(data["labels"], data["inferences"], strict=True))


def dispatch(arrival: str, seen: Mapping[str, float], *, depot: Depot, now: datetime) -> Assignment:
    """Return the order that the arrival has now, or has had before.

    Raises VehicleInDoubt where none suits and doubt alone may be why, so that a person looks; else NoOrderAvailable:
    it stands in line from then on, and those ahead of it choose first.
    Raises DispatchConflictError where others were faster every time.
    """
    row = _row(arrival, depot=depot)
    if "assignment" in row:
        return _given_before(row)
    line = _line_before(row, depot=depot, now=now)
    for orders in _open_orders(depot=depot):
        left = _left_by_the_line(orders, line, depot.rules, now)
        if given := _first_to_take(arrival, seen, left, depot=depot, now=now):
            return given
    if in_doubt(seen, depot.rules):
        raise VehicleInDoubt("no open order suits a vehicle that may be either; a person looks")
    _stand_in_line(arrival, seen, depot=depot, now=now)
    raise NoOrderAvailable("no open order suits; the driver waits in line")


def _first_to_take(
    arrival: str, seen: Mapping[str, float], orders: Sequence[Order], *, depot: Depot, now: datetime
) -> Assignment | None:
    """The best of `orders` that nobody took before; None where none suits."""
    left = list(orders)
    for _ in range(_TRIES):
        chosen = choose(seen, left, depot.rules, now)
        if chosen is None:
            return None
        given = _assignment(chosen, now)
        refused = _transact(
            *(part(arrival, given, depot=depot) for part in (_take_order, _give_to_driver)), depot=depot
        )
        if refused is None:
            return given
        if refused[1] != "None":
            row = _row(arrival, depot=depot)
            if "assignment" in row:
                return _given_before(row)
        # Somebody has the order or is taking it; the index may show it as open for a while.
        left.remove(chosen.order)
    raise DispatchConflictError(f"others were faster {_TRIES} times; try again")


def _given_before(row: Mapping[str, Any]) -> Assignment:
    found: Assignment = row["assignment"]
    return found


def _row(arrival: str, *, depot: Depot) -> dict[str, Any]:
    key = to_item({"arrival_id": arrival})
    found = depot.dynamodb.get_item(TableName=depot.arrivals, Key=key, ConsistentRead=True)
    return from_item(found.get("Item", {}))


def _open_orders(*, depot: Depot) -> Iterator[list[Order]]:
    """The open orders, the first promised first, a page at a time."""
    query = query_by_state(depot.orders, "OPEN") | {"PaginationConfig": {"PageSize": _PAGE}}
    for page in depot.dynamodb.get_paginator("query").paginate(**query):
        rows = map(from_item, page["Items"])
        yield [Order(r["order_id"], r["distance_km"], datetime.fromisoformat(r["promised_at"])) for r in rows]


def _line_before(row: Mapping[str, Any], *, depot: Depot, now: datetime) -> list[dict[str, Any]]:
    """Who came before `row` and still waits in line, the first first."""
    query = query_by_state(depot.arrivals, "IN_LINE")
    query["KeyConditionExpression"] += " AND arrived_at < :mine"
    query["ExpressionAttributeValues"] |= to_item({":mine": row.get("arrived_at", now.isoformat())})
    line = map(from_item, depot.dynamodb.query(**query, Limit=_LINE)["Items"])
    return [waiting for waiting in line if datetime.fromisoformat(waiting["seen_at"]) >= now - _LEFT_AFTER]


def _left_by_the_line(
    orders: Sequence[Order], line: list[dict[str, Any]], rules: Rules, now: datetime
) -> Sequence[Order]:
    """The orders that the line would not take; who would take one leaves the line."""
    left = list(orders)
    for waiting in list(line):
        if theirs := choose(waiting["probabilities"], left, rules, now):
            left.remove(theirs.order)
            line.remove(waiting)
    return left


def _stand_in_line(arrival: str, seen: Mapping[str, float], *, depot: Depot, now: datetime) -> None:
    line = {
        "TableName": depot.arrivals,
        "Key": to_item({"arrival_id": arrival}),
        "UpdateExpression": "SET #state = :line, seen_at = :now, probabilities = :seen, "
        "arrived_at = if_not_exists(arrived_at, :now)",
        "ConditionExpression": "attribute_not_exists(assignment)",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item({":line": "IN_LINE", ":now": now.isoformat(), ":seen": seen}),
    }
    if _transact(line, depot=depot):
        raise DispatchConflictError("the arrival got its order just now; ask again")


def _assignment(chosen: Choice, now: datetime) -> Assignment:
    return Assignment(
        order_id=chosen.order.order_id,
        distance_km=chosen.order.distance_km,
        promised_at=chosen.order.promised_at.isoformat(),
        vehicle=chosen.vehicle,
        bay=chosen.bay,
        expected_cost_minutes=round(chosen.expected_cost_minutes, 3),
        assigned_at=now.isoformat(),
    )


def _take_order(arrival: str, given: Assignment, *, depot: Depot) -> dict[str, Any]:
    return {
        "TableName": depot.orders,
        "Key": to_item({"order_id": given["order_id"]}),
        "UpdateExpression": "SET #state = :assigned, arrival_id = :arrival, assigned_at = :now",
        "ConditionExpression": "#state = :open",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item(
            {":assigned": "ASSIGNED", ":open": "OPEN", ":arrival": arrival, ":now": given["assigned_at"]}
        ),
    }


def _give_to_driver(arrival: str, given: Assignment, *, depot: Depot) -> dict[str, Any]:
    return {
        "TableName": depot.arrivals,
        "Key": to_item({"arrival_id": arrival}),
        "UpdateExpression": "SET #state = :dispatched, assignment = :given",
        "ConditionExpression": "attribute_not_exists(assignment)",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":dispatched": {"S": "DISPATCHED"}, ":given": to_attribute(given)},
    }


def _transact(*updates: Mapping[str, Any], depot: Depot) -> list[str] | None:
    """Make all the updates or none; None where they were made, else each one's reason, "None" where it had none."""
    try:
        depot.dynamodb.transact_write_items(TransactItems=[{"Update": update} for update in updates])
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        return [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
    return None
