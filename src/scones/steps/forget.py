"""`scones forget`: deletes what the project knows of one driver.

Everything else is found by ids that the arrivals' rows and decisions hold, so these are deleted last: after an
interrupted run, the next one still finds the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.contract.layout import ARRIVALS, CAPTURES, DECISIONS, LABELS
from scones.errors import UsageError
from scones.items import from_item, to_item
from scones.progress import Progress
from scones.steps.account.gone import is_gone
from scones.steps.run.delivery import input_key
from scones.steps.run.executions import list_executions, stop_execution
from scones.steps.storage.s3 import all_versions, delete_objects
from scones.steps.storage.threads import in_threads

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

    from scones.clients import ClientFactory

REMAINS = (
    "Step Functions keeps inputs and outputs for 90 days, and logs of functions are kept for 30; both name the driver"
)


@dataclass(frozen=True)
class DriverRecords:
    """Where the data of drivers is: the bucket, the names of two tables, and the delivery state machine's ARN."""

    bucket: str
    arrivals_table: str
    reviews_table: str
    machine: str
    client: ClientFactory
    progress: Progress


@dataclass(frozen=True)
class Traces:
    """What is known of a driver: running executions' ARNs, ids of arrivals, ids with a row, and versions of objects.

    `dependent` are captures and labels, which are found by their content or by the ids; `own` are those under the
    driver's own prefixes.
    """

    executions: list[str]
    arrival_ids: list[str]
    rows: list[str]
    dependent: list[ObjectIdentifierTypeDef]
    own: list[ObjectIdentifierTypeDef]

    def counts(self) -> dict[str, int]:
        """Return the number of each kind; versions and delete markers of an object count one by one."""
        prefixes = (ARRIVALS, DECISIONS, CAPTURES, LABELS)
        keys = [version["Key"] for version in (*self.own, *self.dependent)]
        counts = {prefix.rstrip("/"): sum(key.startswith(prefix) for key in keys) for prefix in prefixes}
        return {"executions": len(self.executions), "rows": len(self.rows), **counts}


def find_traces(driver: str, records: DriverRecords) -> Traces:
    """Return what is known of a driver, without changing anything.

    Raises UsageError if the name is empty or has a slash.
    """
    if not driver or "/" in driver:
        raise UsageError(f"{driver!r} is not a driver; it is the part of a key between arrivals/ and the next slash")
    prefix = f"{ARRIVALS}{driver}/"
    rows = list(_rows(prefix, records))
    decisions = _versions(f"{DECISIONS}{driver}/", records)
    own = [*_versions(prefix, records), *decisions]
    decided = [stored.get("arrival_id") for stored in _read(decisions, records, "reading decisions")]
    captures = _about(prefix, _versions(CAPTURES, records), records)
    labels = _versions(LABELS, records)
    labelled = {_arrival_id(version) for version in _about(prefix, labels, records)}
    ids = {*rows, *labelled, *(arrival for arrival in decided if arrival)}
    # An answer and the copy of its image have the arrival's id as their name.
    dependent = [*captures, *(version for version in labels if _arrival_id(version) in ids)]
    return Traces(list(_executions(prefix, records)), sorted(ids), rows, dependent, own)


def forget(traces: Traces, records: DriverRecords) -> None:
    """Stop the driver's executions and delete all that was found. Safe to repeat. Raises DeletionError."""
    for execution in traces.executions:
        stop_execution(execution, "Forgotten", stepfunctions=records.client("stepfunctions"))
    # The review function alone may read this table; to delete a row takes no more than its key.
    _delete_rows(records.reviews_table, traces.arrival_ids, records)
    s3 = records.client("s3")
    for versions in (traces.dependent, traces.own):
        delete_objects(records.bucket, versions, s3=s3)
    _delete_rows(records.arrivals_table, traces.rows, records)


def _executions(prefix: str, records: DriverRecords) -> Iterator[str]:
    stepfunctions = records.client("stepfunctions")
    for execution in list(list_executions(records.machine, stepfunctions=stepfunctions, status="RUNNING")):
        described = stepfunctions.describe_execution(executionArn=execution["executionArn"])
        if (input_key(described.get("input", "")) or "").startswith(prefix):
            yield execution["executionArn"]


def _rows(prefix: str, records: DriverRecords) -> Iterator[str]:
    """Yield the ids of the arrivals that have a row and whose keys begin with a prefix."""
    pages = records.client("dynamodb").get_paginator("scan")
    for page in pages.paginate(
        TableName=records.arrivals_table,
        FilterExpression="s3_bucket = :bucket AND begins_with(s3_key, :prefix)",
        ExpressionAttributeValues=to_item({":bucket": records.bucket, ":prefix": prefix}),
        ProjectionExpression="arrival_id",
    ):
        for item in page["Items"]:
            yield from_item(item)["arrival_id"]


def _delete_rows(table: str, arrival_ids: Sequence[str], records: DriverRecords) -> None:
    dynamodb = records.client("dynamodb")
    for done, arrival in enumerate(arrival_ids, start=1):
        dynamodb.delete_item(TableName=table, Key=to_item({"arrival_id": arrival}))
        records.progress.count(done, len(arrival_ids), f"rows of {table}")


def _versions(prefix: str, records: DriverRecords) -> list[ObjectIdentifierTypeDef]:
    pages = all_versions(records.bucket, prefix, s3=records.client("s3"))
    return [version for page in pages for version in page]


def _arrival_id(version: ObjectIdentifierTypeDef) -> str:
    return PurePosixPath(version["Key"]).stem


def _about(
    prefix: str, versions: Sequence[ObjectIdentifierTypeDef], records: DriverRecords
) -> list[ObjectIdentifierTypeDef]:
    """Return all versions of the JSON objects of which one is about an image whose key begins with a prefix."""
    documents = _read(versions, records, "looking for the driver")
    keys = {
        version["Key"]
        for version, document in zip(versions, documents, strict=True)
        if str(document.get("s3_key", "")).startswith(prefix)
    }
    return [version for version in versions if version["Key"] in keys]


def _read(versions: Sequence[ObjectIdentifierTypeDef], records: DriverRecords, detail: str) -> list[dict[str, Any]]:
    """Return what each version holds as JSON; an empty dictionary for an image or a delete marker."""
    return in_threads(partial(_read_one, records=records), versions, records.progress, detail)


def _read_one(version: ObjectIdentifierTypeDef, *, records: DriverRecords) -> dict[str, Any]:
    if not version["Key"].endswith(".json"):
        return {}
    s3 = records.client("s3")
    try:
        stored = s3.get_object(Bucket=records.bucket, Key=version["Key"], VersionId=version["VersionId"])
        document = json.loads(stored["Body"].read())
    except ClientError as error:
        # S3 does not let a delete marker be read.
        if is_gone(error) or error_code(error) == "MethodNotAllowed":
            return {}
        raise
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
