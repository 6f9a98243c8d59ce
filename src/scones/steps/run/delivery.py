"""One delivery as a row, from its execution or its event in the dead letter queue; and which of them to list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from scones.contract.layout import ARRIVALS
from scones.steps.run.compatibility import current_decision

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef


class Delivery(TypedDict):
    """One execution, or an event in the dead letter queue (`status` UNDELIVERED).

    `started_at` is ISO 8601 in UTC, empty for an event; `s3_key` is the image's key, None if the input names none, and
    `driver` is the one in that key. `outcome` is the decision's, "REPEAT" for a repeated event, FAILED for an execution
    that failed, and None for one that runs, was stopped or timed out. `order_id` is the order that the arrival got.
    """

    name: str
    status: str
    started_at: str
    driver: str | None
    s3_key: str | None
    outcome: str | None
    order_id: str | None
    error: str | None
    cause: str | None


@dataclass(frozen=True)
class Selection:
    """Which deliveries: those whose name begins with `name`, of one driver, not started before `since`."""

    name: str = ""
    driver: str | None = None
    since: datetime | None = None

    def includes(self, delivery: Delivery) -> bool:
        """Return whether a delivery is one of these. An event that started nothing has no start, and passes `since`."""
        started_at = delivery["started_at"]
        is_recent = not (self.since and started_at) or datetime.fromisoformat(started_at) >= self.since
        is_drivers = self.driver is None or delivery["driver"] == self.driver
        return delivery["name"].startswith(self.name) and is_drivers and is_recent


def from_execution(execution: Mapping[str, Any]) -> Delivery:
    """Return a delivery from the description of its execution, as `DescribeExecution` returns it."""
    decision = _decision(execution.get("output", ""))
    status = execution["status"]
    key = input_key(execution.get("input", ""))
    return Delivery(
        name=execution["name"],
        status=status,
        started_at=execution["startDate"].isoformat(timespec="seconds"),
        driver=_driver(key),
        s3_key=key,
        outcome=decision.get("outcome") or ("FAILED" if status == "FAILED" else None),
        order_id=(decision.get("assignment") or decision).get("order_id"),
        error=execution.get("error") or decision.get("error"),
        cause=execution.get("cause") or decision.get("cause"),
    )


def from_message(message: MessageTypeDef) -> Delivery:
    """Return a delivery from an event in the dead letter queue, whose name is the message's ID."""
    key = input_key(message["Body"])
    return Delivery(
        name=message["MessageId"],
        status="UNDELIVERED",
        started_at="",
        driver=_driver(key),
        s3_key=key,
        outcome=None,
        order_id=None,
        error=None,
        cause=None,
    )


def input_key(text: str) -> str | None:
    """Return the image's key in an execution's input: the data object of the course, or an event of EventBridge."""
    try:
        event = json.loads(text)
        return str(event["s3_key"] if "s3_key" in event else event["detail"]["object"]["key"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _decision(output: str) -> dict[str, Any]:
    """Return the decision in an execution's output; empty if the execution has no such output."""
    try:
        decision = json.loads(output)
    except (ValueError, RecursionError):
        return {}
    # Machines of the course run with these handlers, too, and end with whatever their last state returns.
    return current_decision(decision) if isinstance(decision, dict) else {}


def _driver(key: str | None) -> str | None:
    if key is None or not key.startswith(ARRIVALS):
        return None
    return key.removeprefix(ARRIVALS).rpartition("/")[0] or None
