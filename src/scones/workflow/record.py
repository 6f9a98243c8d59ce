"""Record: writes the outcome of a delivery to the arrival's row and under `decisions/`. Runs in Lambda."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scones.contract.delivery import Decision
from scones.contract.layout import ARRIVALS, DECISIONS, JSON, RETENTION_SECONDS
from scones.items import conditional_write, to_item
from scones.workflow.arrival.events import parse_image_data
from scones.workflow.arrival.image import arrival_id
from scones.workflow.clients import client
from scones.workflow.transient import retryable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client


@retryable
def handler(event: Mapping[str, Any], context: object) -> Decision:
    """Record the decision on an arrival. Reads THRESHOLD and ARRIVALS_TABLE from the environment."""
    threshold = os.environ["THRESHOLD"]
    decision = decide(event, threshold=float(threshold) if threshold else None, now=datetime.now(UTC))
    return record(decision, table=os.environ["ARRIVALS_TABLE"], s3=client("s3"), dynamodb=client("dynamodb"))


def record(decision: Decision, *, table: str, s3: S3Client, dynamodb: DynamoDBClient) -> Decision:
    """Write the outcome to the arrival's row, then the decision to S3, and return the decision.

    Safe to repeat. If another execution has claimed the arrival since, its decision counts and nothing is written.
    """
    # The row first: its condition decides which execution may write the object.
    if _write_outcome(decision, table=table, dynamodb=dynamodb):
        s3.put_object(
            Bucket=decision["s3_bucket"],
            Key=decision_key(decision["s3_key"]),
            Body=json.dumps(decision, indent=2).encode(),
            ContentType=JSON,
        )
    return decision


def decide(event: Mapping[str, Any], *, threshold: float | None, now: datetime) -> Decision:
    """Return the decision described by the state machine's `{outcome, event, data, error, execution, ...}`.

    `event` is the execution's input, which names the image even if no state could read it; `data` is the data object
    of the last state that succeeded. `threshold` is the workflow's, or None if the model's own counts. Raises
    EventError if the input does not name an image.
    """
    arrival = parse_image_data(event["event"])
    data = parse_image_data(event["data"]) if event.get("data") else arrival
    inferences = data["inferences"]
    confidence = max(inferences, default=None)
    error = event.get("error") or {}
    return Decision(
        outcome=event["outcome"],
        arrival_id=data.get("arrival_id") or arrival_id(arrival),
        s3_bucket=arrival["s3_bucket"],
        s3_key=arrival["s3_key"],
        label=_most_probable(inferences, data.get("labels", [])),
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
    """Return the key of the decision on an arrival: the arrival's key with `decisions/` instead of `arrivals/`."""
    return f"{DECISIONS}{arrival_key.removeprefix(ARRIVALS)}.json"


def _write_outcome(decision: Decision, *, table: str, dynamodb: DynamoDBClient) -> bool:
    """Write the outcome to the arrival's row. Return False if the row belongs to another execution."""
    decided_at = datetime.fromisoformat(decision["decided_at"])
    values = {
        ":outcome": decision["outcome"],
        ":failed": "FAILED",
        ":execution": decision["execution"],
        ":at": decision["decided_at"],
        ":expires": int(decided_at.timestamp()) + RETENTION_SECONDS,
        ":bucket": decision["s3_bucket"],
        ":key": decision["s3_key"],
    }
    return conditional_write(
        dynamodb.update_item,
        TableName=table,
        Key=to_item({"arrival_id": decision["arrival_id"]}),
        UpdateExpression="SET #state = :outcome, execution = :execution, decided_at = :at, expires_at = :expires, "
        "s3_bucket = :bucket, s3_key = :key, arrived_at = if_not_exists(arrived_at, :at)",
        # The condition of the Claim state: a failed execution gives its arrival back.
        ConditionExpression="attribute_not_exists(execution) OR execution = :execution OR #state = :failed",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item(values),
    )


def _most_probable(inferences: list[float], labels: list[str]) -> str | None:
    if not inferences:
        return None
    best = inferences.index(max(inferences))
    # Endpoints that return only probabilities have no labels.
    return labels[best] if best < len(labels) else None


def _message(cause: object) -> str | None:
    # Lambda's integration passes an exception as JSON; other causes are plain text.
    try:
        return str(json.loads(str(cause))["errorMessage"]) if cause else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return str(cause)
