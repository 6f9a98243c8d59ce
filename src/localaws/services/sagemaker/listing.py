"""Filters, sorting and pages of the List operations, which all have the same parameters."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from localaws.services.sagemaker.store import Record
from localaws.wire import ValidationException

# SageMaker's default of MaxResults.
_DEFAULT_RESULTS = 10


def page(records: Iterable[Record], request: dict[str, Any], key: str, *, name: str, status: str = "") -> Record:
    """Return one page of `records` under `key`, with NextToken if more follow.

    `name` and `status` are the record's members that NameContains, SortBy and StatusEquals refer to.
    Raises ValidationException for a NextToken that this function did not return.
    """
    matching = [record for record in records if _matches(record, request, name, status)]
    sort_by = request.get("SortBy", "CreationTime")
    member = {"Name": name, "Status": status}.get(sort_by, sort_by)
    descending = request.get("SortOrder", "Descending") == "Descending"
    matching.sort(key=lambda record: record.get(member) or record["CreationTime"], reverse=descending)
    # A token is the position of the next page: records created meanwhile may shift the pages.
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", _DEFAULT_RESULTS)
    answer: Record = {key: matching[start:end]}
    if end < len(matching):
        answer["NextToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer


def _matches(record: Record, request: dict[str, Any], name: str, status: str) -> bool:
    if request.get("NameContains", "").lower() not in record[name].lower():
        return False
    if "StatusEquals" in request and record.get(status) != request["StatusEquals"]:
        return False
    # Nothing here has a warm pool or a training plan, so nothing matches one.
    if "WarmPoolStatusEquals" in request or "TrainingPlanArnEquals" in request:
        return False
    return all(_is_within(record, request, member) for member in ("CreationTime", "LastModifiedTime"))


def _is_within(record: Record, request: dict[str, Any], member: str) -> bool:
    time = record.get(member)
    if time is None:
        return True
    after = request.get(f"{member}After")
    before = request.get(f"{member}Before")
    return (after is None or time >= _seconds(after)) and (before is None or time <= _seconds(before))


def _seconds(timestamp: float | str) -> float:
    # Most SDKs send seconds since the epoch; state machines may pass ISO 8601.
    if not isinstance(timestamp, str):
        return timestamp
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError as error:
        raise ValidationException(f"{timestamp!r} is not a timestamp") from error


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return max(0, int(base64.urlsafe_b64decode(token.encode())))
    except (ValueError, binascii.Error) as error:
        raise ValidationException("Invalid NextToken") from error
