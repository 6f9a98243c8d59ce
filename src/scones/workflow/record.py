"""Record: writes what became of an arrival to `decisions/` and its row: every delivery ends in a named outcome."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from scones.contract.delivery import Decision
from scones.contract.layout import ARRIVALS, DECISIONS, JSON, KEPT_SECONDS
from scones.items import conditional_write, to_item
from scones.workflow.arrivals import arrival_id
from scones.workflow.clients import client
from scones.workflow.events import parse_image_data


def handler(event: Mapping[str, Any], context: object) -> Decision:
    threshold = os.environ["THRESHOLD"]
    decision = decide(event, threshold=float(threshold) if threshold else None, now=datetime.now(UTC))
    return record(decision, table=os.environ["ARRIVALS_TABLE"], s3=client("s3"), dynamodb=client("dynamodb"))


def record(decision: Decision, *, table: str, s3: Any, dynamodb: Any) -> Decision:
    """Write the outcome into the arrival's row, then the decision beside the arrivals; may be done twice.

    Where another execution has the arrival by then, its decision stands and nothing is written.
    """
    if _has_arrival(decision, table=table, dynamodb=dynamodb):
        s3.put_object(
            Bucket=decision["s3_bucket"],
            Key=decision_key(decision["s3_key"]),
            Body=json.dumps(decision, indent=2).encode(),
            ContentType=JSON,
        )
    return decision


def _has_arrival(decision: Decision, *, table: str, dynamodb: Any) -> bool:
    """Whether the outcome could be written: the arrival is this execution's, or nobody's who still works on it."""
    values = {
        ":outcome": decision["outcome"],
        ":failed": "FAILED",
        ":execution": decision["execution"],
        ":at": decision["decided_at"],
        ":expires": int(datetime.fromisoformat(decision["decided_at"]).timestamp()) + KEPT_SECONDS,
        ":bucket": decision["s3_bucket"],
        ":key": decision["s3_key"],
    }
    return conditional_write(
        dynamodb.update_item,
        TableName=table,
        Key=to_item({"arrival_id": decision["arrival_id"]}),
        UpdateExpression="SET #state = :outcome, execution = :execution, decided_at = :at, expires_at = :expires, "
        "s3_bucket = :bucket, s3_key = :key, arrived_at = if_not_exists(arrived_at, :at)",
        ConditionExpression="attribute_not_exists(execution) OR execution = :execution OR #state = :failed",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item(values),
    )


def decide(event: Mapping[str, Any], *, threshold: float | None, now: datetime) -> Decision:
    """Return the decision that the state machine's `{outcome, event, data, error, execution, ...}` describes.

    `event` is the execution's own input and names the picture even where no state understood it; `data` is the data
    object as far as it came; `threshold` is the workflow's, None where the model's own counts. Raises EventError where
    the execution's input names no picture.
    """
    arrival = parse_image_data(event["event"])
    data = parse_image_data(event["data"]) if event.get("data") else arrival
    inferences, labels = data["inferences"], data.get("labels", [])
    confidence = max(inferences, default=None)
    best = inferences.index(confidence) if confidence is not None else None
    error = event.get("error") or {}
    return Decision(
        outcome=event["outcome"],
        arrival_id=data.get("arrival_id") or arrival_id(arrival),
        s3_bucket=arrival["s3_bucket"],
        s3_key=arrival["s3_key"],
        label=labels[best] if best is not None and best < len(labels) else None,
        confidence=confidence,
        inferences=inferences,
        threshold=data.get("threshold") if threshold is None else threshold,
        decided_by=event.get("decided_by"),
        assignment=event.get("assignment"),
        review=event.get("review"),
        error=error.get("Error"),
        cause=_message(error.get("Cause")),
        execution=str(event["execution"]),
        decided_at=now.isoformat(timespec="milliseconds"),
    )


def decision_key(arrival_key: str) -> str:
    """Return where the decision on an arrival stands: its own name under `decisions/`."""
    return f"{DECISIONS}{arrival_key.removeprefix(ARRIVALS)}.json"


def _message(cause: object) -> str | None:
    """Return the plain message of a Lambda error, which Step Functions hands on as a JSON text."""
    try:
        return str(json.loads(str(cause))["errorMessage"]) if cause else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return str(cause)
