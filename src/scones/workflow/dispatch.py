"""Dispatch: assigns the most suitable order to an arrival, exactly once. Runs in Lambda.

`scones.dispatch_rule` decides which order is suitable. One transaction assigns the order to the arrival and the arrival
to the order; its conditions hold only if both are still free. Repeated calls, also after a crash, return the first
assignment. An arrival without a suitable order waits in a queue, and those ahead of it choose first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.contract.delivery import Assignment, ImageData, ReviewAnswer
from scones.dispatch_rule import Choice, Order, Rules, choose, in_doubt
from scones.errors import (
    DispatchConflictError,
    EventError,
    NoOrderAvailable,
    PredictionError,
    ServiceUnavailableError,
    VehicleInDoubt,
)
from scones.items import from_item, query_by_state, to_attribute, to_item
from scones.workflow.arrival.events import parse_image_data
from scones.workflow.clients import client
from scones.workflow.transient import retryable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import UpdateTypeDef

# Many drivers who arrive at once want the same order. Each tries the next best, before Step Functions retries.
_MAX_ATTEMPTS = 25
# Orders are read page by page, most urgent first; a page is usually enough.
_ORDERS_PER_PAGE = 100
_MAX_QUEUE = 50
# The state machine asks every 15 seconds for a waiting driver. After four missed calls the driver no longer counts.
_LEFT_AFTER = timedelta(seconds=60)
# Reasons of a cancelled transaction that say nothing about the order or the arrival.
_THROTTLED = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})


@dataclass(frozen=True)
class DispatchContext:
    """The names of the tables of orders and arrivals, the rules, and the client of DynamoDB."""

    orders: str
    arrivals: str
    rules: Rules
    dynamodb: DynamoDBClient


@retryable
def handler(event: Mapping[str, Any], lambda_context: object) -> Assignment:
    """Dispatch an arrival. Reads ORDERS_TABLE, ARRIVALS_TABLE and RULES from the environment."""
    context = DispatchContext(
        orders=os.environ["ORDERS_TABLE"],
        arrivals=os.environ["ARRIVALS_TABLE"],
        rules=Rules.from_json(os.environ["RULES"]),
        dynamodb=client("dynamodb"),
    )
    data = parse_image_data(event["data"])
    if "arrival_id" not in data:
        raise EventError("the data object has no arrival_id; run Serialize before Dispatch")
    belief = probabilities(data, event.get("review"))
    return dispatch(data["arrival_id"], belief, context=context, now=datetime.now(UTC))


def probabilities(data: ImageData, review: ReviewAnswer | None) -> dict[str, float]:
    """Return the probability of each class: 1 for a reviewer's answer, otherwise those of the model.

    Raises PredictionError if the data object does not have one label for each probability.
    """
    if review:
        return {str(review["answer"]): 1.0}
    labels = data.get("labels", [])
    if len(data["inferences"]) != len(labels):
        raise PredictionError("the data object has no labels for its inferences; Dispatch needs the full response")
    return dict(zip(labels, data["inferences"], strict=True))


def dispatch(arrival: str, belief: Mapping[str, float], *, context: DispatchContext, now: datetime) -> Assignment:
    """Return the assignment of an arrival, new or existing; `belief` maps each class to its probability.

    Raises VehicleInDoubt if no order is suitable and only the doubt about the vehicle may be the reason, so that a
    person decides; NoOrderAvailable if no order is suitable otherwise, and from then on the arrival is in the queue;
    and DispatchConflictError if other arrivals took every order that was tried.
    """
    row = _read_arrival(arrival, context=context)
    if "assignment" in row:
        return _existing_assignment(row)
    queue = _queue_ahead_of(row, context=context, now=now)
    for orders in _pages_of_open_orders(context=context):
        remaining = _not_wanted_by_queue(orders, queue, context.rules, now)
        assignment = _assign_best(arrival, belief, remaining, context=context, now=now)
        if assignment:
            return assignment
    if in_doubt(belief, context.rules):
        raise VehicleInDoubt("no open order is suitable for every class in doubt; a person decides")
    _enqueue(arrival, belief, context=context, now=now)
    raise NoOrderAvailable("no open order is suitable; the driver waits in the queue")


def _assign_best(
    arrival: str, belief: Mapping[str, float], orders: Sequence[Order], *, context: DispatchContext, now: datetime
) -> Assignment | None:
    """Assign the best order that is still open. Return None if no order is suitable."""
    remaining = list(orders)
    for _ in range(_MAX_ATTEMPTS):
        choice = choose(belief, remaining, context.rules, now)
        if choice is None:
            return None
        assignment = _assignment(choice, now)
        order_update = _update_of_order(arrival, assignment, context=context)
        arrival_update = _update_of_arrival(arrival, assignment, context=context)
        reasons = _transact(order_update, arrival_update, context=context)
        if reasons is None:
            return assignment
        _, arrival_reason = reasons
        if _has_failed(arrival_reason):
            # A retry of Step Functions may run while the first call still does: whichever wrote first counts.
            row = _read_arrival(arrival, context=context)
            if "assignment" in row:
                return _existing_assignment(row)
        # The order is taken, or in another transaction now; the index is eventually consistent and may still list it.
        remaining.remove(choice.order)
    raise DispatchConflictError(f"other arrivals took the order {_MAX_ATTEMPTS} times; try again")


def _existing_assignment(row: Mapping[str, Any]) -> Assignment:
    assignment: Assignment = row["assignment"]
    return assignment


def _read_arrival(arrival: str, *, context: DispatchContext) -> dict[str, Any]:
    key = to_item({"arrival_id": arrival})
    response = context.dynamodb.get_item(TableName=context.arrivals, Key=key, ConsistentRead=True)
    return from_item(response.get("Item", {}))


def _pages_of_open_orders(*, context: DispatchContext) -> Iterator[list[Order]]:
    """Yield the open orders page by page, in the order of their promised times."""
    query = query_by_state(context.orders, "OPEN")
    paginator = context.dynamodb.get_paginator("query")
    for page in paginator.paginate(**query, PaginationConfig={"PageSize": _ORDERS_PER_PAGE}):
        yield [_order(from_item(item)) for item in page["Items"]]


def _order(row: Mapping[str, Any]) -> Order:
    return Order(row["order_id"], row["distance_km"], datetime.fromisoformat(row["promised_at"]))


def _queue_ahead_of(row: Mapping[str, Any], *, context: DispatchContext, now: datetime) -> list[dict[str, Any]]:
    """Return the rows of the drivers who arrived before and still wait, longest first."""
    query = query_by_state(context.arrivals, "IN_LINE")
    query["KeyConditionExpression"] += " AND arrived_at < :mine"
    query["ExpressionAttributeValues"] |= to_item({":mine": row.get("arrived_at", now.isoformat())})
    rows = map(from_item, context.dynamodb.query(**query, Limit=_MAX_QUEUE)["Items"])
    return [row for row in rows if datetime.fromisoformat(row["seen_at"]) >= now - _LEFT_AFTER]


def _not_wanted_by_queue(
    orders: Sequence[Order], queue: list[dict[str, Any]], rules: Rules, now: datetime
) -> Sequence[Order]:
    """Return the orders that no driver in the queue would get. A driver who would get one is removed from `queue`."""
    remaining = list(orders)
    # Each driver keeps one order only, on whichever page it is: hence the removal.
    for row in list(queue):
        choice = choose(row["probabilities"], remaining, rules, now)
        if choice:
            remaining.remove(choice.order)
            queue.remove(row)
    return remaining


def _enqueue(arrival: str, belief: Mapping[str, float], *, context: DispatchContext, now: datetime) -> None:
    """Put the arrival into the queue, or renew its `seen_at` if it is there already."""
    update: UpdateTypeDef = {
        "TableName": context.arrivals,
        "Key": to_item({"arrival_id": arrival}),
        # `arrived_at` is the place in the queue and stays.
        "UpdateExpression": "SET #state = :line, seen_at = :now, probabilities = :seen, "
        "arrived_at = if_not_exists(arrived_at, :now)",
        "ConditionExpression": "attribute_not_exists(assignment)",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item({":line": "IN_LINE", ":now": now.isoformat(), ":seen": belief}),
    }
    if _transact(update, context=context):
        raise DispatchConflictError("the arrival has just got an order; try again")


def _assignment(choice: Choice, now: datetime) -> Assignment:
    return Assignment(
        order_id=choice.order.order_id,
        distance_km=choice.order.distance_km,
        promised_at=choice.order.promised_at.isoformat(),
        vehicle=choice.vehicle,
        bay=choice.bay,
        expected_cost_minutes=round(choice.expected_cost_minutes, 3),
        assigned_at=now.isoformat(),
    )


def _update_of_order(arrival: str, assignment: Assignment, *, context: DispatchContext) -> UpdateTypeDef:
    values = {":assigned": "ASSIGNED", ":open": "OPEN", ":arrival": arrival, ":now": assignment["assigned_at"]}
    return {
        "TableName": context.orders,
        "Key": to_item({"order_id": assignment["order_id"]}),
        "UpdateExpression": "SET #state = :assigned, arrival_id = :arrival, assigned_at = :now",
        "ConditionExpression": "#state = :open",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item(values),
    }


def _update_of_arrival(arrival: str, assignment: Assignment, *, context: DispatchContext) -> UpdateTypeDef:
    return {
        "TableName": context.arrivals,
        "Key": to_item({"arrival_id": arrival}),
        "UpdateExpression": "SET #state = :dispatched, assignment = :given",
        "ConditionExpression": "attribute_not_exists(assignment)",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":dispatched": {"S": "DISPATCHED"}, ":given": to_attribute(assignment)},
    }


def _transact(*updates: UpdateTypeDef, context: DispatchContext) -> list[str] | None:
    """Make all updates or none. Return None if they were made, otherwise DynamoDB's reason for each update."""
    try:
        context.dynamodb.transact_write_items(TransactItems=[{"Update": update} for update in updates])
    except ClientError as error:
        if error_code(error) != "TransactionCanceledException":
            raise
        reasons = [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
        if _THROTTLED.intersection(reasons):
            raise ServiceUnavailableError(f"DynamoDB throttled a transaction: {', '.join(reasons)}") from error
        return reasons
    return None


def _has_failed(reason: str) -> bool:
    """Return whether an update is a cause of the cancellation. DynamoDB's reason for any other is the string "None"."""
    return reason != "None"
